"""Checkpoints of the AVISM authors for ``AVInstanceSegmentor`` with its own frame and clip heads.

Their two model classes call the clip module ``avism_module`` (initialized from ImageNet) or
``vita_module`` (initialized from COCO); the computation is the same.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism_frame import (
    AVISM_PREFIXES,
    AVISM_SOURCE,
    convert_avism_frame_parts,
)
from avis.models.converters.frame_head import rename, strip_prefix
from avis.models.converters.selection import check_prefixes
from avis.registry import CONVERTERS

# The class weights of the loss: a constant, which avis states in the config.
_CONSTANT = re.compile(r'(?:(?:avism|vita)_)?criterion\.empty_weight')
_CLIP = ('avism_module.', 'vita_module.')

_IN = r'(?:self|multihead)_attn\.in_proj_(.+)'
_OUT = r'(?:(?:self|multihead)_attn\.)?((?:out_proj|norm)\..+)'
_SAME = 'decoder_norm|query_feat|query_embed|class_embed|mask_embed'

# Below the name of the clip module. First match wins.
_RULES = (
    (r'input_proj_dec\.(.+)', r'input_proj.\1'),
    (r'av_proj\.(.+)', r'audio_proj.\1'),
    (rf'enc_self_attn\.(\d+)\.{_IN}', r'encoder.\1.in_proj.\2'),
    (rf'enc_self_attn\.(\d+)\.{_OUT}', r'encoder.\1.\2'),
    (r'enc_ffn\.(\d+)\.(.+)', r'encoder.\1.ffn.\2'),
    (rf'enc_av_cross_attn\.(\d+)\.{_IN}', r'fusion.\1.in_proj.\2'),
    (rf'enc_av_cross_attn\.(\d+)\.{_OUT}', r'fusion.\1.\2'),
    (r'enc_av_ffn\.(\d+)\.(.+)', r'fusion.\1.ffn.\2'),
    (
        rf'transformer_(self|cross)_attention_layers\.(\d+)\.{_IN}',
        r'decoder.\2.\1_attention.in_proj.\3',
    ),
    (rf'transformer_(self|cross)_attention_layers\.(\d+)\.{_OUT}', r'decoder.\2.\1_attention.\3'),
    (r'transformer_ffn_layers\.(\d+)\.(.+)', r'decoder.\1.ffn.\2'),
    (r'fq_pos\.(.+)', r'frame_query_embed.\1'),
    (r'sim_embed_(frame|clip)\.(.+)', r'\1_similarity.\2'),
    (r'(?:avism|vita)_(mask_features\..+)', r'\1'),
    (rf'((?:{_SAME})\..+)', r'\1'),
)


@CONVERTERS.register_module(name='avism')
def convert_avism(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the backbone, the frame head and the clip module.

    Args:
        state_dict: An official checkpoint, with ResNet-50 or Swin-L.

    Returns:
        The state dict of ``AVInstanceSegmentor``, and the names of dropped entries: constants.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    dropped = [name for name in state_dict if _CONSTANT.fullmatch(name)]
    kept = {name: value for name, value in state_dict.items() if name not in dropped}
    check_prefixes(kept, (*AVISM_PREFIXES, *_CLIP), AVISM_SOURCE, needed=_CLIP)
    clip = strip_prefix(kept, _CLIP[0]) | strip_prefix(kept, _CLIP[1])
    head = rename(clip, _RULES, AVISM_SOURCE)
    converted, unused = convert_avism_frame_parts(state_dict)
    converted |= {f'tracker.head.{name}': value for name, value in head.items()}
    return converted, dropped + unused
