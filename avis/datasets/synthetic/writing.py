"""Writing of single files: the same input gives the same bytes."""

import csv
import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from scipy.io import wavfile

from avis.datasets.synthetic.canvas import Array

# Fast, and smaller than the default for flat drawings.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def write_png(path: Path, image: Array) -> None:
    """Write (H, W) gray or (H, W, 3) RGB uint8."""
    _write_image(path, image, '.png', _PNG)


def write_jpeg(path: Path, image: Array) -> None:
    """Write (H, W, 3) RGB uint8."""
    _write_image(path, image, '.jpg', _JPEG)


def _write_image(path: Path, image: Array, suffix: str, options: list[int]) -> None:
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, image, options)
    path.write_bytes(data.tobytes())


def to_int16(sound: Array) -> Array:
    """Float sound in [-1, 1] to 16 bits."""
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def write_wav(path: Path, samples: Array, rate: int) -> None:
    """Write (S,) or (S, channels) int16."""
    wavfile.write(path, rate, samples)


def write_json(path: Path, content: Any) -> None:
    """Write JSON on one line, keys in the given order."""
    path.write_text(json.dumps(content) + '\n')


def write_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table with a header line."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)


def write_mp4(path: Path, frames: Iterator[Array], fps: int, samples: Array, rate: int) -> None:
    """Write H.264 video with AAC sound.

    One thread and the bit-exact flags: encoders otherwise note their version and may divide the
    work differently on another machine.

    Args:
        path: Of the file.
        frames: RGB images (H, W, 3), all of one even size.
        fps: Frames per second.
        samples: Shape (S,), int16.
        rate: Samples per second.
    """
    with av.open(str(path), 'w', format='mp4', options={'fflags': '+bitexact'}) as container:
        first = next(frames)
        video = container.add_stream('libx264', rate=fps, options={'preset': 'veryfast'})
        video.height, video.width, video.pix_fmt = first.shape[0], first.shape[1], 'yuv420p'
        audio = container.add_stream('aac', rate=rate, layout='mono')
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
        step = -(-rate // fps)
        for index, image in enumerate(chain([first], frames)):
            picture = av.VideoFrame.from_ndarray(image, format='rgb24')
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(video.encode(picture))
            part = samples[index * step : (index + 1) * step]
            if len(part):
                container.mux(audio.encode(_sound_frame(part, rate, index * step)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _sound_frame(samples: Array, rate: int, start: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None], format='s16', layout='mono')
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame
