"""Checkpoints of LVS for :class:`~lvs.localizer.LVS`."""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import rename
from avis.registry import CONVERTERS

# Each network has a first convolution for images, one for spectrograms and one for optical flow,
# and a classifier; one of the convolutions is used.
_DROPPED = re.compile(
    r'(?:module\.)?(?:imgnet\.conv1_a|audnet\.conv1|(?:img|aud)net\.(?:conv1_flow|fc))\..+'
)
_RULES = (
    (r'imgnet\.(.+)', r'image_backbone.\1'),
    (r'audnet\.conv1_a\.(.+)', r'audio_backbone.conv1.\1'),
    (r'audnet\.(.+)', r'audio_backbone.\1'),
)


@CONVERTERS.register_module(name='lvs')
def convert_lvs(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop what is never executed.

    Args:
        state_dict: An official checkpoint, with or without the prefix ``module.``.

    Returns:
        The state dict of ``LVS``, and the names of dropped entries: convolutions for other inputs,
        and classifiers.

    Raises:
        ValueError: An entry that LVS does not have.
    """
    dropped = [name for name in state_dict if _DROPPED.fullmatch(name)]
    kept = {
        name.removeprefix('module.'): value
        for name, value in state_dict.items()
        if name not in dropped
    }
    return rename(kept, _RULES, 'model of the LVS authors'), dropped
