"""Uploaded videos: whether they can be predicted, and when they are deleted."""

import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import av

from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.video import video_info

# No playlists and no lists of files: FFmpeg would open what they name, local or on the network.
_FORMATS = 'mov,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,wav,mp3,flac,aac'
_LARGEST_SIDE = 4096


@dataclass(frozen=True)
class UploadLimits:
    """What is accepted.

    Attributes:
        megabytes: Largest file.
        seconds: Longest video.
    """

    megabytes: float
    seconds: float


class UploadError(ValueError):
    """A file cannot be predicted; the message is one sentence for the visitor."""


def check_upload(path: Path, limits: UploadLimits) -> str:
    """Describe an uploaded video in one sentence.

    Raises:
        UploadError: It cannot be predicted.
    """
    if not path.is_file():
        raise UploadError('The uploaded file is no longer here: upload it again.')
    size = path.stat().st_size / 1e6
    if size > limits.megabytes:
        raise UploadError(
            f'This file has {size:.1f} MB: at most {limits.megabytes:g} MB are accepted.'
        )
    _check_container(path)
    try:
        info = video_info(path)
    except (BrokenDataError, av.error.FFmpegError, OSError, ValueError) as error:
        raise UploadError('This video is damaged: not a single frame can be read.') from error
    if info.seconds > limits.seconds:
        raise UploadError(
            f'This video lasts {info.seconds:.1f} s: at most {limits.seconds:g} s are accepted; '
            f'upload a part of it.'
        )
    if max(info.height, info.width) > _LARGEST_SIDE:
        raise UploadError(
            f'This video has {info.width} x {info.height} pixels: at most {_LARGEST_SIDE} a side '
            f'are accepted.'
        )
    audio = '' if info.has_audio else ', no audio: silence is used'
    return f'Ready to predict: {info.seconds:.1f} s, {info.width} x {info.height} pixels{audio}.'


def _check_container(path: Path) -> None:
    """Refuse a file that is no video, without opening anything that it names."""
    try:
        with av.open(str(path), options={'format_whitelist': _FORMATS}) as container:
            attached = av.stream.Disposition.attached_pic
            if any(not s.disposition & attached for s in container.streams.video):
                return
            has_audio = bool(container.streams.audio)
    except (av.error.FFmpegError, UnicodeError, OSError, ValueError):
        has_audio = False
    if has_audio:
        raise UploadError('This file contains audio, but no video: upload a video.')
    raise UploadError(
        'This file is not a video that can be read: upload an MP4, WebM, MOV, MKV or AVI file.'
    )


class SessionFiles:
    """Files and folders of the open pages; each is deleted when no page needs it any more."""

    def __init__(self) -> None:
        self._paths: defaultdict[str, list[Path]] = defaultdict(list)

    def replace(self, session: str, kind: str, path: Path | None) -> None:
        """Delete what a page had of a kind, and remember what it has now.

        Args:
            session: The page.
            kind: Such as 'upload' and 'results'.
            path: File or folder; None for nothing.
        """
        key = f'{session}/{kind}'
        before, self._paths[key] = self._paths.pop(key, []), [] if path is None else [path]
        self._delete(before)

    def close(self, session: str) -> None:
        """Delete all files of a page."""
        for key in [key for key in self._paths if key.partition('/')[0] == session]:
            self._delete(self._paths.pop(key))

    def _delete(self, paths: list[Path]) -> None:
        # Equal uploads of two pages are one file.
        used = {each for kept in self._paths.values() for each in kept}
        for path in paths:
            if path not in used and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path not in used:
                path.unlink(missing_ok=True)
