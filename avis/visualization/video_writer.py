"""Videos of clips: images at the pace of the annotation, with their sound."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.mp4 import AudioReader, to_int16, write_mp4


def write_clip(
    path: str | Path,
    frames: NDArray[np.uint8],
    *,
    fps: float,
    audio: NDArray[Any] | None = None,
    sample_rate: int = 16000,
    min_fps: int = 24,
) -> None:
    """Write a clip whose frame k is shown, and heard, from k / fps to (k + 1) / fps.

    Annotated frames often lie a second apart, and players stumble over videos of one frame per
    second: each frame is repeated as often as ``min_fps`` asks for.

    Args:
        path: Of the MP4.
        frames: RGB, shape (T, H, W, 3).
        fps: Frames per second of ``frames``.
        audio: Mono float samples in [-1, 1], shape (S,); None for a silent video.
        sample_rate: Samples per second.
        min_fps: Frames per second that the file has at least.
    """
    samples = None if audio is None else to_int16(audio)
    write_video(
        path,
        frames,
        fps=fps,
        audio=None if samples is None else lambda start, end: samples[start:end],
        sample_rate=sample_rate,
        min_fps=min_fps,
    )


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: float,
    audio: AudioReader | None = None,
    sample_rate: int = 16000,
    min_fps: int = 24,
) -> None:
    """Write a video of any length: frames and sound are taken as they are needed.

    Args:
        path: Of the MP4.
        frames: RGB images (H, W, 3).
        fps: Frames per second of ``frames``; each is repeated as often as ``min_fps`` asks for.
        audio: Called with the first and the last sample of each frame of the file, in order.
        sample_rate: Samples per second.
        min_fps: Frames per second that the file has at least.
    """
    repeat = ceil(min_fps / fps)
    write_mp4(
        path,
        (frame for frame in frames for _ in range(repeat)),
        fps=Fraction(fps).limit_denominator(1001) * repeat,
        audio=audio,
        sample_rate=sample_rate,
    )
