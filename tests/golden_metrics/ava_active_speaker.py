"""AVA-ActiveSpeaker: cases with gt.csv and predictions.csv, through ``evaluate``."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.apis import evaluate
from avis.evaluation.benchmarks.ava import AVABenchmark
from avis.evaluation.functional.active_speaker import average_precision
from avis.utils.ava_csv import read_face_rows
from tests.golden_metrics.comparison import Between, read_expected

TOLERANCES = {'*': 1e-9}
SKIPPED = {'*/official_with_newer_versions*': 'order of an unstable sort'}
_STABLE_ROWS = 16  # up to so many rows the sort of the reference keeps the order of equal scores


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Average precision of every case under both protocols."""
    return {path.parent.name: _case(path.parent) for path in sorted(folder.glob('*/gt.csv'))}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values; where the order of equal scores decides, an interval."""
    recorded = read_expected(folder)
    cases = {name: case for name, case in recorded.items() if (folder / name / 'gt.csv').is_file()}
    for case in cases.values():
        intended = case.get('intended', {})
        low, high = (intended.get(f'{end}_order_of_ties') for end in ('worst', 'best'))
        if case['rows'] > _STABLE_ROWS and low is not None and high - low > 1e-9:
            case['official']['average_precision'] = Between(low - 1e-9, high + 1e-9)
            case['official'].pop('order', None)
        if case['official'].get('order') is None:  # not recorded
            case['official'].pop('order', None)
    return cases


def _case(folder: Path) -> dict[str, Any]:
    files = folder / 'gt.csv', folder / 'predictions.csv'
    case: dict[str, Any] = {'rows': len(read_face_rows(files[0]))}
    try:
        summary = evaluate('ava', *files, protocol='official')['summary']
    except ValueError as error:
        case['official'] = {'error': str(error)}
    else:
        value = summary['average_precision']
        case['ties_in_order_of_rows'] = value
        case['official'] = {
            'average_precision': value,
            'merged_rows': summary['rows'],
            'positives': summary['speaking'],
            'order': _order(*files),
        }
    try:
        summary = evaluate('ava', *files, protocol='corrected')['summary']
    except ValueError as error:
        case['intended'] = {'error': str(error)}
    else:
        case['intended'] = {
            'average_precision': summary['average_precision'],
            **_extremes(*files),
        }
    return case


def _order(gt: Path, pred: Path) -> list[str]:
    """Keys of the joined rows, best score first."""
    rows = read_face_rows(gt)
    scores = _all_scores(gt, pred, 'official')
    ranked = scores[0][np.argsort(-scores[1], kind='stable')]
    return [f'{rows.times[row]}:{rows.entities[row]}' for row in ranked]


def _extremes(gt: Path, pred: Path) -> dict[str, float]:
    """Average precision if of equal scores the speaking rows come first, and if they come last."""
    _, scores, speaking = _all_scores(gt, pred, 'corrected')
    found = ~np.isnan(scores)
    share = speaking[found].sum() / max(speaking.sum(), 1)
    values = {}
    for name, sign in (('best_order_of_ties', -1), ('worst_order_of_ties', 1)):
        order = np.lexsort((sign * speaking[found], -scores[found]))
        ranks = -np.arange(len(order), dtype=float)
        values[name] = share * average_precision(ranks, speaking[found][order])
    return values


def _all_scores(gt: Path, pred: Path, protocol: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, scores and labels of all videos in the order of the ground truth."""
    with AVABenchmark(gt, pred, protocol=protocol) as benchmark:
        parts = [benchmark.score(index).partial for index in range(len(benchmark.videos))]
    order, scores, speaking = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ('order', 'scores', 'speaking')
    )
    ranks = np.argsort(order)
    return order[ranks], scores[ranks], speaking[ranks]
