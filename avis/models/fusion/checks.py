"""What all fusion blocks of this folder have in common.

A fusion block mixes sound into one level of a feature pyramid:
``forward(visual, audio) -> (visual', audio')`` with ``visual`` (B, T, C, H, W) and ``audio``
(B, T, D), one row of sound per frame. ``visual'`` keeps the shape of ``visual``, so one config line
swaps the blocks; ``audio'`` (B, T, C) is the sound brought to the width of the visual channels,
which the audio-visual matching loss compares with the map. Start reading at
:class:`~avis.models.fusion.simple.AddFusion`; the published block is
:class:`~avis.models.fusion.tpavi.TPAVI`.
"""

from torch import Tensor


def check_rows(block: object, visual: Tensor, audio: Tensor) -> None:
    """Raise ValueError unless there is one row of sound per frame."""
    if visual.shape[:2] != audio.shape[:2]:
        raise ValueError(
            f'{type(block).__name__} needs one row of sound per frame, got visual '
            f'{tuple(visual.shape)} and audio {tuple(audio.shape)}. Let the audio encoder return '
            f'as many rows as the clip has frames.'
        )
