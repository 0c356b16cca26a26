"""MOTChallenge boxes and MOTS masks in TrackEval's folders, and single sequences."""

import configparser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.clear import CLEARCounts, count_clear
from avis.evaluation.functional.counts import MaskCounts, count_masks
from avis.evaluation.functional.hota import HOTACounts, count_hota
from avis.evaluation.functional.identity import IdentityCounts, count_identity
from avis.evaluation.functional.mot import (
    MOTS_PERSON,
    BoxDetections,
    MaskDetections,
    overlap_boxes,
    overlap_masks,
)
from avis.evaluation.functional.overlap import VideoOverlap
from avis.structures.masks import RLE
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*': 1e-9}
SKIPPED = {
    'one_sequence_cases/*/gt': 'describes the input',
    'one_sequence_cases/*/tracker': 'describes the input',
    'one_sequence_cases/*/length': 'describes the input',
}
_IGNORE = 10
Parts = tuple[HOTACounts, CLEARCounts, IdentityCounts, MaskCounts, int]


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Scores of every sequence, of all of them together, and of the single sequences."""
    recorded = read_expected(folder)
    scores: dict[str, Any] = {
        path.name: _benchmark(path) for path in sorted(folder.glob('*_MOT*')) if path.is_dir()
    }
    scores['one_sequence_cases'] = {
        name: {'result': _sequence(case)} for name, case in recorded['one_sequence_cases'].items()
    }
    return scores


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


def _benchmark(folder: Path) -> dict[str, Any]:
    (seqmap,) = folder.glob('gt/seqmaps/*.txt')
    benchmark = seqmap.stem
    results = folder / 'trackers' / benchmark / 'model' / 'data'
    parts = {}
    for name in seqmap.read_text().split()[1:]:
        sequence = folder / 'gt' / benchmark / name
        info = configparser.ConfigParser()
        info.read(sequence / 'seqinfo.ini')
        files = sequence / 'gt' / 'gt.txt', results / f'{name}.txt'
        overlap = _overlap(benchmark, *files, num_frames=info.getint('Sequence', 'seqLength'))
        parts[name] = _count(overlap)
    total: Any = [sum(column[1:], column[0]) for column in zip(*parts.values(), strict=True)]
    scores = {name: _scores(part, of_video=True) for name, part in parts.items()}
    return scores | {'COMBINED_SEQ': _scores(tuple(total), of_video=False)}


def _overlap(benchmark: str, gt: Path, pred: Path, *, num_frames: int) -> VideoOverlap:
    rows = [
        [line.replace(',', ' ').split() for line in path.read_text().splitlines() if line.strip()]
        for path in (gt, pred)
    ]
    if benchmark.startswith('MOTS'):
        known, found = (_masks(side, MOTS_PERSON) for side in rows)
        ignored = _masks(rows[0], _IGNORE)
        regions = dict(zip(ignored.frames.tolist(), ignored.rles, strict=True))
        size = int(rows[0][0][3]), int(rows[0][0][4])
        return overlap_masks(known, found, regions, size=size, num_frames=num_frames)
    known_boxes, found_boxes = (_boxes([[float(v) for v in row] for row in r]) for r in rows)
    return overlap_boxes(
        known_boxes,
        found_boxes,
        num_frames=num_frames,
        with_classes=not benchmark.startswith('MOT15'),
    )


def _boxes(rows: Sequence[Sequence[float]]) -> BoxDetections:
    table = np.array([row[:6] for row in rows]).reshape(-1, 6)
    marks = np.array([row[6] for row in rows], int)
    classes = np.array([row[7] if len(row) > 7 else 1 for row in rows], int)
    frames, ids = table[:, 0].astype(int) - 1, table[:, 1].astype(int)
    return BoxDetections(frames, ids, table[:, 2:], marks, classes)


def _masks(rows: Sequence[Sequence[str]], label: int) -> MaskDetections:
    chosen = [row for row in rows if int(row[2]) == label]
    rles = [RLE(size=[int(row[3]), int(row[4])], counts=row[5].encode()) for row in chosen]
    frames, ids = (np.array([int(row[column]) for row in chosen], int) for column in (0, 1))
    return MaskDetections(frames - 1, ids, rles)


def _sequence(case: dict[str, Any]) -> dict[str, Any]:
    """Scores of one sequence of MOT15 given as rows; the confidence of output is no mark."""
    tracker = [[*row[:6], 1, *row[7:]] for row in case['tracker']]
    try:
        overlap = overlap_boxes(
            _boxes(case['gt']), _boxes(tracker), num_frames=case['length'], with_classes=False
        )
    except ValueError as error:
        return {'error': str(error)}
    return _scores(_count(overlap), of_video=True)


def _count(video: VideoOverlap) -> Parts:
    counts = count_hota(video), count_clear(video), count_identity(video), count_masks(video)
    return (*counts, video.num_frames)


def _scores(parts: Parts, *, of_video: bool) -> dict[str, Any]:
    hota, clear, identity, masks, frames = parts
    curves = hota.scores()
    return {
        'HOTA': {name: float(np.mean(values)) for name, values in curves.items()},
        'HOTA_per_alpha': curves,
        'CLEAR': clear.scores_of_video() if of_video else clear.scores(),
        'Identity': identity.scores(),
        'Count': {**masks.scores(), 'Frames': frames},
    }
