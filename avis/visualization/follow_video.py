"""Write a video cropped to the speaker, such as 9:16 for a phone."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.video_record import VideoRecord
from avis.structures.video_result import VideoResult
from avis.utils.mp4 import write_mp4
from avis.visualization.following import CameraPath, parse_aspect, plan_camera
from avis.visualization.record_media import AudioBlocks, pixel_aspect, walk_frames
from avis.visualization.video_writer import frame_repeats


def write_follow_video(
    path: str | Path, record: VideoRecord, result: VideoResult, aspect: str
) -> CameraPath:
    """Write a video that shows the part of each frame in which the speaker is, with its audio.

    Frames and audio are read again from the files of the record. See
    :func:`~avis.visualization.following.plan_camera` for where the camera looks.

    Args:
        path: Path of the MP4 file.
        record: Record of the video.
        result: What was found.
        aspect: Width and height as shown, such as ``'9:16'``.

    Returns:
        The path of the camera.
    """
    pixels = pixel_aspect(record)
    camera = plan_camera(result, parse_aspect(aspect) / pixels)
    repeat = frame_repeats(result.fps)
    audio = AudioBlocks.of(record, np.arange(result.length))
    write_mp4(
        path,
        _frames(record, result, camera, pixels, repeat),
        fps=Fraction(result.fps * repeat).limit_denominator(1001),
        audio=audio,
        sample_rate=16000 if audio is None else audio.rate,
    )
    return camera


def follow_file_name(aspect: str) -> str:
    """Name of the file of an aspect.

    >>> follow_file_name('9:16')
    'follow_9x16.mp4'
    """
    return f'follow_{aspect.replace(":", "x")}.mp4'


def _frames(
    record: VideoRecord, result: VideoResult, camera: CameraPath, pixels: Fraction, repeat: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the windows in square pixels."""
    size = (camera.width, camera.height)
    if pixels != 1:
        size = (max(round(camera.width * pixels / 2) * 2, 2), camera.height)
    for t, frame in enumerate(walk_frames(record, np.arange(result.length))):
        x, y = int(camera.x[t]), int(camera.y[t])
        window = frame[y : y + camera.height, x : x + camera.width]
        if pixels != 1:
            window = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_AREA), np.uint8)
        for _ in range(repeat):
            yield np.ascontiguousarray(window)
