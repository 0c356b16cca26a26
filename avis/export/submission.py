"""Write predictions in the submission layouts of the benchmarks, all files atomically."""

import json
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE, decode_rle, rle_to_json
from avis.utils.atomic import atomic_path, write_atomic
from avis.utils.file_names import path_inside


def write_label_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image of one channel, (H, W), as PNG."""
    done, data = cv2.imencode('.png', image)
    if not done:
        raise ValueError(f'{path}: expected an image (H, W), got shape {image.shape}')
    write_atomic(path, data.tobytes())


def write_referring(folder: Path, images: Mapping[str, Any]) -> None:
    """Write ``gt.json`` and ``results.json`` of J-HMDB Sentences or A2D Sentences.

    Args:
        folder: The folder.
        images: By id, each with ``gt`` (an RLE), ``masks`` (RLEs) and ``scores``.
    """
    annotations = [
        {'image_id': name, 'category_id': 1, 'segmentation': rle_to_json(image.gt)}
        for name, image in images.items()
    ]
    gt = {'images': [{'id': name} for name in images], 'annotations': annotations}
    results = [
        {'image_id': name, 'category_id': 1, 'segmentation': rle_to_json(mask), 'score': score}
        for name, image in images.items()
        for mask, score in zip(image.masks, image.scores, strict=True)
    ]
    write_atomic(folder / 'gt.json', json.dumps(gt))
    write_atomic(folder / 'results.json', json.dumps(results))


def write_heat_map(folder: Path, name: str, heat_map: NDArray[np.floating]) -> None:
    """Write the heat map of a clip, (H, W), as ``<folder>/<name>.npy`` for VGG-SS."""
    buffer = BytesIO()
    np.save(buffer, heat_map)
    write_atomic(path_inside(folder, f'{name}.npy'), buffer.getvalue())


def write_persons(
    folder: Path, masks: Sequence[Sequence[RLE | None]], frame_numbers: Iterable[int]
) -> None:
    """Write one video for AVTrack: ``person_<k>/frame_%04d.png``, 255 inside the person.

    Args:
        folder: Folder of the video; persons of an earlier run are deleted.
        masks: One mask or None per frame, of each person.
        frame_numbers: Number of each frame, for the file names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame_numbers = list(frame_numbers)
    for path in folder.glob('person_*/frame_*.png*'):  # also temporary files of a killed run
        path.unlink()
    for path in folder.glob('person_*'):
        path.rmdir()  # every folder counts as a person
    for person, rles in enumerate(masks):
        (folder / f'person_{person}').mkdir()
        for number, rle in zip(frame_numbers, rles, strict=True):
            if rle is not None:
                mask = decode_rle(rle).astype(np.uint8) * 255
                write_label_png(folder / f'person_{person}' / f'frame_{number:04d}.png', mask)


def to_results(
    video_id: int | str,
    masks: Sequence[Sequence[RLE | None]],
    *,
    labels: Sequence[int] | None,
    scores: Sequence[float] | None,
    blank: RLE | None,
    category_ids: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """The predicted tracks of one video as entries of a results file of YouTube-VIS.

    Args:
        video_id: Id of the video.
        masks: One mask or None per frame, of each track.
        labels: Class index of each track; 0 if None.
        scores: Confidence of each track; 1 if None.
        blank: Mask to write where a track is absent; None writes null.
        category_ids: Category id of each class index; index + 1 if None.
    """
    labels = labels or [0] * len(masks)
    scores = scores or [1.0] * len(masks)
    return [
        {
            'video_id': video_id,
            'category_id': label + 1 if category_ids is None else category_ids[label],
            'score': score,
            'segmentations': [rle_to_json(rle or blank) for rle in rles],
        }
        for rles, label, score in zip(masks, labels, scores, strict=True)
    ]


def write_results_json(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write a results file of YouTube-VIS, entry by entry."""
    separator = ''
    with atomic_path(path) as part, part.open('w', encoding='utf-8') as file:
        file.write('[')
        for entry in entries:
            file.write(separator + json.dumps(entry))
            separator = ', '
        file.write(']')


def write_probabilities(out: Path, name: str, prob: NDArray[np.float32]) -> None:
    """Write one clip for AVSBench: ``<name>/<name>_<n>.png``, n from 1 on, gray level 255 p.

    Args:
        out: Folder of all clips.
        name: Name of the clip.
        prob: (T, H, W) in [0, 1], or uint8.
    """
    if prob.dtype != np.uint8:
        # The level is above 127 exactly where p > 0.5; np.rint would round p = 0.5 up.
        prob = np.ceil(prob * np.float32(255) - np.float32(0.5))
    for number, image in enumerate(prob.astype(np.uint8), start=1):
        write_label_png(path_inside(out, f'{name}/{name}_{number}.png'), image)


def write_labels(folder: Path, labels: NDArray[Any]) -> None:
    """Write the class indices (T, H, W) of one clip for AVSS: ``<n>.png``, n from 0 on."""
    for number, image in enumerate(labels.astype(np.uint8)):
        write_label_png(folder / f'{number}.png', image)
