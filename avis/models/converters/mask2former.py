"""mmdet's Mask2Former for instance segmentation (COCO), to initialize an AVInstanceSegmentor.

For example ``mask2former_r50_8xb2-lsj-50e_coco_*.pth`` and ``mask2former_swin-l-*_coco_*.pth``.
"""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import MMDET_RULES, rename, strip_prefix
from avis.models.converters.selection import check_prefixes
from avis.registry import CONVERTERS

_SOURCE = 'Mask2Former of mmdet'
_CLASSIFIER = 'panoptic_head.cls_embed.'


@CONVERTERS.register_module(name='mask2former')
def convert_mask2former(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename backbone and frame head; drop the classifier of COCO.

    Args:
        state_dict: ``backbone.*`` and ``panoptic_head.*``.

    Returns:
        ``backbone.*`` and ``frame_head.*``, and the names of dropped entries.

    Raises:
        ValueError: An entry that mmdet's Mask2Former does not have.
    """
    dropped = [name for name in state_dict if name.startswith(_CLASSIFIER)]
    kept = {name: value for name, value in state_dict.items() if name not in dropped}
    check_prefixes(state_dict, ('backbone.', 'panoptic_head.'), _SOURCE, needed=(_CLASSIFIER,))
    head = rename(strip_prefix(kept, 'panoptic_head.'), MMDET_RULES, _SOURCE)
    converted = {name: value for name, value in kept.items() if name.startswith('backbone.')}
    return converted | {f'frame_head.{name}': value for name, value in head.items()}, dropped
