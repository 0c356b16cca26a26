"""Data samples with tracks, as the output of a model, and their ground truth as files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData

from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from tests.helpers.small_sets import SIZE, disk, rle, write_png

META = {'classes': ('man', 'dog', 'car')}
FRAMES = 4


def make_samples(count: int, *, seed: int = 0, disjoint: bool = False) -> list[AVDataSample]:
    """Videos of up to three gt and four predicted tracks; the first has no gt track."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        tracks = int(rng.integers(1, 4)) if number else 0
        centers = [(12, 5 + 10 * k) for k in range(tracks)]
        gt = [
            [disk(*center, 4) & (rng.random() < 0.8) for _ in range(FRAMES)] for center in centers
        ]
        found = [
            [
                disk(y + rng.normal(), x + rng.normal(), 5) & (rng.random() < 0.8)
                for _ in range(FRAMES)
            ]
            for y, x in [*centers, (12, 20)][: tracks + int(rng.integers(0, 2))]
        ]
        labels = rng.integers(0, 1 if disjoint else 3, tracks + 1)
        meta = {'video_id': number + 1, 'video_name': f'video{number:02d}', 'ori_shape': SIZE}
        sample = AVDataSample(metainfo={**meta, 'frame_ids': np.arange(FRAMES)})
        sample.gt_tracks = InstanceData(
            masks=tracks_of(gt),
            labels=torch.tensor(labels[:tracks]),
            ids=torch.arange(1, tracks + 1),
        )
        sample.pred_tracks = InstanceData(
            masks=tracks_of(found),
            labels=torch.tensor(labels[: len(found)]),
            scores=torch.from_numpy(rng.random(len(found))),
        )
        samples.append(sample)
    return samples


def tracks_of(masks: list) -> list[MaskTrack]:
    return [MaskTrack.from_dense(np.stack(track)) for track in masks]


def score(metric: Any, samples: list[AVDataSample]) -> dict[str, float]:
    metric.dataset_meta = META
    metric.process(None, [sample.to_dict() for sample in samples])
    return metric.evaluate(len(samples))


def write_gt(path: Path, samples: list[AVDataSample]) -> Path:
    """Write the ground truth as one JSON file."""
    videos, annotations = [], []
    for sample in samples:
        files = [f'{sample.video_name}/{t}.jpg' for t in range(FRAMES)]
        size = {'height': SIZE[0], 'width': SIZE[1]}
        videos.append({'id': sample.video_id, 'file_names': files, 'length': FRAMES, **size})
        for track, label in zip(sample.gt_tracks.masks, sample.gt_tracks.labels, strict=True):
            masks = [None if mask is None else track.dense(t) for t, mask in enumerate(track.rles)]
            annotation = {'id': len(annotations) + 1, 'video_id': sample.video_id}
            annotation |= {'category_id': int(label) + 1, 'iscrowd': 0}
            annotations.append({**annotation, 'segmentations': [rle(mask) for mask in masks]})
    categories = [{'id': k + 1, 'name': name} for k, name in enumerate(META['classes'])]
    content = {'videos': videos, 'annotations': annotations, 'categories': categories}
    path.write_text(json.dumps(content))
    return path


def write_merged(folder: Path, samples: list[AVDataSample]) -> Path:
    """Write the ground truth as one gray image per frame."""
    for sample in samples:
        for frame in range(FRAMES):
            image = np.zeros(SIZE, np.uint8)
            for track, level in zip(sample.gt_tracks.masks, sample.gt_tracks.ids, strict=True):
                image[track.dense(frame)] = int(level)
            write_png(folder / sample.video_name / f'frame_{frame:05d}.png', image)
    return folder


def content(tracks: InstanceData) -> dict[str, Any]:
    """Content of tracks as plain values."""
    fields = {key: tracks[key].tolist() for key in ('ids', 'labels', 'scores') if key in tracks}
    return fields | {'masks': [(m.height, m.width, m.rles) for m in tracks.masks]}
