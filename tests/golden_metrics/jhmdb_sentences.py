"""J-HMDB and A2D Sentences: cases with gt.json.gz and results.json.gz, through ``evaluate``."""

from pathlib import Path
from typing import Any

from avis.apis import evaluate
from avis.evaluation.benchmarks.referring import ReferringBenchmark, ScoredImage
from avis.evaluation.functional.referring import score_coco
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*/mean_iou': 1e-6, '*': 1e-9}
SKIPPED: dict[str, str] = {}
_COCO = {
    'mAP': 'mAP 0.5:0.95',
    'AP_0.5': 'AP 0.5',
    'AP_0.75': 'AP 0.75',
    'mAP_s': 'AP 0.5:0.95 S',
    'mAP_m': 'AP 0.5:0.95 M',
    'mAP_l': 'AP 0.5:0.95 L',
}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Scores of every case under both protocols, and COCO's AP."""
    return {path.parent.name: _case(path.parent) for path in sorted(folder.glob('*/gt.json.gz'))}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values of the cases with files."""
    recorded = read_expected(folder)
    return {name: case for name, case in recorded.items() if (folder / name).is_dir()}


def _case(folder: Path) -> dict[str, Any]:
    files = folder / 'gt.json.gz', folder / 'results.json.gz'
    images = _images(*files)
    coco = score_coco([scored.image for scored in images])
    return {
        'samples': len(images),
        'predictions': sum(len(scored.image.masks) for scored in images),
        'official': _score(*files, 'official'),
        'intended': _score(*files, 'corrected'),
        'per_sample_intersection_union': [scored.pixels for scored in images],
        'coco': {theirs: coco[ours] for ours, theirs in _COCO.items()},
        'coco_per_threshold': [v for k, v in coco.items() if k.startswith('AP_')],
    }


def _images(gt: Path, pred: Path) -> list[ScoredImage]:
    benchmark = ReferringBenchmark(gt, pred, protocol='corrected')
    images = [benchmark.score(index).partial for index in range(len(benchmark.videos))]
    return [scored for scored in images if scored is not None]


def _score(gt: Path, pred: Path, protocol: Any) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = evaluate('referring', gt, pred, protocol=protocol)['summary']
    except ValueError as error:
        return {'error': str(error)}
    return summary
