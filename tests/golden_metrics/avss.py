"""AVSS: labels or logits of clips in ``<name>.npz``, scores by this name in ``expected.json``."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.avss import pool_classes, score_frames
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*': 2e-6}  # the reference computes in float32
SKIPPED = {
    '*/binary_miou_per_video': 'a score of AVSBench-object',
    '*/min_top1_top2_probability_gap': 'describes the input',
}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """The scores of every file of clips."""
    return {path.stem: _score(path) for path in sorted(folder.glob('*.npz'))}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


def _score(path: Path) -> dict[str, Any]:
    with np.load(path) as data:
        target = data['gt']
        pred = data['pred'] if 'pred' in data else data['logits'].argmax(axis=1)
    if target.ndim == 3:  # one video
        pred, target = pred[None], target[None]
    clips = [score_frames(p, g) for p, g in zip(pred, target, strict=True)]
    sums = [clip.sums() for clip in clips]
    official = pool_classes(sums, protocol='official')
    corrected = pool_classes(sums, protocol='corrected')
    present = int((official.class_frames > 0).sum())
    return {
        'miou': official.miou,
        'miou_noBg': official.miou_noBg,
        'F_score': official.F_score,
        'F_score_noBg': official.F_score_noBg,
        'running_iou_over_present_classes': official.miou_present,
        'running_F_over_present_classes': official.F_score_present,
        'num_present': present,
        'classes_never_present': len(official.class_frames) - present,
        'per_class_iou_sum': np.sum([part.iou for part in sums], axis=0),
        'per_class_F_sum': np.sum([part.f for part in sums], axis=0),
        'per_class_frame_count': official.class_frames,
        'per_class_iou': official.class_iou,
        'per_class_F': official.class_f,
        'per_frame_mean_iou_nonzero': [clip.mean_iou for clip in clips],
        'intended_miou_noBg_index0': corrected.miou_noBg,
        'intended_F_noBg_index0': corrected.F_score_noBg,
    }
