"""AVSBench-object: logits and masks of clips, ``<name>.npz`` with ``<name>_expected.json``.

The scores of files are those of 8-bit images; these are of the float32 values.
"""

from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.avsbench import pool_clips, precision_recall, score_clip
from tests.golden_metrics.comparison import read_json

TOLERANCES = {'*': 2e-6}  # the reference computes in float32
SKIPPED = {
    f'*/{name}*': 'describes the input'
    for name in ('dataset', 'shape', 'logit', 'scale', 'levels_within_2e-6_of_a_threshold')
}
_END = '_expected.json'


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """The scores of every set of clips."""
    return {name: _score(folder, name) for name in expected(folder)}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values of each set."""
    files = sorted(folder.glob(f'*{_END}'))
    return {file.name.removesuffix(_END): read_json(file) for file in files}


def _score(folder: Path, name: str) -> dict[str, Any]:
    with np.load(folder / f'{name}.npz') as data:
        logits = (data['q'].astype(np.float32) - 128) * np.float32(data['scale'])
        target = data['g'] > 0
    prob = 1 / (1 + np.exp(-logits))
    clips = [score_clip(p, g) for p, g in zip(prob, target, strict=True)]
    scores: dict[str, Any] = {}
    for size in (1, 4):
        pooled = pool_clips(clips, protocol='official', batch_size=size)
        scores[f'batch_size_{size}'] = {
            'test_miou': pooled.miou,
            'test_F_score': pooled.F_score,
            'per_batch': [{'miou': miou, 'F_score': f} for miou, f in pooled.per_batch],
        }
    whole = pool_clips(clips, protocol='official', batch_size=len(clips))
    corrected = pool_clips(clips, protocol='corrected')
    example = read_json(folder / f'{name}{_END}').get('curve_example', {'video': 0, 'frame': 0})
    video, frame = example['video'], example['frame']
    precision, recall = precision_recall(prob[video], target[video])
    return scores | {
        'one_batch_all_frames': {'miou': whole.miou, 'F_score': whole.F_score},
        'per_frame_miou': [clip.jaccard for clip in clips],
        'per_frame_max_F': [clip.max_f for clip in clips],
        'curve_example': {
            'video': video,
            'frame': frame,
            'precision': precision[frame],
            'recall': recall[frame],
        },
        'frame_average_miou': corrected.miou,
        'frame_average_miou_nonempty_gt': corrected.miou_sounding,
        'num_empty_gt_frames': sum(int((~clip.sounding).sum()) for clip in clips),
    }
