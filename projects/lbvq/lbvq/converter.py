"""Checkpoints of the LBVQ authors, and of Mask2Former in Detectron2."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism_frame import AVISM_PREFIXES, convert_avism_frame_parts
from avis.models.converters.frame_head import rename, strip_prefix
from avis.models.converters.selection import check_prefixes
from avis.registry import CONVERTERS

_SOURCE = 'model of the LBVQ authors'
_CLIP = 'lbvq_module.'
_CONSTANTS = ('criterion.empty_weight', 'lbvq_criterion.empty_weight')
_LAYER = r'transformer_(self|cross)_attention_layers\.(\d+)\.'

# Below the name of the clip module. First match wins.
_RULES = (
    (r'input_proj_dec\.(.+)', r'input_proj.\1'),
    (r'time_attention_weights\.(.+)', r'time_attention.\1'),
    (
        rf'{_LAYER}(?:self|multihead)_attn\.in_proj_(.+)',
        r'layers.\2.\1_attention.in_proj.\3',
    ),
    (
        rf'{_LAYER}(?:(?:self|multihead)_attn\.)?((?:out_proj|norm)\..+)',
        r'layers.\2.\1_attention.\3',
    ),
    (r'transformer_ffn_layers\.(\d+)\.(.+)', r'layers.\1.ffn.\2'),
    (r'fq_pos\.(.+)', r'frame_query_embed.\1'),
    (r'sim_embed_(frame|clip)\.(.+)', r'\1_similarity.\2'),
    (r'lbvq_(mask_features\..+)', r'\1'),
    (r'((?:decoder_norm|query_embed|class_embed|mask_embed)\..+)', r'\1'),
)


@CONVERTERS.register_module(name='lbvq')
def convert_lbvq(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop constants.

    Args:
        state_dict: An official checkpoint; or one of Mask2Former for instances in the naming of
            Detectron2, which has no clip module and initializes the rest.

    Returns:
        The state dict of the model, and the names of dropped entries.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    dropped = [name for name in state_dict if name in _CONSTANTS]
    kept = {name: value for name, value in state_dict.items() if name not in dropped}
    check_prefixes(kept, (*AVISM_PREFIXES, _CLIP), _SOURCE)
    converted, unused = convert_avism_frame_parts(kept)
    clip = rename(strip_prefix(kept, _CLIP), _RULES, _SOURCE)
    converted |= {f'tracker.head.{name}': value for name, value in clip.items()}
    return converted, dropped + unused
