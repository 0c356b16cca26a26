"""Official FSLA against a plain loop over frames that has the documented defects."""

from dataclasses import dataclass

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.counts import OfficialEvaluatorError
from avis.evaluation.functional.fsla import count_fsla
from avis.evaluation.functional.hota import ALPHAS
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask

# Size and number of videos.
KINDS = {'blank recognized': ((720, 1280), 70), 'blank is a mask': ((40, 64), 300)}


@dataclass
class Tracks:
    """Masks (N, T) as RLE or None, classes, ids."""

    masks: list[list]
    labels: list[int]
    ids: list[int]

    def present(self, frame: int) -> list[int]:
        return [k for k, row in enumerate(self.masks) if row[frame] is not None]

    def non_empty(self) -> list[int]:
        """Tracks with a mask in some frame, sorted by id."""
        found = [k for k, row in enumerate(self.masks) if any(mask is not None for mask in row)]
        return sorted(found, key=lambda k: self.ids[k])


def overlap(one: dict, other: dict) -> float:
    return float(coco_mask.iou([one], [other], [0])[0, 0])


def pair(gt: Tracks, pred: Tracks, frames: int) -> tuple[list[int], list[int]]:
    """Rows and columns: ranks among the tracks with a mask."""
    rows, columns = gt.non_empty(), pred.non_empty()
    shared = np.zeros((len(rows), len(columns)))
    for t in range(frames):
        iou = np.zeros_like(shared)
        for i, g in enumerate(rows):
            for j, p in enumerate(columns):
                if gt.masks[g][t] is not None and pred.masks[p][t] is not None:
                    iou[i, j] = overlap(gt.masks[g][t], pred.masks[p][t])
        both = iou.sum(axis=0)[None] + iou.sum(axis=1)[:, None] - iou
        shared += np.divide(iou, both, out=np.zeros_like(iou), where=both > np.finfo(float).eps)
    masks = [
        np.array([sum(mask is not None for mask in side.masks[k]) for k in chosen])
        for side, chosen in ((gt, rows), (pred, columns))
    ]
    aligned = shared / (masks[0][:, None] + masks[1] - shared)
    found = linear_sum_assignment(aligned, maximize=True)
    return found[0].tolist(), found[1].tolist()


def plain_count(gt: Tracks, pred: Tracks, frames: int) -> list[list[int]]:
    """Correct frames by kind and threshold, (3, 19); raises IndexError where the evaluator does."""
    rows, columns = pair(gt, pred, frames)
    correct = np.zeros((3, len(ALPHAS)), int)
    for t in range(frames):
        visible, listed = gt.present(t), pred.present(t)
        shown = [p for p in listed if pred.masks[p][t]['counts'] != b'PPTl0']
        if {gt.labels[g] for g in visible} != {pred.labels[p] for p in listed}:
            continue
        if len(visible) != len(shown):
            continue
        if len(visible) == 1:
            if visible[0] in columns:
                mask = pred.masks[listed[columns.index(visible[0])]][t]
                correct[1] += overlap(gt.masks[visible[0]][t], mask) > ALPHAS
            continue
        passed = np.ones(len(ALPHAS), bool)
        for row, column in zip(rows, columns, strict=True) if visible else ():
            p = listed[column]
            mask, wanted = pred.masks[p][t], gt.masks[row][t]
            passed &= gt.labels[row] == pred.labels[p]
            if wanted is None:
                passed &= mask['counts'] == b'PPTl0'
            else:
                passed &= overlap(wanted, mask) > ALPHAS
        correct[min(len(visible), 2)] += passed
    return correct.tolist()


def draw(rng: np.random.Generator, size: tuple[int, int], frames: int) -> tuple[Tracks, Tracks]:
    """Boxes side by side; most predictions are correct, some are blank masks or null."""

    def box(index: int) -> dict:
        mask, quarter = np.zeros(size, bool), size[1] // 4
        start = quarter * (index % 4)
        mask[: size[0] // 2, start + rng.integers(quarter // 4) : start + quarter] = True
        return encode_mask(mask)

    blank, number = encode_mask(np.zeros(size, bool)), int(rng.integers(0, 4))
    masks = [
        [None if rng.random() < 0.35 else box(k) for _ in range(frames)] for k in range(number)
    ]
    ids = rng.permutation(9)[:number] if rng.random() < 0.5 else np.arange(number)
    gt = Tracks(masks, rng.integers(1, 3, number).tolist(), (ids + 1).tolist())
    nulls = 0.3 if rng.random() < 0.4 else 0.0
    order = rng.permutation(number) if rng.random() < 0.5 else np.arange(number)
    pred = Tracks([], [], [])
    for k in range(rng.integers(0, 5)):
        like = int(order[k]) if k < number else None
        row: list = []
        for t in range(frames):
            wanted = None if like is None else masks[like][t]
            other = blank if wanted is None or rng.random() < 0.1 else box(like or 0)
            row.append(None if rng.random() < nulls else wanted if rng.random() < 0.6 else other)
            if row[-1] is None and not nulls:
                row[-1] = blank
        pred.masks.append(row)
        pred.labels.append(1 if like is None else gt.labels[like])
        pred.ids.append(k)
    return gt, pred


@pytest.mark.parametrize(('size', 'videos'), KINDS.values(), ids=KINDS)
def test_random_videos_equal_a_plain_loop(size: tuple[int, int], videos: int) -> None:
    rng = np.random.default_rng(0)
    total, stopped = np.zeros(3, int), 0
    for _ in range(videos):
        frames = int(rng.integers(1, 6))
        gt, pred = draw(rng, size, frames)
        sides = (
            TrackMasks(gt.masks, labels=gt.labels, ids=gt.ids),
            TrackMasks(pred.masks, labels=pred.labels),
        )
        video = VideoOverlap.from_rles(*sides, size=size, num_frames=frames)
        try:
            expected = plain_count(gt, pred, frames)
        except IndexError:
            stopped += 1
            with pytest.raises(OfficialEvaluatorError):
                count_fsla(video)
            continue
        assert count_fsla(video).correct.tolist() == expected
        total += np.array(expected)[:, 0]
    assert total.min() > 10
    assert stopped > 3
