"""Checkpoints of EZ-VSL for :class:`~ez_vsl.localizer.EZVSL`."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import rename
from avis.registry import CONVERTERS

_RULES = (
    (r'imgnet\.(.+)', r'image_backbone.\1'),
    (r'img_proj\.(.+)', r'image_proj.\1'),
    (r'audnet\.(.+)', r'audio_backbone.\1'),
    (r'aud_proj\.(.+)', r'audio_proj.\1'),
)


@CONVERTERS.register_module(name='ez_vsl')
def convert_ez_vsl(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries.

    Args:
        state_dict: An official checkpoint, with or without the prefix ``module.``.

    Returns:
        The state dict of ``EZVSL``, and an empty list: nothing is dropped.

    Raises:
        ValueError: An entry that EZ-VSL does not have.
    """
    entries = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    return rename(entries, _RULES, 'model of the EZ-VSL authors'), []
