"""Write MP4 files with audio. NumPy and PyAV only; the same input produces the same bytes."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from avis.utils.atomic import atomic_path

# Samples from a first index up to a last one; fewer where the audio ends.
AudioReader: TypeAlias = Callable[[int, int], NDArray[np.int16]]

# The first that is available in this build of FFmpeg is used; every build has the last.
_ENCODERS: dict[str, dict[str, str]] = {
    # Its macroblock tree reads uninitialized memory (AVX-512): reproducible only without.
    'libx264': {'preset': 'veryfast', 'x264-params': 'mbtree=0'},
    'libopenh264': {},
    'mpeg4': {},
}


def write_mp4(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: float | Fraction,
    audio: NDArray[np.int16] | AudioReader | None = None,
    sample_rate: int = 16000,
) -> None:
    """Write H.264 video (MPEG-4 where FFmpeg has no H.264 encoder) with AAC audio.

    Frames are encoded one by one, each with the audio of its interval. The file appears under its
    name only when it is complete.

    Args:
        path: The file; an existing one is replaced.
        frames: RGB images (H, W, 3), at least one, all of one size. Odd sides are padded.
        fps: Frames per second.
        audio: Mono samples (S,), int16, or a function that is called with the start and end index
            of the samples of each frame, in order; None for a silent video. Samples after the last
            frame are dropped.
        sample_rate: Samples per second.

    Raises:
        ValueError: There are no frames, or frames of several sizes.
    """
    rate = Fraction(fps).limit_denominator(1001)
    with (
        atomic_path(path) as part,
        av.open(str(part), 'w', format='mp4', options={'fflags': '+bitexact'}) as container,
    ):
        _encode(container, frames, rate, audio, sample_rate)


def to_int16(audio: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Convert float samples in [-1, 1] to int16."""
    return np.rint(np.clip(audio, -1, 1) * 32767).astype(np.int16)


def _encode(
    container: Any,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    audio: NDArray[np.int16] | AudioReader | None,
    sample_rate: int,
) -> None:
    images = iter(frames)
    first = next(images, None)
    if first is None:
        raise ValueError('expected at least one frame, got none')
    name = next(name for name in _ENCODERS if name in av.codecs_available)
    video = _stream(container, name, rate=rate, options=_ENCODERS[name])
    height, width = first.shape[:2]
    video.height, video.width, video.pix_fmt = height + height % 2, width + width % 2, 'yuv420p'
    audio_stream = (
        None if audio is None else _stream(container, 'aac', rate=sample_rate, layout='mono')
    )
    for index, image in enumerate(chain([first], images)):
        if image.shape != first.shape:
            raise ValueError(
                f'expected frames of one size, got {image.shape} at {index}, {first.shape} at 0'
            )
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
        frame = av.VideoFrame.from_ndarray(even, format='rgb24')
        frame.pts, frame.time_base = index, 1 / rate
        container.mux(video.encode(frame))
        if audio_stream is not None and audio is not None:
            start, end = (int(k * sample_rate / rate) for k in (index, index + 1))
            samples = audio(start, end) if callable(audio) else audio[start:end]
            for piece in _audio_frame(samples, start, sample_rate):
                container.mux(audio_stream.encode(piece))
    for stream in (video,) if audio_stream is None else (video, audio_stream):
        container.mux(stream.encode(None))


def _stream(container: Any, codec: str, **settings: Any) -> Any:
    """Add a stream that encodes reproducibly.

    Encoders otherwise store their version, and split the work by the number of cores.
    """
    stream = container.add_stream(codec, **settings)
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    return stream


def _audio_frame(samples: NDArray[np.int16], start: int, rate: int) -> list[av.AudioFrame]:
    """The samples as a list of one audio frame; empty without samples."""
    if not len(samples):
        return []
    frame = av.AudioFrame.from_ndarray(samples[None], format='s16', layout='mono')
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return [frame]
