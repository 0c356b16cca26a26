"""Clips stored as folders of numbered PNG files: find, pair and read them."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.problems import Effect, ProblemLog
from avis.utils.png import read_png_mask

Clips: TypeAlias = dict[PurePath, list[str]]
_NUMBER = re.compile(r'(\d+)\.png$', re.IGNORECASE)


def find_clips(root: Path) -> Clips:
    """All folders below ``root`` that contain PNG files, sorted, with the sorted file names.

    Links to folders are followed.

    Raises:
        FileNotFoundError: ``root`` is not a folder.
        ValueError: A folder cannot be read, or a link leads to nothing or to a folder above it.
    """
    if not root.is_dir():
        raise FileNotFoundError(f'{root} is not a folder')
    clips: Clips = {}
    for folder, folders, files in os.walk(root, followlinks=True, onerror=_raise_unreadable):
        for name in folders:
            _check_loop(Path(folder, name))
        for name in files:
            _check_link(Path(folder, name))
        names = sorted(name for name in files if name.lower().endswith('.png'))
        if names:
            clips[Path(folder).relative_to(root)] = names
    return dict(sorted(clips.items()))


def list_folders(root: Path) -> list[Path]:
    """The folders in a folder, links to folders included, sorted; none if it does not exist.

    Raises:
        ValueError: It cannot be read, or contains a link that leads to nothing.
    """
    entries = _entries(root)
    for entry in entries:
        _check_link(entry)
    return sorted(entry for entry in entries if entry.is_dir())


def list_pngs(folder: Path) -> list[str]:
    """The names of the PNG files in a folder, sorted; none if it does not exist.

    Raises:
        ValueError: It cannot be read.
    """
    return sorted(entry.name for entry in _entries(folder) if entry.suffix == '.png')


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except OSError as error:
        raise _unreadable(error, folder) from error


def _unreadable(error: OSError, folder: str | Path) -> ValueError:
    return ValueError(f'{folder} cannot be read: {error.strerror}. Correct its permissions.')


def _raise_unreadable(error: OSError) -> None:
    raise _unreadable(error, error.filename) from error


def _check_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise ValueError(f'{path} is a link to {path.readlink()}, which does not exist. Remove it.')


def _check_loop(path: Path) -> None:
    """Check that a link does not lead to a folder that contains it."""
    if path.is_symlink() and path.resolve() in path.parent.resolve().joinpath('x').parents:
        raise ValueError(
            f'{path} is a link to {path.resolve()}, a folder that contains it. Remove the link.'
        )


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


def pair_paths(
    names: Sequence[str], folder: Path, found: Sequence[str], log: ProblemLog
) -> list[Path | None]:
    """The predicted file of each frame of a clip; None, and a logged problem, where it is missing.

    Args:
        names: File names of the ground truth.
        folder: Folder of the prediction.
        found: File names in it, empty if it does not exist.
        log: Takes ``missing_prediction``, ``missing_frame`` and ``extra_frame``.
    """
    if not found:
        log.add('missing_prediction', folder, 'no such folder with PNG files')
        return [None] * len(names)
    pairs, extra = pair_frames(names, found)
    for name in sorted(extra):
        log.add('extra_frame', folder / name, f'the ground truth has {len(names)} frames')
    for name in names:
        if name not in pairs:
            log.add('missing_frame', folder, f'no prediction for {name} of the ground truth')
    return [folder / pairs[name] if name in pairs else None for name in names]


def read_gt_masks(folder: Path, names: Sequence[str], log: ProblemLog) -> NDArray[Any] | None:
    """Gray levels of the ground truth of a clip, (N, H, W); None if a mask cannot be used.

    The log takes ``unreadable_gt`` and ``wrong_size``.
    """
    masks: list[NDArray[Any]] = []
    for name in names:
        mask, _ = read_or_log(read_png_mask, folder / name, log, 'unreadable_gt')
        if mask is None:
            continue
        if masks and mask.shape != masks[0].shape:
            problem = f'{mask.shape} (H, W), the first frame of the clip has {masks[0].shape}'
            log.add('wrong_size', folder / name, problem)
            continue
        masks.append(mask)
    return np.stack(masks) if len(masks) == len(names) else None


def read_probabilities(path: Path, log: ProblemLog) -> NDArray[np.uint8] | None:
    """Gray levels of a predicted frame, (H, W); None if the file cannot be used.

    The log takes ``unreadable_prediction`` and ``not_probabilities``.
    """
    image, _ = read_or_log(read_png_mask, path, log, 'unreadable_prediction')
    if image is not None and image.dtype != np.uint8:
        log.add('not_probabilities', path, f'{image.dtype} pixels, expected 8-bit gray levels')
        return None
    return image
