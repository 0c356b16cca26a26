"""Clips stored as folders of numbered PNG files: find, pair and read them."""

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
    """All folders below ``root`` that contain PNG files, sorted, with the sorted file names.

    Raises:
        FileNotFoundError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f'{root} is not a folder')
    clips: Clips = {}
    for folder, _, files in os.walk(root):
        names = sorted(name for name in files if name.lower().endswith('.png'))
        if names:
            clips[Path(folder).relative_to(root)] = names
    return dict(sorted(clips.items()))


def find_prediction(clip: PurePath, predicted: Mapping[PurePath, Any]) -> PurePath | None:
    """The predicted folder of a ground-truth clip: its path, or the end of its path.

    >>> find_prediction(PurePath('test/dog/a'), {PurePath('dog/a'): []}).as_posix()
    'dog/a'
    """
    tails = (PurePath(*clip.parts[start:]) for start in range(len(clip.parts)))
    return next((tail for tail in tails if tail in predicted), None)


def frame_number(name: str) -> int | None:
    """The number at the end of a file name.

    >>> frame_number('frame_00012.png'), frame_number('mask.png')
    (12, None)
    """
    found = _NUMBER.search(name)
    return int(found[1]) if found else None


def pair_frames(gt: Iterable[str], pred: Iterable[str]) -> tuple[dict[str, str], set[str]]:
    """Pair the files of a clip by order if both sides have equally many, else by number.

    Args:
        gt: File names of the ground truth.
        pred: File names of the prediction.

    Returns:
        Predicted by gt name, and the predicted names without a partner.

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
    gt_names, pred_names = by_number
    if len(gt_names) == len(pred_names):
        return dict(zip(gt_names, pred_names, strict=True)), set()
    numbers = {frame_number(name): name for name in pred_names}
    pairs = {
        name: numbers[number] for name in gt_names if (number := frame_number(name)) in numbers
    }
    return pairs, set(pred_names) - set(pairs.values())


def read_or_log(
    read: Callable[[Path], NDArray[Any]], path: Path, log: ProblemLog, kind: str
) -> tuple[NDArray[Any] | None, Effect | None]:
    """The image; or, if the file cannot be read, None and the effect of the logged problem."""
    try:
        return read(path), None
    except (OSError, ValueError) as error:
        return None, log.add(kind, path, str(error).removeprefix(f'{path} '))
