"""Write clips as MP4: frames at the frame rate of the annotation, with audio."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.mp4 import AudioReader, to_int16, write_mp4

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
    samples = None if audio is None else to_int16(audio)
    write_video(
        path,
        frames,
        fps=fps,
        audio=None if samples is None else lambda start, end: samples[start:end],
        sample_rate=sample_rate,
    )


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: float,
    audio: AudioReader | None = None,
    sample_rate: int = 16000,
    pixel_aspect: Fraction | int = 1,
) -> None:
    """Write a video of any length; frames and audio are read when they are needed.

    Args:
        path: Path of the MP4 file.
        frames: RGB images (H, W, 3).
        fps: Frames per second of ``frames``; frames are repeated up to ``MIN_FPS``.
        audio: Called with the first and the last sample of each frame of the file, in order.
        sample_rate: Samples per second.
        pixel_aspect: Width of a pixel divided by its height, which players apply.
    """
    repeat = ceil(MIN_FPS / fps)
    write_mp4(
        path,
        (frame for frame in frames for _ in range(repeat)),
        fps=Fraction(fps * repeat).limit_denominator(1001),
        audio=audio,
        sample_rate=sample_rate,
        pixel_aspect=pixel_aspect,
    )
