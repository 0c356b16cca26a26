"""Scores of TrackEval from PyPI for files in the layouts of AVISeg and AVTrack."""

import contextlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import trackeval

from benchmarks.evaluation_steps import QUIET, merge_persons, open_davis

# The size ranges of AVISeg.
_TRACK_MAP = {
    'USE_AREA_RANGES': True,
    'AREA_RANGES': [[0, 128**2], [128**2, 256**2], [256**2, 1e10]],
    'USE_TIME_RANGES': False,
    'PRINT_CONFIG': False,
}


def aviseg_files(root: Path) -> tuple[Path, Path]:
    """Paths at which TrackEval expects ground truth and results."""
    name = 'youtube_vis_train_sub_split'
    files = root / 'gt' / name / 'test.json', root / 'pred' / name / 'ours' / 'data' / 'r.json'
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    return files


def trackeval_aviseg(root: Path) -> dict[str, Any]:
    """Results by video and ``COMBINED_SEQ``, class, metric and field."""
    config = {
        'GT_FOLDER': f'{root / "gt"}/',  # TrackEval appends a name as text
        'TRACKERS_FOLDER': f'{root / "pred"}/',
        'TRACKERS_TO_EVAL': ['ours'],
        'PRINT_CONFIG': False,
    }
    kinds = trackeval.metrics.CLEAR, trackeval.metrics.Identity
    metrics = [trackeval.metrics.HOTA(), *(kind({'PRINT_CONFIG': False}) for kind in kinds)]
    with _silence():
        dataset = trackeval.datasets.YouTubeVIS(config)
        return _evaluate(dataset, [*metrics, trackeval.metrics.TrackMAP(_TRACK_MAP)])


def trackeval_avtrack(root: Path, videos: list[str]) -> dict[str, Any]:
    """Results by video, metric and field; persons are merged as in AVTrack."""
    for video in videos:
        merge_persons(root, video, root / 'merged' / 'ours' / 'data' / video)
    skimage = {'skimage.morphology': SimpleNamespace(disk=_disk)}
    with _silence(), mock.patch.dict(sys.modules, skimage):
        dataset, metrics = open_davis(root, videos)
        results = _evaluate(dataset, [*metrics, trackeval.metrics.JAndF()])
    return {video: results[video]['general'] for video in videos}


def _disk(radius: float) -> np.ndarray:
    """Replacement for the one function of scikit-image that TrackEval uses."""
    offsets = np.arange(-radius, radius + 1)
    return (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.uint8)


def _evaluate(dataset: Any, metrics: list[Any]) -> dict[str, Any]:
    found, _ = trackeval.Evaluator(QUIET).evaluate([dataset], metrics)
    return found[dataset.get_name()]['ours']


@contextlib.contextmanager
def _silence() -> Any:
    """Suppress the output of TrackEval."""
    with Path(os.devnull).open('w') as null, contextlib.redirect_stdout(null):
        yield


def trackeval_mot(root: Path, gt: str, pred: str, frames: int) -> dict[str, float]:
    """HOTA, MOTA and IDF1 of one video in the format of MOTChallenge.

    Args:
        root: Folder for the files.
        gt: Content of the ground truth; the confidence says that a box counts.
        pred: Content of the prediction.
        frames: Number of frames.
    """
    counted = [line.split(',')[:6] for line in gt.splitlines()]
    rows = ''.join(','.join([*fields, '1', '1', '1']) + '\n' for fields in counted)
    files = {root / 'mot' / 'talk' / 'gt' / 'gt.txt': rows}
    files[root / 'trackers' / 'ours' / 'data' / 'talk.txt'] = pred
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    config = {
        'GT_FOLDER': str(root / 'mot'),
        'TRACKERS_FOLDER': str(root / 'trackers'),
        'TRACKERS_TO_EVAL': ['ours'],
        'SEQ_INFO': {'talk': frames},
        'SKIP_SPLIT_FOL': True,
        'PRINT_CONFIG': False,
    }
    kinds = trackeval.metrics.CLEAR, trackeval.metrics.Identity
    metrics = [trackeval.metrics.HOTA(), *(kind({'PRINT_CONFIG': False}) for kind in kinds)]
    with _silence():
        found = _evaluate(trackeval.datasets.MotChallenge2DBox(config), metrics)
    scores = found['talk']['pedestrian']
    return {
        'HOTA': float(np.mean(scores['HOTA']['HOTA'])),
        'MOTA': float(scores['CLEAR']['MOTA']),
        'IDF1': float(scores['Identity']['IDF1']),
    }
