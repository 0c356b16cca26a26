"""AP and AR of YouTube-VIS from files, computed entry by entry as its public evaluator does.

Slow and literal: tracks are looked up by id, the ids of matches are stored as numbers, and an id of
0 is no match.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
RANGES = {'all': (0, 1e10), 's': (0, 128**2), 'm': (128**2, 256**2), 'l': (256**2, 1e10)}
LIMITS = (1, 10, 100)


def score(gt: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, float]:
    """The summary in percent, -1 where undefined."""
    videos = {video['id']: video for video in gt['videos']}
    classes = sorted({category['id'] for category in gt['categories']})
    by_id = {track['id']: track for track in gt['annotations']}
    sides: tuple[dict, dict] = defaultdict(list), defaultdict(list)
    for number in sorted(videos):
        for track in gt['annotations']:
            if track['video_id'] == number and track['category_id'] in classes:
                found = by_id[track['id']]
                areas = [area for area in found['areas'] if area]
                masks = found['video_id'] in videos and _masks(found, videos[found['video_id']])
                entry = {'id': found['id'], 'masks': masks, 'crowd': bool(found['iscrowd'])}
                entry['area'] = np.mean(areas) if areas else 0
                sides[0][found['video_id'], found['category_id']].append(entry)
    for index, track in enumerate(results):
        masks = _masks(track, videos[track['video_id']])
        areas = [area for mask in masks if mask and (area := coco_mask.area(mask))]
        entry = {'id': index + 1, 'masks': masks, 'score': track['score']}
        entry['area'] = np.mean(areas) if areas else 0
        sides[1][track['video_id'], track['category_id']].append(entry)
    found = {
        (label, size, limit): [
            _match(sides[0][number, label], sides[1][number, label], RANGES[size], limit)
            for number in sorted(videos)
        ]
        for label in classes
        for size in RANGES
        for limit in LIMITS
    }
    return _summarize({key: _accumulate(parts) for key, parts in found.items()})


def _masks(track: dict[str, Any], video: dict[str, Any]) -> list[Any]:
    """The masks of a track as pycocotools takes them."""
    size = video['height'], video['width']
    masks = []
    for mask in track['segmentations']:
        rle = mask
        if isinstance(mask, list) and mask:
            rle = coco_mask.merge(coco_mask.frPyObjects(mask, *size))
        elif mask and isinstance(mask['counts'], list):
            rle = coco_mask.frPyObjects(mask, *size)
        masks.append(rle)
    return masks


def _iou(pred: list[Any], gt: list[Any]) -> float:
    shared = union = 0.0
    for one, other in zip(pred, gt, strict=False):
        if one and other:
            shared += coco_mask.area(coco_mask.merge([one, other], True))
            union += coco_mask.area(coco_mask.merge([one, other], False))
        elif one or other:
            union += coco_mask.area(one or other)
    return shared / union if union > 0 else 0.0


def _match(gt: list, pred: list, limits: tuple[float, float], limit: int) -> dict[str, Any] | None:
    """Matches of one class in one video."""
    if not gt and not pred:
        return None
    outside = [not limits[0] <= track['area'] <= limits[1] for track in gt]
    ignored = np.array([o or t['crowd'] for o, t in zip(outside, gt, strict=True)], int)
    order = np.argsort(ignored, kind='mergesort')
    gt, ignored = [gt[k] for k in order], ignored[order]
    pred = [pred[k] for k in np.argsort([-t['score'] for t in pred], kind='mergesort')[:limit]]
    iou = np.array([[_iou(p['masks'], g['masks']) for g in gt] for p in pred]).reshape(
        len(pred), len(gt)
    )
    of_gt = np.zeros((len(THRESHOLDS), len(gt)))
    of_pred = np.zeros((len(THRESHOLDS), len(pred)))
    ignore = np.zeros((len(THRESHOLDS), len(pred)), bool)
    for row, threshold in enumerate(THRESHOLDS):
        for d, track in enumerate(pred):
            best, match = min(threshold, 1 - 1e-10), -1
            for g, other in enumerate(gt):
                if of_gt[row, g] > 0 and not other['crowd']:
                    continue
                if match > -1 and not ignored[match] and ignored[g]:
                    break
                if iou[d, g] >= best:
                    best, match = iou[d, g], g
            if match > -1:
                ignore[row, d] = ignored[match]
                of_pred[row, d], of_gt[row, match] = gt[match]['id'], track['id']
    far = np.array([not limits[0] <= track['area'] <= limits[1] for track in pred], bool)
    ignore |= (of_pred == 0) & far
    scores = np.array([track['score'] for track in pred], float)
    return {'scores': scores, 'matches': of_pred, 'ignore': ignore, 'gt': ignored}


def _accumulate(parts: list[dict[str, Any] | None]) -> tuple[Any, Any] | None:
    """Precision at each threshold and recall, and the final recall; None without a gt track."""
    known = [part for part in parts if part is not None]
    total = sum(int((part['gt'] == 0).sum()) for part in known)
    if not total:
        return None
    scores = np.concatenate([part['scores'] for part in known])
    order = np.argsort(-scores, kind='mergesort')
    matches, ignore = (
        np.concatenate([part[key] for part in known], axis=1)[:, order]
        for key in ('matches', 'ignore')
    )
    precision, recall = np.zeros((len(THRESHOLDS), len(RECALLS))), np.zeros(len(THRESHOLDS))
    for row in range(len(THRESHOLDS)):
        hits = np.cumsum((matches[row] != 0) & ~ignore[row]).astype(float)
        misses = np.cumsum((matches[row] == 0) & ~ignore[row]).astype(float)
        reached, values = hits / total, (hits / (hits + misses + np.spacing(1))).tolist()
        recall[row] = reached[-1] if len(reached) else 0
        for index in range(len(values) - 1, 0, -1):
            values[index - 1] = max(values[index - 1], values[index])
        for column, index in enumerate(np.searchsorted(reached, RECALLS, side='left')):
            if index < len(values):
                precision[row, column] = values[index]
    return precision, recall


def _summarize(found: dict[tuple[int, str, int], Any]) -> dict[str, float]:
    def mean(size: str, limit: int, part: int, row: Any = slice(None)) -> float:
        values = [
            scores[part][row]
            for (_, s, m), scores in found.items()
            if (s, m) == (size, limit) and scores is not None
        ]
        return 100 * float(np.mean(values)) if values else -1.0

    summary = {'AP': mean('all', 100, 0), 'AP50': mean('all', 100, 0, 0)}
    summary |= {'AP75': mean('all', 100, 0, 5)}
    summary |= {f'AR{limit}': mean('all', limit, 1) for limit in LIMITS}
    for size in 'sml':
        summary |= {f'AP_{size}': mean(size, 100, 0), f'AR_{size}': mean(size, 100, 1)}
    return summary
