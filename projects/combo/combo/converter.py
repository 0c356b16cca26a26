"""Checkpoints of the authors for :class:`~combo.segmentor.COMBOSegmentor`."""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.detectron2_resnet import convert_detectron2_resnet
from avis.models.converters.frame_head import DETECTRON2_RULES, rename, strip_prefix
from avis.models.converters.pvt_v2 import convert_pvt_v2
from avis.registry import CONVERTERS

_SOURCE = 'official COMBO model'
_BACKBONES = {'backbone.': 'backbone.', 'pre_sam_backbone.': 'prior_backbone.'}
# VGGish is frozen: its weights are those of torchvggish, and in no checkpoint of avis.
_DROPPED = re.compile(r'audio_backbone\..+|criterion\.empty_weight')
_ATTENTION = r'fusion_module\.b_attn\.attn_list\.0\.'

# Entries below ``sem_seg_head.``; first match wins.
_RULES = (
    (r'fusion_module\.audio_pos\.(.+)', r'fusion.audio_position.\1'),
    (r'fusion_module\.level_embed\.(.+)', r'fusion.level_embed.\1'),
    (r'fusion_module\.b_attn\.gamma_a', r'fusion.audio_scale'),
    (r'fusion_module\.b_attn\.gamma_v_list\.0', r'fusion.scale'),
    (r'fusion_module\.b_attn\.layer_norm_v_list\.0\.(.+)', r'fusion.norm.\1'),
    (r'fusion_module\.b_attn\.layer_norm_a_list\.0\.(.+)', r'fusion.audio_norm.\1'),
    (rf'{_ATTENTION}v_proj\.(.+)', r'fusion.query_proj.\1'),
    (rf'{_ATTENTION}a_proj\.(.+)', r'fusion.key_proj.\1'),
    (rf'{_ATTENTION}values_v_proj\.(.+)', r'fusion.value_proj.\1'),
    (rf'{_ATTENTION}values_a_proj\.(.+)', r'fusion.audio_value_proj.\1'),
    (rf'{_ATTENTION}out_v_proj\.(.+)', r'fusion.out_proj.\1'),
    (rf'{_ATTENTION}out_a_proj\.(.+)', r'fusion.audio_out_proj.\1'),
    (r'audio_transformation\.embeddings\.(.+)', r'audio_proj.\1'),
    *DETECTRON2_RULES,
)
_PREFIXES = (*_BACKBONES, 'scale_factor_module.', 'sem_seg_head.')


@CONVERTERS.register_module(name='combo')
def convert_combo(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop VGGish and the weights of the classes.

    Args:
        state_dict: An official checkpoint, with ResNet-50 or PVTv2-B5.

    Returns:
        The state dict of the model, and the names of dropped entries.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    dropped = [name for name in state_dict if _DROPPED.fullmatch(name)]
    kept = {name: value for name, value in state_dict.items() if name not in dropped}
    unknown = [name for name in kept if not name.startswith(_PREFIXES)]
    if unknown or not strip_prefix(kept, 'pre_sam_backbone.'):
        raise ValueError(f'not an {_SOURCE}: unknown entries {unknown[:3]}, or no pre_sam_backbone')
    converted = {}
    for prefix, target in _BACKBONES.items():
        backbone = strip_prefix(kept, prefix)
        is_resnet = 'stem.conv1.weight' in backbone
        convert = convert_detectron2_resnet if is_resnet else convert_pvt_v2
        renamed, unused = convert(backbone)
        converted |= {f'{target}{name}': value for name, value in renamed.items()}
        dropped += [f'{prefix}{name}' for name in unused]
    gates = strip_prefix(kept, 'scale_factor_module.')
    converted |= {f'gates.{name}': value for name, value in gates.items()}
    head = rename(strip_prefix(kept, 'sem_seg_head.'), _RULES, _SOURCE)
    return converted | {f'frame_head.{name}': value for name, value in head.items()}, dropped
