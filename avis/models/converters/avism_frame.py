"""Backbone and frame head of AVISM; :mod:`avis.models.converters.avism` adds the clip module.

Both official namings (``avism_*`` and ``vita_*``) agree in these parts.
"""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.detectron2_resnet import convert_detectron2_resnet
from avis.models.converters.frame_head import DETECTRON2_RULES, rename, strip_prefix
from avis.models.converters.swin import convert_swin

AVISM_PREFIXES = ('backbone.', 'sem_seg_head.')
AVISM_SOURCE = 'model of the AVISM authors'


def convert_avism_frame_parts(
    state_dict: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the entries below ``backbone.`` and ``sem_seg_head.``.

    Args:
        state_dict: An official checkpoint, with ResNet-50 or Swin-L; other entries are ignored.

    Returns:
        ``backbone.*`` and ``frame_head.*`` of ``AVInstanceSegmentor``, and the names of dropped
        entries of the backbone.

    Raises:
        ValueError: An entry below these prefixes that the official models do not have.
    """
    backbone = strip_prefix(state_dict, 'backbone.')
    is_resnet = 'stem.conv1.weight' in backbone
    convert_backbone = convert_detectron2_resnet if is_resnet else convert_swin
    visual, dropped = convert_backbone(backbone)
    head = rename(strip_prefix(state_dict, 'sem_seg_head.'), DETECTRON2_RULES, AVISM_SOURCE)
    converted = {f'backbone.{name}': value for name, value in visual.items()}
    converted |= {f'frame_head.{name}': value for name, value in head.items()}
    return converted, [f'backbone.{name}' for name in dropped]
