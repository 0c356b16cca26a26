"""Interface and input check of the fusion blocks in this package.

A fusion block mixes audio into one level of a feature pyramid:
``forward(visual, audio) -> (visual', audio')`` with ``visual`` (B, T, C, H, W) and ``audio``
(B, T, D), one audio embedding per frame. ``visual'`` has the shape of ``visual``, so that blocks
can be exchanged in one config line; ``audio'`` (B, T, C) is the audio projected to the width of the
visual channels, which the audio-visual matching loss compares with the map.
The optional ``audio_attention(visual, audio) -> (B, T, H, W)`` tells where a block attends to the
audio of each frame; see :mod:`avis.models.attention_maps`. Start reading at
:class:`~avis.models.fusion.simple.AddFusion`; the block of AVSBench is
:class:`~avis.models.fusion.tpavi.TPAVI`.
"""

import torch.nn.functional as F
from torch import Tensor


def check_audio_length(block: object, visual: Tensor, audio: Tensor) -> None:
    """Raise ValueError unless there is one audio embedding per frame.

    Args:
        block: The fusion block, named in the error.
        visual: (B, T, C, H, W).
        audio: (B, T, D).
    """
    if visual.shape[:2] != audio.shape[:2]:
        raise ValueError(
            f'{type(block).__name__}: expected one audio embedding per frame, got visual '
            f'{tuple(visual.shape)} and audio {tuple(audio.shape)}. Use an audio encoder that '
            f'returns one embedding per frame.'
        )


def audio_similarity(visual: Tensor, audio_embed: Tensor) -> Tensor:
    """Return the cosine similarity of each position and the projected audio of its frame.

    Args:
        visual: (B, T, C, H, W).
        audio_embed: (B, T, C).

    Returns:
        (B, T, H, W), -1 to 1.
    """
    return F.cosine_similarity(visual, audio_embed[..., None, None], dim=2)
