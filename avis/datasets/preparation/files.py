"""Raw videos by name, and the files of a clip: complete under their names, or not there."""

import logging
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from mmengine.logging import print_log

from avis.utils.atomic import atomic_path, remove_stale_parts
from avis.utils.media_files import VIDEO_SUFFIXES

# <id>_<start>_<end> in milliseconds, and <id>_<start> in seconds (VGG-Sound).
_TIMED = re.compile(r'(?P<video>.+)_(?P<start>\d+)_\d+')
_CLIP = re.compile(r'(?P<video>[\w-]{11})(?:_\d+)+')
_STARTED = re.compile(r'(?P<video>.+)_(?P<start>\d{6})')


class RawVideos:
    """The video files of a folder and its subfolders, by their names without suffix.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: It is no folder, or contains no video.
    """

    def __init__(self, folder: str | Path) -> None:
        self.paths: dict[str, Path] = {}
        for path in sorted(Path(folder).rglob('[!.]*')):
            if path.suffix.lower() not in VIDEO_SUFFIXES or not path.is_file():
                continue
            if self.paths.setdefault(path.stem, path) != path:
                print_log(
                    f'{path}: not used, as {self.paths[path.stem]} has the same name',
                    logger='current',
                    level=logging.WARNING,
                )
        if not self.paths:
            raise FileNotFoundError(
                f'{folder}: expected a folder with videos ({", ".join(VIDEO_SUFFIXES[:4])}, ...)'
            )

    def find(self, clip: str) -> tuple[str | None, float]:
        """Find the file of a clip.

        Args:
            clip: Name of the clip.

        Returns:
            Path and second at which the clip starts: 0 of a file that has the name of the clip;
            else the second in the name, ``<video>_<ms>_<ms>`` or ``<video>_<6 digits>``, of the
            file ``<video>``. None without either.
        """
        if clip in self.paths:
            return str(self.paths[clip]), 0.0
        for pattern, unit in ((_TIMED, 1000), (_STARTED, 1)):
            found = pattern.fullmatch(clip)
            if found and found['video'] in self.paths:
                return str(self.paths[found['video']]), int(found['start']) / unit
        return None, 0.0


def video_of_clip(clip: str) -> str:
    """Return the id of the video of which a clip is a part; other names are returned as given.

    Names of clips are an id of 11 characters, as of YouTube, and numbers.

    >>> video_of_clip('-abc_def_gh_1000_6000'), video_of_clip('concert_3')
    ('-abc_def_gh', 'concert_3')
    """
    found = _CLIP.fullmatch(clip)
    return clip if found is None else found['video']


class ClipFiles(ExitStack):
    """Writes the missing files of one clip, which appear together when the block ends.

    An error inside the block leaves none of them, and no empty folder.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folders: set[Path] = set()

    def write(self, path: str | Path, save: Callable[[Path], None]) -> None:
        """Write a file unless it exists.

        Args:
            path: The file.
            save: Called with the path of a temporary file.
        """
        target = Path(path)
        if not target.exists():
            self._folders.add(target.parent)
            save(self.enter_context(atomic_path(target)))

    def remove_empty_folders(self) -> None:
        """Remove the folders that were made for files and contain none."""
        for folder in self._folders:
            with suppress(OSError):  # it contains files
                folder.rmdir()


def remove_parts(paths: Iterable[str]) -> None:
    """Remove temporary files that a killed run left beside some files."""
    for folder in {Path(path).parent for path in paths}:
        remove_stale_parts(folder)
