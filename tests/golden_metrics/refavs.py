"""Ref-AVS: logits and masks of expressions, ``clips.npz``, and label images, ``masks.npz``."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.avsbench import ClipScores, pool_clips, score_clip
from avis.evaluation.functional.ref_avs import (
    BATCH_SIZE,
    J_THRESHOLD,
    foreground_shares,
    resize_label,
    score_null_references,
)
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*': 2e-6}  # the reference computes in float32
SKIPPED = {'logit': 'describes the input'}
_SCALE = np.float32(0.0625)


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """J and F of the splits with objects, S of null references, and the labels."""
    with np.load(folder / 'clips.npz') as data:
        splits = {name.removesuffix('_q') for name in data.files if name.endswith('_q')}
        scores: dict[str, Any] = {'official_batch_size': BATCH_SIZE}
        for name in sorted(splits):
            prob = 1 / (1 + np.exp(-(data[f'{name}_q'].astype(np.float32) - 128) * _SCALE))
            target = data[f'{name}_g'] > 0 if f'{name}_g' in data.files else None
            scores[name] = _score_null(prob) if target is None else _score_objects(prob, target)
    return scores | {'masks': _resize_labels(folder / 'masks.npz')}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


def _score_objects(prob: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    clips, strict = (
        [score_clip(p, g, threshold=t) for p, g in zip(prob, target, strict=True)]
        for t in (J_THRESHOLD, 0.5)
    )
    shares = [foreground_shares(p) for p in prob]
    lenient = pool_clips(clips, protocol='corrected')
    corrected = pool_clips(strict, protocol='corrected')
    return {
        'clips': len(clips),
        'official': _pool(clips, BATCH_SIZE),
        'batch_size_1': _pool(clips, 1),
        'one_batch': _pool(clips, len(clips)),
        'per_frame_J': [clip.jaccard for clip in clips],
        'per_frame_F': [clip.max_f for clip in clips],
        'S_of_these_clips_batch_4': _pool_null(shares, 4),
        'intended': {
            'J_frame_mean_threshold_0.4': lenient.miou,
            'J_nonempty_frame_mean_threshold_0.4': lenient.miou_sounding,
            'J_frame_mean_threshold_0.5': corrected.miou,
            'J_nonempty_frame_mean_threshold_0.5': corrected.miou_sounding,
            'F_one_curve_over_all_nonempty_frames': corrected.F_score,
        },
    }


def _pool(clips: list[ClipScores], batch_size: int) -> dict[str, Any]:
    scores = pool_clips(clips, protocol='official', batch_size=batch_size)
    return {'J': scores.miou, 'F': scores.F_score, 'per_batch': scores.per_batch}


def _score_null(prob: np.ndarray) -> dict[str, Any]:
    shares = [foreground_shares(p) for p in prob]
    frames = np.concatenate(shares)
    return {
        'clips': len(shares),
        'official': _pool_null(shares, BATCH_SIZE),
        'batch_size_1': _pool_null(shares, 1),
        'one_batch': _pool_null(shares, len(shares)),
        'per_frame_S': [np.sqrt(share) for share in shares],
        'intended': {
            'S_clip_mean': score_null_references(shares, protocol='corrected'),
            'S_pooled': np.sqrt(frames.mean()),
            'S_frame_mean': np.sqrt(frames).mean(),
        },
    }


def _pool_null(shares: list[np.ndarray], batch_size: int) -> dict[str, Any]:
    batches = [shares[i : i + batch_size] for i in range(0, len(shares), batch_size)]
    return {
        'S': score_null_references(shares, batch_size=batch_size),
        'per_batch': [score_null_references(batch, batch_size=batch_size) for batch in batches],
    }


def _resize_labels(path: Path) -> dict[str, Any]:
    """Sizes of the labels; the pixels of the resized ones must be equal."""
    labels: dict[str, Any] = {}
    with np.load(path) as data:
        for name in sorted({key.split('_')[0] for key in data.files}):
            shape, value = data[f'{name}_shape'], int(data[f'{name}_value'])
            bits = np.unpackbits(data[f'{name}_bits'], count=int(np.prod(shape)))
            label = resize_label(bits.reshape(shape) * np.uint8(value))
            recorded = np.unpackbits(data[f'{name}_label256_bits'], count=label.size)
            equal = np.array_equal(label.ravel(), recorded > 0)
            labels[name] = {
                'size': shape,
                'gray_value': value,
                'foreground': int(bits.sum()),
                'label_pixels_256': int(label.sum()) if equal else None,
            }
    return labels
