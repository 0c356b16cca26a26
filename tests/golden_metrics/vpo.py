"""VPO and CAVP's per-data-set protocol: ``labels.npz``, and the ids of masks in ``remap.npz``."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.vpo import (
    NUM_VPO_CLASSES,
    count_confusion,
    float32_sums,
    index_classes,
    score_confusions,
)
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*unrounded*': 1e-12, '*/intended/*': 1e-12}
SKIPPED = {
    'accumulation/image': 'describes the input',
    'accumulation/dtype': 'describes the input',
    '*/num_classes*': 'describes the input',
    '*/f?_unrounded': 'the official scores are rounded',
    '*/f_0.3_unrounded': 'the official scores are rounded',
    '*/fdr_unrounded': 'the official scores are rounded',
}
_NUM_CLASSES = {'vpo': NUM_VPO_CLASSES, 'binary': 2, 'semantic': 71}
_KEYS = {'miou': 'mIoU', **{key: key for key in ('accuracy', 'fdr', 'f1', 'f_0.3')}}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """The scores of every set of labels, and the renamed masks."""
    with np.load(folder / 'labels.npz') as data:
        scores = {
            name.removesuffix('_pred'): _score_labels(
                data[name], data[name.replace('_pred', '_gt')]
            )
            for name in data.files
            if name.endswith('_pred')
        }
        if 'logits' in data.files:
            labels, num = data['logits'].argmax(axis=1), data['logits'].shape[1]
            scores['logits'] = _score(_tables(labels, data['logits_gt'], num))
    recorded = read_expected(folder).get('accumulation')
    if recorded:
        scores['accumulation'] = _accumulate(recorded['repeats'])
    return scores | {'remap': _remap(folder / 'remap.npz')}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values; of the renamed masks the number of unequal pixels, 0."""
    return read_expected(folder) | {'remap': {'official': 0, 'intended': 0, 'class_vector': 0}}


def _tables(pred: np.ndarray, gt: np.ndarray, num_classes: int) -> list[np.ndarray]:
    return [count_confusion(p, g, num_classes=num_classes) for p, g in zip(pred, gt, strict=True)]


def _score(tables: list[np.ndarray]) -> dict[str, Any]:
    scores = score_confusions(tables)
    inter, union = float32_sums(np.stack(tables))
    official = {theirs: scores[ours] for ours, theirs in _KEYS.items()}
    return {'official': official, 'inter': inter, 'union': union}


def _score_labels(pred: np.ndarray, gt: np.ndarray) -> dict[str, Any]:
    num = max(int(labels[labels != 255].max()) for labels in (pred, gt)) + 1
    num = next(size for size in sorted(_NUM_CLASSES.values()) if size >= num)
    tables = _tables(pred, gt, num)
    result, table = _score(tables), np.sum(tables, axis=0)
    iou = result['inter'] / (result['union'] + np.finfo(float).eps)
    corrected = score_confusions(tables, protocol='corrected')
    rows, columns = np.nonzero(table)
    return result | {
        'iou_unrounded': iou,
        'mIoU_unrounded': iou.mean(),
        'correct': int(np.trace(table)),
        'labelled': int(table.sum()),
        'confusion_nonzero': np.stack([rows, columns, table[rows, columns]], axis=1),
        'intended': {
            'mIoU_over_classes_that_occur': corrected['miou'],
            'mIoU_without_background': corrected['miou_noBg'],
            'classes_that_occur': int((table.sum(axis=0) + table.sum(axis=1) > 0).sum()),
            'f_0.3_over_classes_of_ground_truth': corrected['f_0.3'],
        },
    }


def _accumulate(repeats: int) -> dict[str, Any]:
    """The image that the golden describes, scored many times."""
    gt = np.zeros((512, 512), np.uint8)
    gt[:3, :5] = 1
    table = count_confusion(np.zeros_like(gt), gt, num_classes=2)
    inter, union = float32_sums(np.stack([table] * repeats))
    return {
        'repeats': repeats,
        'inter': inter,
        'union': union,
        'exact_inter_0': int(table[0, 0]) * repeats,
        'exact_union_0': int(table[0].sum() + table[1, 0]) * repeats,
    }


def _remap(path: Path) -> dict[str, int]:
    with np.load(path) as data:
        official = index_classes(data['coco_ids'])
        official = np.stack([index_classes(image) for image in data['coco_ids']])
        corrected = index_classes(data['coco_ids'], protocol='corrected')
        classes = np.array(
            [[(image == k).any() for k in range(NUM_VPO_CLASSES)] for image in official]
        )
        return {
            'official': int((official != data['official']).sum()),
            'intended': int((corrected != data['intended']).sum()),
            'class_vector': int((classes != data['official_class_vector']).sum()),
        }
