"""Checkpoints of the CAVIS authors, and of Mask2Former in Detectron2, for the models here."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism_frame import AVISM_PREFIXES, convert_avism_frame_parts
from avis.models.converters.frame_head import rename, strip_prefix
from avis.models.converters.selection import check_prefixes
from avis.registry import CONVERTERS

_SOURCE = 'model of the CAVIS authors'
_PREDICTOR = 'sem_seg_head.predictor.'
_REID = f'{_PREDICTOR}reid_embed.'
# Constants of the loss and of the boundary filter.
_CONSTANTS = ('criterion.empty_weight', f'{_PREDICTOR}laplacian')

_IN = r'(?:self|multihead)_attn\.in_proj_(.+)'
_OUT = r'(?:(?:self|multihead)_attn\.)?((?:out_proj|norm)\..+)'
_HEADS = (r'((?:decoder_norm|class_embed|mask_embed)\..+)', r'\1')

# Below ``tracker.`` and ``refiner.``. First match wins.
_TRACKER_RULES = (
    (
        rf'transformer_(self|cross)_attention_layers\.(\d+)\.{_IN}',
        r'layers.\2.\1_attention.in_proj.\3',
    ),
    (rf'transformer_(self|cross)_attention_layers\.(\d+)\.{_OUT}', r'layers.\2.\1_attention.\3'),
    (r'transformer_ffn_layers\.(\d+)\.(.+)', r'layers.\1.ffn.\2'),
    (r'ctx_query_embed\.(.+)', r'context_query_embed.\1'),
    _HEADS,
)
_REFINER_RULES = (
    *(
        (rf'transformer_{theirs}_layers\.(\d+)\.{pattern}', rf'layers.\1.{ours}.{target}')
        for theirs, ours in (
            ('obj_self_attention', 'query_attention'),
            ('time_self_attention', 'time_attention'),
            ('cross_attention', 'cross_attention'),
        )
        for pattern, target in ((_IN, r'in_proj.\2'), (_OUT, r'\2'))
    ),
    (r'transformer_ffn_layers\.(\d+)\.(.+)', r'layers.\1.ffn.\2'),
    (r'conv_short_aggregate_layers\.(\d+)\.(.+)', r'layers.\1.convolutions.\2'),
    (r'conv_norms\.(\d+)\.(.+)', r'layers.\1.convolution_norm.\2'),
    (r'activation_proj\.(.+)', r'frame_weight.\1'),
    _HEADS,
)


@CONVERTERS.register_module(name='cavis')
def convert_cavis(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop constants.

    Args:
        state_dict: An official checkpoint of the segmenter, online or offline; or of Mask2Former in
            the naming of Detectron2, which initializes the segmenter. In old files of the latter
            ``query_feat`` is called ``static_query``.

    Returns:
        The state dict of the model, and the names of dropped entries.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    dropped = [name for name in state_dict if name in _CONSTANTS]
    kept = {name: value for name, value in state_dict.items() if name not in dropped}
    check_prefixes(kept, (*AVISM_PREFIXES, 'tracker.', 'refiner.'), _SOURCE)
    frame_parts = {name: value for name, value in kept.items() if not name.startswith(_REID)}
    converted, unused = convert_avism_frame_parts(frame_parts)
    parts = (
        (_REID, 'frame_head.reid_embed.', ((r'(.+)', r'\1'),)),
        ('tracker.', 'tracker.head.', _TRACKER_RULES),
        ('refiner.', 'tracker.refiner.', _REFINER_RULES),
    )
    for theirs, ours, rules in parts:
        part = rename(strip_prefix(kept, theirs), rules, _SOURCE)
        converted |= {f'{ours}{name}': value for name, value in part.items()}
    return converted, dropped + unused
