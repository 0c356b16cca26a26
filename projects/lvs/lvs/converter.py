"""Checkpoints of LVS for :class:`~lvs.localizer.LVS`."""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import new_name
from avis.registry import CONVERTERS

# Each network has a first convolution for images, one for spectrograms and one for optical flow,
# and a classifier; one of the convolutions is used.
_DROPPED = re.compile(r'(?:imgnet\.conv1_a|audnet\.conv1|(?:img|aud)net\.(?:conv1_flow|fc))\..+')
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
    converted, dropped = {}, []
    for original, value in state_dict.items():
        name = original.removeprefix('module.')
        if _DROPPED.fullmatch(name):
            dropped.append(original)
            continue
        target = new_name(name, _RULES)
        if target is None:
            raise ValueError(f'not an official LVS: unknown entry {original!r}')
        converted[target] = value
    return converted, dropped
