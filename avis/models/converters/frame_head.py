"""Entry names of Mask2Former in Detectron2 and in mmdet, mapped to those of the frame heads.

Used by :mod:`~avis.models.converters.mask2former` and :mod:`~avis.models.converters.avism_frame`.
"""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

Rules = Sequence[tuple[str, str]]

_TABLES = 'query_feat|query_embed|level_embed'
_ENCODER = r'pixel_decoder\.transformer\.(encoder\.layers\.\d+\.)'
_LAYER = r'predictor\.transformer_(self|cross)_attention_layers\.(\d+)\.'
_FUSION = r'predictor\.av_sf\.(\d+)\.'
_ATTENTION = r'(?:(?:self_attn|multihead_attn)\.)'
_MMDET_ATTENTION = r'transformer_decoder\.layers\.(\d+)\.(self|cross)_attn\.attn\.'

# Entries below ``sem_seg_head.`` of a checkpoint in the naming of Detectron2. First match wins.
DETECTRON2_RULES: Rules = (
    (r'pixel_decoder\.input_proj\.(\d)\.0\.(.+)', r'pixel_decoder.input_convs.\1.conv.\2'),
    (r'pixel_decoder\.input_proj\.(\d)\.1\.(.+)', r'pixel_decoder.input_convs.\1.gn.\2'),
    (r'pixel_decoder\.transformer\.level_embed', r'pixel_decoder.level_encoding.weight'),
    (rf'{_ENCODER}(self_attn\..+)', r'pixel_decoder.\1\2'),
    (rf'{_ENCODER}norm1\.(.+)', r'pixel_decoder.\1norms.0.\2'),
    (rf'{_ENCODER}norm2\.(.+)', r'pixel_decoder.\1norms.1.\2'),
    (rf'{_ENCODER}linear1\.(.+)', r'pixel_decoder.\1ffn.layers.0.0.\2'),
    (rf'{_ENCODER}linear2\.(.+)', r'pixel_decoder.\1ffn.layers.1.\2'),
    (r'pixel_decoder\.mask_features\.(.+)', r'pixel_decoder.mask_feature.\1'),
    (r'pixel_decoder\.adapter_1\.norm\.(.+)', r'pixel_decoder.lateral_convs.0.gn.\1'),
    (r'pixel_decoder\.adapter_1\.(.+)', r'pixel_decoder.lateral_convs.0.conv.\1'),
    (r'pixel_decoder\.layer_1\.norm\.(.+)', r'pixel_decoder.output_convs.0.gn.\1'),
    (r'pixel_decoder\.layer_1\.(.+)', r'pixel_decoder.output_convs.0.conv.\1'),
    (rf'{_LAYER}{_ATTENTION}in_proj_(.+)', r'layers.\2.\1_attention.in_proj.\3'),
    (rf'{_LAYER}{_ATTENTION}?((?:out_proj|norm)\..+)', r'layers.\2.\1_attention.\3'),
    (r'predictor\.transformer_ffn_layers\.(\d+)\.(.+)', r'layers.\1.ffn.\2'),
    (rf'predictor\.((?:{_TABLES}|class_embed|decoder_norm)\..+)', r'\1'),
    (r'predictor\.(mask_embed\.layers\..+)', r'\1'),
    (r'predictor\.static_query\.(.+)', r'query_feat.\1'),  # name in old files
    # AVISM's fusion with audio.
    (r'predictor\.av_pre_proj\.(.+)', r'audio_fusion.audio_proj.\1'),
    (r'predictor\.av_post_proj\.(.+)', r'audio_fusion.out_proj.\1'),
    (rf'{_FUSION}{_ATTENTION}in_proj_(.+)', r'audio_fusion.attentions.\1.in_proj.\2'),
    (rf'{_FUSION}{_ATTENTION}?((?:out_proj|norm)\..+)', r'audio_fusion.attentions.\1.\2'),
)

# Entries below ``panoptic_head.`` of a checkpoint of mmdet. First match wins.
MMDET_RULES: Rules = (
    (r'(pixel_decoder\..+)', r'\1'),
    (rf'{_MMDET_ATTENTION}in_proj_(.+)', r'layers.\1.\2_attention.in_proj.\3'),
    (rf'{_MMDET_ATTENTION}(out_proj\..+)', r'layers.\1.\2_attention.\3'),
    (r'transformer_decoder\.layers\.(\d+)\.ffn\.layers\.0\.0\.(.+)', r'layers.\1.ffn.linear1.\2'),
    (r'transformer_decoder\.layers\.(\d+)\.ffn\.layers\.1\.(.+)', r'layers.\1.ffn.linear2.\2'),
    (r'transformer_decoder\.layers\.(\d+)\.norms\.0\.(.+)', r'layers.\1.cross_attention.norm.\2'),
    (r'transformer_decoder\.layers\.(\d+)\.norms\.1\.(.+)', r'layers.\1.self_attention.norm.\2'),
    (r'transformer_decoder\.layers\.(\d+)\.norms\.2\.(.+)', r'layers.\1.ffn.norm.\2'),
    (r'transformer_decoder\.post_norm\.(.+)', r'decoder_norm.\1'),
    (rf'((?:{_TABLES})\.weight)', r'\1'),
    (r'cls_embed\.(.+)', r'class_embed.\1'),
    (r'mask_embed\.0\.(.+)', r'mask_embed.layers.0.\1'),
    (r'mask_embed\.2\.(.+)', r'mask_embed.layers.1.\1'),
    (r'mask_embed\.4\.(.+)', r'mask_embed.layers.2.\1'),
)


def rename(state_dict: Mapping[str, Tensor], rules: Rules, source: str) -> dict[str, Tensor]:
    """Rename entries to those of :mod:`~avis.models.decode_heads.mask2former_frame_head`.

    Args:
        state_dict: Entries of the head, without its prefix.
        rules: Pairs of pattern and target; the first pattern that matches a whole name wins.
        source: Expected kind of model, for the error message.

    Returns:
        The same tensors under their new names.

    Raises:
        ValueError: An entry that matches no rule.
    """
    converted = {}
    for name, value in state_dict.items():
        target = new_name(name, rules)
        if target is None:
            raise ValueError(f'not a {source}: unknown entry {name!r}')
        converted[target] = value
    return converted


def new_name(name: str, rules: Rules) -> str | None:
    r"""Name of an entry by the first rule whose pattern matches all of it; None without one.

    >>> new_name('fc.bias', [(r'fc\.(.+)', r'head.\1')]), new_name('x', [])
    ('head.bias', None)
    """
    for pattern, target in rules:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(target)
    return None


def strip_prefix(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries whose names start with a prefix, under their names without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in state_dict.items()
        if name.startswith(prefix)
    }
