"""Text files of YouMVOS: the shots of a video, and the videos of a split.

Layout as the authors' release script writes it (donglaiw/YouMVOS, scripts/T_release.py); frame
numbers of ``shot.txt`` are taken to count from 0, those of file names are one higher.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SHOTS_FILE = 'shot.txt'
# Frames of the video between two annotated ones, by frame rate.
_STEPS = {24: 4, 25: 5, 27: 3, 30: 5}


class VideoShot(NamedTuple):
    """Frames of the video between two cuts; only those of a valid shot have a ground truth."""

    first: int
    last: int
    is_valid: bool


class Shots(NamedTuple):
    """The shots of a video, and the step between annotated frames if the file states it."""

    shots: Sequence[VideoShot]
    step: int | None

    def valid(self, frames: Iterable[int]) -> list[bool]:
        """Whether each frame of the video is part of a valid shot."""
        kept = [shot for shot in self.shots if shot.is_valid]
        return [any(shot.first <= frame <= shot.last for shot in kept) for frame in frames]


def read_shots(path: Path) -> Shots:
    """Read ``shot.txt``: first frame, last frame, in the first row the step, and a flag.

    The flag of a valid shot is 0.

    Raises:
        ValueError: A row has other numbers.
    """
    shots: list[VideoShot] = []
    step: int | None = None
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        cells = line.replace(',', ' ').split()
        if not cells:
            continue
        sizes = (3,) if shots else (3, 4)
        if len(cells) not in sizes or not all(cell.isdecimal() for cell in cells):
            raise ValueError(
                f'{path}: line {number}: expected first frame, last frame and flag, got {line!r}. '
                f'Fetch the file again.'
            )
        first, last, *middle, flag = map(int, cells)
        step = middle[0] if middle else step
        shots.append(VideoShot(first, last, flag == 0))
    return Shots(shots, step or None)


def annotated_frame_range(info: Mapping[str, Any], shots: Shots | None, name: str) -> range:
    """The annotated frames of a video, counted from 0.

    Args:
        info: ``fps`` and ``num_frame`` of the video.
        shots: Its shots; None if there is no file.
        name: Name of the video, for the error.

    Raises:
        ValueError: Neither the shots nor the frame rate determine the step.
    """
    step = (shots and shots.step) or _STEPS.get(round(info['fps']))
    if not step:
        raise ValueError(
            f'{name}: expected a step in the first row of {SHOTS_FILE} or an fps of '
            f'{sorted(_STEPS)}, got fps {info["fps"]}'
        )
    return range(0, info['num_frame'], step)


def read_names(path: str | Path) -> list[str]:
    """Read the names of the videos of a split, one per line.

    Raises:
        ValueError: There is none.
    """
    names = Path(path).read_text().split()
    if not names:
        raise ValueError(f'{path}: expected one video per line, got none. Fetch the file again.')
    return names
