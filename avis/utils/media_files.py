"""Which files of a folder are frames or videos, in which order, and which are passed over."""

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from avis.utils.file_names import natural_key

_IMAGES = 'jpg jpeg jpe jfif png bmp webp tif tiff ppm'
_VIDEOS = (
    'mp4 mkv mov avi webm m4v ts mpg mpeg 3gp 3g2 wmv asf flv f4v mts m2ts ogv mxf vob qt divx rm '
    'rmvb m2v mpe mpv dv nut y4m h264 hevc ivf'
)
IMAGE_SUFFIXES = tuple(f'.{name}' for name in _IMAGES.split())
VIDEO_SUFFIXES = tuple(f'.{name}' for name in _VIDEOS.split())
# Formats of FFmpeg, which would open the files and addresses that they name.
_PLAYLISTS = {'concat', 'dash', 'hls', 'imf', 'lavfi', 'rtp', 'rtsp', 'sap', 'sdp'}
_PLAYLISTS |= {'vobsub', 'webm_dash_manifest'}
_THUMBNAIL = re.compile(r'(?:^|[^a-z])thumb(?:s|nails?)?(?:$|[^a-z])', re.IGNORECASE)


class FolderContent(NamedTuple):
    """The entries of a folder, each list in natural order of the names.

    Attributes:
        images: Files with a suffix of :data:`IMAGE_SUFFIXES`.
        videos: Files with a suffix of :data:`VIDEO_SUFFIXES`.
        skipped: All other entries; also hidden ones, such as ``._0.jpg`` of macOS, and thumbnails
            beside other images.
    """

    images: list[Path]
    videos: list[Path]
    skipped: list[Path]


def list_folder(folder: str | Path) -> FolderContent:
    """Sort the entries of a folder into images, videos and others.

    Raises:
        OSError: The folder cannot be read.
    """
    content = FolderContent([], [], [])
    for path in sorted(Path(folder).iterdir(), key=lambda path: natural_key(path.name)):
        suffix = path.suffix.lower()
        if path.name.startswith('.') or path.is_dir():
            content.skipped.append(path)
        elif suffix in IMAGE_SUFFIXES:
            content.images.append(path)
        elif suffix in VIDEO_SUFFIXES:
            content.videos.append(path)
        else:
            content.skipped.append(path)
    thumbnails = [path for path in content.images if _THUMBNAIL.search(path.stem)]
    if len(thumbnails) < len(content.images) or content.videos:
        content.images[:] = [path for path in content.images if path not in set(thumbnails)]
        content.skipped.extend(thumbnails)
    return content


def same_stem(paths: Iterable[Path]) -> tuple[Path, Path] | None:
    """The first two files whose names differ by their suffix only, such as 0.jpg and 0.png."""
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            return seen[path.stem], path
        seen[path.stem] = path
    return None


def name_some(paths: Iterable[Path], limit: int = 5) -> str:
    """The names of the first files.

    >>> name_some([Path('a'), Path('b/c'), Path('d')], limit=2)
    'a, c, ...'
    """
    names = [path.name for path in paths]
    return ', '.join(names[:limit]) + (', ...' if len(names) > limit else '')


def find_by_stem(folder: str | Path) -> tuple[dict[str, Path], list[Path]]:
    """Find the video files of a folder by their names without suffix.

    Returns:
        The first file of each name, and the files of a name that has one already.

    Raises:
        OSError: The folder cannot be read.
    """
    found: dict[str, Path] = {}
    second = [
        path for path in list_folder(folder).videos if found.setdefault(path.stem, path) != path
    ]
    return found, second


@functools.cache
def single_file_options() -> dict[str, str]:
    """Options of :func:`av.open` that refuse playlists, whatever the name of the file."""
    import av

    return {'format_whitelist': ','.join(sorted(av.formats_available - _PLAYLISTS))}
