"""Write clips as MP4: frames at the frame rate of the annotation, with audio."""

from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.mp4 import to_int16, write_mp4

MIN_FPS = 24  # of the file; frames are repeated to reach it


def write_clip(
    path: str | Path,
    frames: NDArray[np.uint8],
    *,
    fps: float,
    audio: NDArray[Any] | None = None,
    sample_rate: int = 16000,
) -> None:
    """Write a clip; frame k and its audio play from k / fps to (k + 1) / fps.

    Annotated frames are often one second apart, and many players cannot show one frame per second:
    each frame is repeated until the file has ``MIN_FPS`` frames per second.

    Args:
        path: Path of the MP4 file.
        frames: RGB, shape (T, H, W, 3).
        fps: Frames per second of ``frames``.
        audio: Mono float samples in [-1, 1], shape (S,); None writes no audio track.
        sample_rate: Samples per second.
    """
    repeat = frame_repeats(fps)
    write_mp4(
        path,
        (frame for frame in frames for _ in range(repeat)),
        fps=Fraction(fps * repeat).limit_denominator(1001),
        audio=None if audio is None else to_int16(audio),
        sample_rate=sample_rate,
    )


def frame_repeats(fps: float) -> int:
    """How often each frame is shown in a file of at least ``MIN_FPS`` frames per second.

    >>> frame_repeats(1.0), frame_repeats(30.0)
    (24, 1)
    """
    return ceil(MIN_FPS / fps)
