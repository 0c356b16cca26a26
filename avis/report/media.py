"""Find the media of the videos of a report, and make small strips of their frames."""

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avis.utils.media_files import VIDEO_SUFFIXES, list_folder

THUMBNAILS = 6
_HEIGHT = 48
_MOST_WIDTH = 96
_QUALITY = 60
# Containers that browsers play.
_PLAYABLE = ('.mp4', '.webm', '.m4v', '.mov', '.ogv', '.mkv')


class VideoMedia(NamedTuple):
    """What is known of the media of one video.

    Attributes:
        source: Address of the file for a player, relative to the report; None for frames and for
            files that browsers do not play.
        seconds: Duration of the file; None for frames.
        strip: JPEG of ``THUMBNAILS`` frames side by side, base64.
    """

    source: str | None
    seconds: float | None
    strip: str


def find_media(name: str, folder: Path) -> Path | None:
    """The media of a video: ``NAME.mp4``, ``NAME/video.mp4``, or a folder ``NAME`` of frames.

    Args:
        name: Name of the video; a name that leads out of the folder has no media.
        folder: Where the media are.
    """
    if not name or '\0' in name or not _is_inside(folder / name, folder):
        return None
    # Not with_suffix(): the name may contain dots.
    files = [folder / f'{name}{suffix}' for suffix in VIDEO_SUFFIXES]
    files += [folder / name / f'video{suffix}' for suffix in VIDEO_SUFFIXES]
    found = next((path for path in files if path.is_file()), None)
    if found is None and (folder / name).is_dir() and list_folder(folder / name).images:
        return folder / name
    return found


def describe_media(path: Path, report: Path) -> VideoMedia | None:
    """The address of a video and its strip; None if it cannot be read.

    Args:
        path: What :func:`find_media` has found.
        report: The file of the report.
    """
    # The readers import torch, which a report without media does not need.
    from av.error import FFmpegError

    from avis.datasets.readers.images import read_image
    from avis.datasets.readers.video import read_video_frames, video_info

    try:
        if path.is_dir():
            images = list_folder(path).images
            chosen = np.linspace(0, len(images) - 1, THUMBNAILS).round().astype(int)
            frames = [_shrink(read_image(images[index])) for index in chosen]
            return VideoMedia(None, None, _strip(frames))
        info = video_info(path)
        times = (np.arange(THUMBNAILS) + 0.5) * info.seconds / THUMBNAILS
        strip = _strip(list(read_video_frames(path, times.tolist(), _shrink)))
    except (OSError, ValueError, FFmpegError):
        return None
    relative = os.path.relpath(path.resolve(), report.resolve().parent)
    source = quote(Path(relative).as_posix()) if path.suffix.lower() in _PLAYABLE else None
    return VideoMedia(source and f'./{source}', float(info.seconds), strip)


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve() != folder.resolve() and path.resolve().is_relative_to(folder.resolve())


def _shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame (H, W, 3) in the height of a strip."""
    height, width = frame.shape[:2]
    small_width = min(max(round(_HEIGHT * width / height), 1), _MOST_WIDTH)
    return np.asarray(Image.fromarray(frame).resize((small_width, _HEIGHT)))


def _strip(frames: Sequence[NDArray[np.uint8]]) -> str:
    """Small frames (H, W, 3) side by side as JPEG, base64."""
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(frames, axis=1)).save(buffer, 'JPEG', quality=_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()
