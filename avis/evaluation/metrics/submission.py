"""Write predictions in the layouts that the benchmarks ask for; files appear when complete."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.overlap import TrackMasks
from avis.structures.masks import RLE, decode_rle, rle_to_json
from avis.utils.atomic import write_atomic


def write_result_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a PNG (H, W)."""
    done, data = cv2.imencode('.png', image)
    if not done:
        raise ValueError(f'{path}: a image of shape {image.shape} cannot be written as PNG')
    write_atomic(path, data.tobytes())


def write_persons(folder: Path, masks: TrackMasks, numbers: Iterable[int]) -> None:
    """Write one video for AVTrack: ``person_<k>/frame_%04d.png``, 255 where the person is.

    Args:
        folder: Folder of the video; emptied of the persons of an earlier run.
        masks: The persons.
        numbers: Number of each frame in its file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = list(numbers)
    for path in folder.glob('person_*/frame_*.png*'):  # also parts that a killed run left
        path.unlink()
    for path in folder.glob('person_*'):
        path.rmdir()  # every folder counts as a person
    for person, rles in enumerate(masks.rles):
        (folder / f'person_{person}').mkdir()
        for number, rle in zip(numbers, rles, strict=True):
            if rle is not None:
                mask = decode_rle(rle).astype(np.uint8) * 255
                write_result_image(folder / f'person_{person}' / f'frame_{number:04d}.png', mask)


def to_results(
    video_id: int | str, masks: TrackMasks, *, blank: RLE | None, category_ids: Sequence[int] | None
) -> list[dict[str, Any]]:
    """The predicted tracks of one video as entries of a ``results.json``.

    Args:
        video_id: Id of the video.
        masks: The tracks.
        blank: What stands where a track is absent; None for null.
        category_ids: Category of each class index; index + 1 if None.
    """
    labels = masks.labels or [0] * len(masks.rles)
    scores = masks.scores or [1.0] * len(masks.rles)
    return [
        {
            'video_id': video_id,
            'category_id': label + 1 if category_ids is None else category_ids[label],
            'score': score,
            'segmentations': [rle_to_json(rle or blank) for rle in rles],
        }
        for rles, label, score in zip(masks.rles, labels, scores, strict=True)
    ]


def write_results(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write a ``results.json``."""
    write_atomic(path, json.dumps(list(entries)))


def write_probabilities(out: Path, name: str, prob: NDArray[np.float32]) -> None:
    """Write one clip for AVSBench: ``<name>/<name>_<n>.png``, n from 1 on, gray level 255 p.

    Args:
        out: Folder of all clips.
        name: Name of the clip.
        prob: (T, H, W) in [0, 1], or uint8.
    """
    if prob.dtype != np.uint8:
        # The level is above 127 just where p is above one half; np.rint errs at one half.
        prob = np.ceil(prob * np.float32(255) - np.float32(0.5))
    for number, image in enumerate(prob.astype(np.uint8), start=1):
        write_result_image(out / name / f'{name}_{number}.png', image)


def write_labels(folder: Path, labels: NDArray[Any]) -> None:
    """Write the class indices (T, H, W) of one clip for AVSS: ``<n>.png``, n from 0 on."""
    for number, image in enumerate(labels.astype(np.uint8)):
        write_result_image(folder / f'{number}.png', image)
