"""Sound source localization: boxes and heat maps of VGG-SS, Flickr-SoundNet and extended sets.

Scores that ``evaluate`` has are those of files in the layout of the sets.
"""

import csv
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avis.apis import evaluate
from avis.evaluation.functional.sound_detection import (
    ClipDetections,
    detection_ap,
    f1_at,
    piap,
    precision_of_visible,
    score_detections,
)
from avis.evaluation.functional.sound_localization import (
    MAP_SIZE,
    annotator_map,
    best_ciou,
    box_map,
    count_clip,
    count_mask,
    success_rates,
    upper_half,
)
from tests.golden_metrics.comparison import read_expected, read_json

TOLERANCES = {'*/per_clip/*': 1e-4, '*per_clip_ciou': 1e-4, '*cIoU': 1e-4, '*': 1e-9}
SKIPPED = {'grid': 'describes the input'}
_BENCHMARKS = {'vggss': 'vggss', 'flickr': 'flickr_soundnet'}
_THRESHOLDS = {'slavc': (0.5, 0.75), 'avgn': (0.3, 0.5, 0.75)}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Scores of all sets in the variants of the authors, and with silent clips."""
    names = read_json(folder / 'names.json')
    rows = read_json(folder / 'vggss.json')
    boxes = {row['file']: row['bbox'] for row in rows}
    gt = {
        'vggss': {name: box_map(boxes[name]) for name in names['vggss']},
        'flickr': {name: _flickr(folder, name) for name in names['flickr']},
    }
    scores: dict[str, Any] = {
        'vggss_gt_pixels': {name: gt_map.sum() for name, gt_map in gt['vggss'].items()},
        'flickr_gt_mass': {name: gt_map.sum() for name, gt_map in gt['flickr'].items()},
        'intended': {
            'best_reachable_cIoU_with_half_image_mask': {
                name: best_ciou(gt_map) for name, gt_map in gt['vggss'].items()
            }
        },
    }
    root = _data_root(folder, work, names)
    with np.load(folder / 'maps.npz') as maps:
        for name, known in gt.items():
            heat_maps = dict(zip(known, maps[name], strict=True))
            for variant in ('lvs', 'ez_vsl'):
                key = f'{name}_{variant.replace("_", "")}'
                scores[key] = _score(_BENCHMARKS[name], root, heat_maps, known, variant)
        num_boxes = [len(boxes[name]) for name in names['vggss']] + [0] * len(maps['silent'])
        scores |= _extended(maps, list(gt['vggss'].values()), num_boxes)
        _add_extended_files(scores, root, maps, names['vggss'])
    return scores


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values; the average precision of a group without a threshold is 0."""
    return read_expected(folder)


def _flickr(folder: Path, name: str) -> np.ndarray:
    root = ET.parse(folder / 'flickr_annotations' / f'{name}.xml').getroot()
    corners = [[int(child.text or 0) for child in box][1:5] for item in root for box in item]
    return annotator_map(corners)


def _data_root(folder: Path, work: Path, names: dict[str, list[str]]) -> Path:
    """A folder with boxes and lists of both sets, without frames and audio."""
    root = work / 'data'
    shutil.copytree(folder / 'flickr_annotations', root / 'Annotations')
    shutil.copy(folder / 'vggss.json', root)
    for name, listed in names.items():
        (root / f'{name}_test.csv').write_text('\n'.join(listed))
    return root


def _evaluate(
    benchmark: str, root: Path, heat_maps: dict[str, Any], **options: Any
) -> dict[str, Any]:
    file = root.parent / 'maps.npz'
    np.savez(file, **heat_maps)
    return evaluate(benchmark, root, file, **options)


def _score(
    benchmark: str,
    root: Path,
    heat_maps: dict[str, Any],
    gt: dict[str, np.ndarray],
    variant: Any,
) -> dict[str, Any]:
    result = _evaluate(benchmark, root, heat_maps, variant=variant)
    ciou = {name: result['per_video'][name]['cIoU'] for name in gt}
    scores = result['summary']
    return {
        'per_clip': {
            name: [ciou[name], *count_clip(heat_map, gt[name], variant=variant)]
            for name, heat_map in heat_maps.items()
        },
        'cIoU_at_0.5': scores['cIoU@0.5'],
        'AUC': scores['AUC'],
        'mean_cIoU': scores['mean_cIoU'],
        'success': success_rates(list(ciou.values())),
        'official': {
            'AP50': scores['cIoU@0.5'],
            'cIoU': scores['mean_cIoU'],
            'AUC': scores['AUC'],
        },
    }


