"""AVISM's backbone and frame head; the clip module is converted apart.

Both published namings (``avism_*`` and ``vita_*``) agree in these parts.
"""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters import detectron2_resnet, swin
from avis.models.converters.frame_head import DETECTRON2_RULES, below, rename

PREFIXES = ('backbone.', 'sem_seg_head.')
SOURCE = 'published AVISM model'


def convert(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename what lies below ``backbone.`` and ``sem_seg_head.``.

    Args:
        state_dict: A published checkpoint, with ResNet-50 or Swin-L; other entries are ignored.

    Returns:
        ``backbone.*`` and ``frame_head.*`` of ``AVInstanceSegmentor``, and an empty list.

    Raises:
        ValueError: A name below these prefixes that the published models do not have.
    """
    backbone = below(state_dict, 'backbone.')
    source = detectron2_resnet if 'stem.conv1.weight' in backbone else swin
    visual, dropped = source.convert(backbone)
    head = rename(below(state_dict, 'sem_seg_head.'), DETECTRON2_RULES, SOURCE)
    converted = {f'backbone.{name}': value for name, value in visual.items()}
    converted |= {f'frame_head.{name}': value for name, value in head.items()}
    return converted, [f'backbone.{name}' for name in dropped]
