"""Checkpoints of the H2S authors for ``AVInstanceSegmentor`` with the heads of this project.

Their classes call the clip module ``avism_module`` (initialized from ImageNet) or ``vita_module``
(initialized from COCO), as those of AVISM do.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism import convert_avism
from avis.models.converters.frame_head import new_name
from avis.registry import CONVERTERS

# Half of the attention to audio in the pixel decoder, whose result the official code drops.
_UNUSED = re.compile(r'sem_seg_head\.pixel_decoder\.bi_attn\.\d\.(to_v|context_to_out)\..+')
_PIXELS = r'sem_seg_head\.pixel_decoder\.'
_FRAME = r'sem_seg_head\.predictor\.'
_CLIP = r'(?:avism|vita)_module\.'
_AUDIO_TOKENS = (
    (r'audio_decomp_queries\.(.+)', r'audio_tokens.query_content.\1'),
    (r'audio_decomp_attention\.multihead_attn\.in_proj_(.+)', r'audio_tokens.attention.in_proj.\1'),
    (r'audio_decomp_attention\.(?:multihead_attn\.)?(.+)', r'audio_tokens.attention.\1'),
    (r'av_(?:pre_)?proj\.(.+)', r'audio_tokens.audio_proj.\1'),
)

# The modules that AVISM does not have. First match wins.
_RULES = (
    (rf'{_PIXELS}bi_attn\.(.+)', r'frame_head.pixel_decoder.audio_attentions.\1'),
    *((_FRAME + pattern, f'frame_head.{target}') for pattern, target in _AUDIO_TOKENS),
    (rf'{_FRAME}audio_decomp_pos\.(.+)', r'frame_head.query_embed.\1'),
    (rf'{_FRAME}av_sf\.(.+)', r'frame_head.sparse_attentions.\1'),
    (rf'{_FRAME}av_post_proj\.(.+)', r'frame_head.audio_out_proj.\1'),
    *((_CLIP + pattern, f'tracker.head.{target}') for pattern, target in _AUDIO_TOKENS),
    (rf'{_CLIP}audio_decomp_pos\.(.+)', r'tracker.head.audio_query_embed.\1'),
    (rf'{_CLIP}encode_av_fusion\.(\d+)\.mamba\.(.+)', r'tracker.head.modulator.\1.scan.\2'),
    (rf'{_CLIP}encode_av_fusion\.(\d+)\.(?:mlp\.)?(.+)', r'tracker.head.modulator.\1.\2'),
)


@CONVERTERS.register_module(name='h2s')
def convert_h2s(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop constants, and what the official code computes and never uses.

    Args:
        state_dict: An official checkpoint, with ResNet-50 or Swin-L.

    Returns:
        The state dict of the model, and the names of dropped entries.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    converted, rest = {}, {}
    dropped = [name for name in state_dict if _UNUSED.fullmatch(name)]
    for name, value in state_dict.items():
        target = new_name(name, _RULES)
        if target is None:
            rest[name] = value
        elif name not in dropped:
            converted[target] = value
    if not converted:
        raise ValueError('not an official H2S model: none of its audio modules')
    shared, constants = convert_avism(rest)
    return {**shared, **converted}, dropped + constants