def _add_extended_files(scores: dict[str, Any], root: Path, maps: Any, sounding: list[str]) -> None:
    """Replace what ``evaluate`` scores of the clips with silent pairs, given as files."""
    names = [*sounding, *(f'silent_{k}' for k in range(len(maps['silent'])))]
    rows = [[name, name, 'non-sounding'] for name in names[len(sounding) :]]
    _write_csv(root / 'vggss_test_plus_silent.csv', [['video', 'audio', 'label'], *rows])
    _write_csv(root.parent / 'confidence.csv', zip(names, maps['confidence'].tolist(), strict=True))
    heat_maps = dict(zip(names, [*maps['extended'], *maps['silent']], strict=True))
    result = _evaluate('vggss', root, heat_maps, variant='slavc', split='extended')
    clips = [result['per_video'][name] for name in names]
    for name in _THRESHOLDS:
        scores[f'extended_{name}'] |= {
            'per_clip_ciou': [clip['cIoU'] for clip in clips],
            'area': [clip['area'] for clip in clips],
            'ap_at_50': result['summary']['AP@0.5'],
            'f1_at_50': result['summary']['F1@0.5'],
        }


def _write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    with path.open('w', newline='') as file:
        csv.writer(file).writerows(rows)


def _extended(maps: Any, gt: list[np.ndarray], num_boxes: list[int]) -> dict[str, Any]:
    heat_maps = [*maps['extended'], *maps['silent']]
    gt = gt + [np.zeros((MAP_SIZE, MAP_SIZE), np.float32)] * len(maps['silent'])
    masks = [upper_half(heat_map, 'slavc') for heat_map in heat_maps]
    area = np.array([gt_map.sum() for gt_map in gt], float)
    clips = ClipDetections(
        ciou=np.array([count_mask(m, g).ciou for m, g in zip(masks, gt, strict=True)]),
        confidence=maps['confidence'],
        sounding=np.array(num_boxes) > 0,
        area=area,
    )
    pixelwise = np.array([piap(m, g) for m, g in zip(masks, gt, strict=True)])
    common = {'per_clip_ciou': clips.ciou, 'area': area, 'boxes': num_boxes}
    scores: dict[str, Any] = {}
    for name, thresholds in _THRESHOLDS.items():
        stats = score_detections(clips, iou_thresholds=thresholds)
        extended = {**common, 'finalize_stats': {k: _printed(v) for k, v in stats.items()}}
        for iou in (0.3, 0.5):
            percent = int(iou * 100)
            extended[f'precision_at_{percent}'] = precision_of_visible(clips, iou)
            extended[f'f1_at_{percent}'] = f1_at(clips, iou=iou)
            extended[f'ap_at_{percent}'] = detection_ap(clips, iou)
        scores[f'extended_{name}'] = extended
    avgn = scores['extended_avgn']
    avgn |= {'piap': pixelwise, 'piap_average': pixelwise.mean()}
    for iou in _THRESHOLDS['avgn']:
        for group, value in _group_means(clips, pixelwise).items():
            avgn['finalize_stats'][f'PIAP-{group}@{int(iou * 100)}'] = value
    intended = {
        f'AP_every_confidence@{iou}': detection_ap(clips, iou, protocol='corrected')
        for iou in (0.5, 0.75)
    }
    return scores | {'extended_intended': intended}


def _group_means(clips: ClipDetections, values: np.ndarray) -> dict[str, float]:
    """Mean of a value per clip in each group."""
    numbered = ClipDetections(values, clips.confidence, clips.sounding, clips.area)
    return {
        name: float(group.ciou.mean()) if len(group) else np.nan
        for name, group in numbered.groups().items()
    }


def _printed(value: Any) -> Any:
    """F1 over the confidence as the authors print it."""
    return ' '.join(f'{f * 100:.1f}' for f in value) if isinstance(value, list) else value
