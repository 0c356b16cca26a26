"""Scores of random files equal TrackEval in every field, per video, class and threshold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avis.apis import evaluate
from avis.structures.masks import encode_mask, rle_to_json
from tests.helpers.instance_goldens import compare
from tests.helpers.small_sets import write_png
from tests.helpers.trackeval_results import (
    aviseg_files,
    trackeval_aviseg,
    trackeval_avtrack,
)

SIZE = (12, 16)
CLASSES = ('man', 'dog', 'car', 'never')
METRICS = ('HOTA', 'CLEAR', 'Identity', 'Count')
# With one class that the data set does not have.
LABELS = (1, 2, 3, 9)


def random_mask(rng: np.random.Generator) -> np.ndarray:
    """A box, often at the same position, sometimes blank."""
    y, x = rng.integers(0, 3, 2) * 3
    height, width = rng.integers(0, 3, 2) * 2
    mask = np.zeros(SIZE, bool)
    mask[y : y + height, x : x + width + 1] = True
    return mask & (rng.random(SIZE) < 0.9)


def random_track(rng: np.random.Generator, frames: int, like: list | None = None) -> list:
    """Masks, some None, some copied from ``like``."""
    track: list[np.ndarray | None] = []
    for frame in range(frames):
        if rng.random() < 0.25:
            track.append(None)
        elif like is not None and rng.random() < 0.7:
            track.append(like[frame])
        else:
            track.append(random_mask(rng))
    return track


def to_runs(mask: np.ndarray | None) -> dict[str, Any] | None:
    """An uncompressed RLE, which every evaluator accepts."""
    if mask is None:
        return None
    flat = np.concatenate([[False], mask.T.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {'size': list(SIZE), 'counts': np.diff([0, *edges, mask.size]).tolist()}


def to_rle(mask: np.ndarray | None) -> dict[str, Any] | None:
    return None if mask is None else rle_to_json(encode_mask(mask))


def write_random_aviseg(root: Path, seed: int) -> tuple[Path, Path]:
    """Write tracks with ids, areas, classes and scores in any order, with many ties."""
    rng = np.random.default_rng(seed)
    videos, annotations, results = [], [], []
    for number in rng.permutation(int(rng.integers(2, 6))).tolist():
        frames = int(rng.integers(1, 7))
        files = [f'v{number:02d}/{t:05d}.jpg' for t in range(frames)]
        size = {'height': SIZE[0], 'width': SIZE[1]}
        videos.append({'id': number + 5, 'file_names': files, 'length': frames, **size})
        most = 12 if seed % 5 == 0 else 4  # NumPy sums eight or more numbers in another order
        gt_tracks = [random_track(rng, frames) for _ in range(rng.integers(0, most))]
        for track in gt_tracks:
            masks = [mask if mask is not None and mask.any() else None for mask in track]
            areas = rng.choice([0, 9, 128**2, 200**2, 256**2, 300**2], frames).tolist()
            annotations.append(
                {
                    'video_id': number + 5,
                    'category_id': int(rng.integers(1, 4)),
                    'iscrowd': int(rng.random() < 0.15),
                    'areas': [area if area else None for area in areas],
                    'segmentations': [to_runs(mask) for mask in masks],
                    **size,
                }
            )
        for _ in range(rng.integers(0, most + 2)):
            like = gt_tracks[rng.integers(len(gt_tracks))] if gt_tracks else None
            masks = [to_rle(mask) for mask in random_track(rng, frames, like)]
            label, score = int(rng.choice(LABELS)), float(rng.integers(1, 4) / 4)
            result = {'video_id': number + 5, 'category_id': label, 'score': score}
            results.append({**result, 'segmentations': masks})
    for annotation, number in zip(annotations, rng.permutation(len(annotations)), strict=True):
        annotation['id'] = int(number) + 1
    rng.shuffle(results)
    categories = [{'id': k, 'name': name} for k, name in enumerate(CLASSES, start=1)]
    gt, pred = aviseg_files(root)
    content = {'videos': videos, 'annotations': annotations, 'categories': categories}
    gt.write_text(json.dumps(content))
    pred.write_text(json.dumps(results))
    return gt, pred


@pytest.mark.parametrize('seed', range(15))
def test_aviseg(seed: int, tmp_path: Path) -> None:
    details = evaluate('aviseg', *write_random_aviseg(tmp_path, seed), full=True)['details']
    expected = trackeval_aviseg(tmp_path)
    combined = expected.pop('COMBINED_SEQ')
    for kind in ('class_averaged', 'det_averaged'):
        wanted = combined[{'class_averaged': 'cls_comb_cls_av'}.get(kind, 'cls_comb_det_av')]
        for metric in (*METRICS, 'TrackMAP'):
            compare(details[kind][metric], fields_of(wanted[metric]), f'{kind} {metric}')
    for label in details['per_class']:
        for metric in (*METRICS, 'TrackMAP'):
            wanted = fields_of(combined[label][metric])
            compare(details['per_class'][label][metric], wanted, f'{label} {metric}')
    assert set(details['per_video']) == set(expected)
    for name, video in details['per_video'].items():
        for label, metrics in video['classes'].items():
            for metric, fields in metrics.items():
                wanted = fields_of(expected[name][label][metric])
                compare(fields, wanted, f'{name} {label} {metric}')


def fields_of(metric: dict[str, Any]) -> dict[str, Any]:
    """The fields of a metric without curves and number of frames, which classes do not have."""
    return {k: v for k, v in metric.items() if k not in ('precision', 'recall', 'Frames')}


def write_random_avtrack(root: Path, seed: int, gray: int) -> list[str]:
    """Write three videos with gray levels ``k * gray`` and persons who hide each other."""
    rng = np.random.default_rng(seed)
    videos = [f'talk_A_{number:02d}' for number in range(3)]
    for video in videos:
        frames, start = int(rng.integers(1, 8)), int(rng.integers(0, 30))
        frame_numbers = range(start, start + frames)
        gt_tracks = [random_track(rng, frames) for _ in range(rng.integers(1, 4))]
        for index, frame in enumerate(frame_numbers):
            image = np.zeros(SIZE, np.uint8)
            for k, track in enumerate(gt_tracks, start=1):
                if track[index] is not None:
                    image[track[index]] = k * gray
            if index == 0:
                image[-1, -1] = gray  # TrackEval raises an error without a gt mask
            path = root / 'gt' / 'Instance_Masks_merged' / video / f'frame_{frame:05d}.png'
            write_png(path, image)
        for k in range(rng.integers(1, 13)):
            track = random_track(rng, frames, gt_tracks[rng.integers(len(gt_tracks))])
            if k == 0:
                track[0] = np.ones(SIZE, bool) ^ np.eye(
                    *SIZE, dtype=bool
                )  # and without a predicted mask
            (root / 'pred' / video / f'person_{k}').mkdir(parents=True)
            for index, frame in enumerate(frame_numbers):
                if track[index] is not None:
                    path = root / 'pred' / video / f'person_{k}' / f'frame_{frame:04d}.png'
                    write_png(path, 255 * track[index].astype(np.uint8))
    return videos


@pytest.mark.parametrize('gray', [40, 85], ids=['gray levels', 'with void'])
@pytest.mark.parametrize('seed', range(6))
def test_avtrack(seed: int, gray: int, tmp_path: Path) -> None:
    videos = write_random_avtrack(tmp_path, seed, gray)
    result = evaluate('avtrack', tmp_path / 'gt', tmp_path / 'pred', full=True)
    expected = trackeval_avtrack(tmp_path, videos)
    assert list(result['per_video']) == videos
    for name, video in result['details']['per_video'].items():
        for metric in (*METRICS, 'JAndF'):
            compare(video[metric], fields_of(expected[name][metric]), f'{name} {metric}')
    sources = {'HOTA': 'HOTA', 'DetA': 'HOTA', 'AssA': 'HOTA', 'IDF1': 'Identity', 'MOTA': 'CLEAR'}
    for key, metric in sources.items():
        means = [max(0.0, 100 * np.mean(expected[name][metric][key])) for name in videos]
        assert result['summary'][key] == pytest.approx(np.mean(means), abs=1e-9)
