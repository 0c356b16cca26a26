"""Clips stored as folders of numbered PNG files: find them, pair truth and prediction, read."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from numpy.typing import NDArray

from avis.evaluation.benchmarks.problems import Effect, ProblemLog

Clips: TypeAlias = dict[PurePath, list[str]]
_NUMBER = re.compile(r'(\d+)\.png$', re.IGNORECASE)


def find_clips(root: Path) -> Clips:
    """All folders below ``root`` that hold PNG files, sorted; with the sorted names of these.

    Raises:
        FileNotFoundError: No such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f'{root} is not a folder')
    clips: Clips = {}
    for folder, _, files in os.walk(root):
        names = sorted(name for name in files if name.lower().endswith('.png'))
        if names:
            clips[Path(folder).relative_to(root)] = names
    return dict(sorted(clips.items()))


def place_of(clip: PurePath, known: Mapping[PurePath, Any]) -> PurePath | None:
    """Where a clip of the truth is among the predictions: at its path, or at the end of it.

    >>> place_of(PurePath('test/dog/a'), {PurePath('dog/a'): []}).as_posix()
    'dog/a'
    """
    tails = (PurePath(*clip.parts[start:]) for start in range(len(clip.parts)))
    return next((tail for tail in tails if tail in known), None)


def frame_number(name: str) -> int | None:
    """The number that a file name ends with.

    >>> frame_number('frame_00012.png'), frame_number('mask.png')
    (12, None)
    """
    found = _NUMBER.search(name)
    return int(found[1]) if found else None


def pair_frames(gt: Iterable[str], pred: Iterable[str]) -> tuple[dict[str, str], set[str]]:
    """Pair the files of a clip by their numbers; or by order, if there are as many.

    Args:
        gt: Names of the true frames.
        pred: Names of the predicted ones.

    Returns:
        Predicted name by true name, and the predicted names without a partner.

    >>> pair_frames(['a_1.png', 'a_2.png'], ['0.png', '1.png'])[0]
    {'a_1.png': '0.png', 'a_2.png': '1.png'}
    >>> pair_frames(['a_1.png', 'a_2.png'], ['2.png', '7.png'])[0]
    {'a_1.png': '2.png', 'a_2.png': '7.png'}
    >>> pair_frames(['a_1.png', 'a_2.png'], ['2.png'])[0]
    {'a_2.png': '2.png'}
    """
    by_number = (
        sorted(names, key=lambda name: (frame_number(name) or 0, name)) for names in (gt, pred)
    )
    true, found = by_number
    if len(true) == len(found):
        return dict(zip(true, found, strict=True)), set()
    numbers = {frame_number(name): name for name in found}
    pairs = {name: numbers[number] for name in true if (number := frame_number(name)) in numbers}
    return pairs, set(found) - set(pairs.values())


def read_or_note(
    read: Callable[[Path], NDArray[Any]], path: Path, log: ProblemLog, kind: str
) -> tuple[NDArray[Any] | None, Effect | None]:
    """The image, or None and what the protocol does about a file that cannot be read."""
    try:
        return read(path), None
    except (OSError, ValueError) as error:
        return None, log.note(kind, path, str(error).removeprefix(f'{path} '))
