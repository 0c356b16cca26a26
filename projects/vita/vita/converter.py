"""Checkpoints of the VITA authors."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism import convert_avism
from avis.registry import CONVERTERS

# Entries of AVISM, whose clip module has the same name, that no VITA has.
_AUDIO = ('sem_seg_head.predictor.av_', 'vita_module.av_proj.', 'vita_module.enc_av_')


@CONVERTERS.register_module(name='vita')
def convert_vita(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop constants.

    Args:
        state_dict: An official checkpoint, trained on COCO or on videos, with ResNet or Swin-L.

    Returns:
        The state dict of the model, and the names of dropped entries.

    Raises:
        ValueError: An entry that VITA does not have; the checkpoint may be one of AVISM.
    """
    audio = [name for name in state_dict if name.startswith(_AUDIO)]
    if audio:
        raise ValueError(
            f'not a VITA: expected no entry for audio, got {audio[0]!r}; convert AVISM with avism'
        )
    return convert_avism(state_dict)
