"""J-HMDB and A2D Sentences: cases with gt.json.gz and results.json.gz."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from avis.evaluation.functional.referring import (
    ReferringImage,
    count_image,
    score_coco,
    score_images,
)
from avis.structures.masks import RLE
from tests.golden_metrics.comparison import read_expected, read_json

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
    images = _read(folder)
    coco = score_coco(images)
    return {
        'samples': len(images),
        'predictions': sum(len(image.masks) for image in images),
        'official': _score(images, 'official'),
        'intended': _score(images, 'corrected'),
        'per_sample_intersection_union': [count_image(i, protocol='corrected') for i in images],
        'coco': {theirs: coco[ours] for ours, theirs in _COCO.items()},
        'coco_per_threshold': [v for k, v in coco.items() if k.startswith('AP_')],
    }


def _score(images: list[ReferringImage], protocol: Any) -> dict[str, Any]:
    try:
        pixels = [count_image(image, protocol=protocol) for image in images]
        return dict(score_images(pixels, protocol=protocol))
    except ValueError as error:
        return {'error': str(error)}


def _read(folder: Path) -> list[ReferringImage]:
    gt, results = (read_json(folder / f'{name}.json.gz') for name in ('gt', 'results'))
    masks = {row['image_id']: _rle(row['segmentation']) for row in gt['annotations']}
    found = defaultdict(list)
    for row in results:
        found[row['image_id']].append((_rle(row['segmentation']), row['score']))
    return [
        ReferringImage(
            masks[image['id']],
            [rle for rle, _ in found[image['id']]],
            [score for _, score in found[image['id']]],
        )
        for image in gt['images']
    ]


def _rle(segmentation: dict[str, Any]) -> RLE:
    return RLE(size=segmentation['size'], counts=segmentation['counts'].encode())
