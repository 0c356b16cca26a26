r"""Overlaps of boxes and masks in MOTChallenge's text files, prepared as its benchmarks demand.

NumPy and pycocotools only: no torch, no mmengine, no I/O. :func:`overlap_boxes` and
:func:`overlap_masks` turn the detections of a sequence into a
:class:`~avis.evaluation.functional.overlap.VideoOverlap`, from which
:func:`~avis.evaluation.functional.hota.count_hota`,
:func:`~avis.evaluation.functional.clear.count_clear` and
:func:`~avis.evaluation.functional.identity.count_identity` count the scores.

Source: Milan et al., *MOT16: A Benchmark for Multi-Object Tracking* (arXiv:1603.00831);
Voigtlaender et al., *MOTS: Multi-Object Tracking and Segmentation*, CVPR 2019 (arXiv:1902.03604);
conventions as in TrackEval 1.3.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import EPS, MATCH_IOU
from avis.evaluation.functional.overlap import TrackMasks, Tracks, VideoOverlap
from avis.structures.masks import RLE

PERSON = 1
DISTRACTORS = (2, 7, 8, 12)  # person on vehicle, static person, distractor, reflection
MOTS_PERSON = 2
# An unmatched mask with more than this share in an ignored region is removed.
_IGNORED_SHARE = 0.5


@dataclass(frozen=True)
class BoxDetections:
    """The boxes of one side of a sequence, a row each.

    Attributes:
        frames: Frame number from 0, (N,).
        ids: Track id, not negative, (N,).
        boxes: Left, top, width, height in pixels, (N, 4).
        marks: Ground truth: 0 leaves a box out; (N,).
        classes: Class of MOT16 to MOT20, (N,); output has ``PERSON`` or none (-1).
    """

    frames: IntArray
    ids: IntArray
    boxes: FloatArray
    marks: IntArray
    classes: IntArray

    def take(self, index: BoolArray) -> 'BoxDetections':
        """The rows where ``index`` is true."""
        return BoxDetections(**{name: values[index] for name, values in vars(self).items()})


@dataclass(frozen=True)
class MaskDetections:
    """The masks of one side of a sequence, a row each.

    Attributes:
        frames: Frame number from 0, (N,).
        ids: Track id, not negative, (N,).
        rles: Masks.
    """

    frames: IntArray
    ids: IntArray
    rles: Sequence[RLE]


def overlap_boxes(
    gt: BoxDetections, pred: BoxDetections, *, num_frames: int, with_classes: bool
) -> VideoOverlap:
    """Overlaps of the boxes of a sequence.

    Args:
        gt: Ground truth.
        pred: Output; its marks are not used.
        num_frames: Number of frames.
        with_classes: MOT16 to MOT20: output that matches a distractor is removed, and only persons
            are scored. Without (MOT15) every marked box is a person.

    Raises:
        ValueError: A frame number is outside of the sequence, an id is negative or twice in a
            frame, or the output has another class than persons.
    """
    for name, side in (('ground truth', gt), ('output', pred)):
        _check_rows(name, side.frames, side.ids, num_frames)
    if (pred.classes > PERSON).any():
        raise ValueError(f'output: expected class {PERSON} or -1, got {int(pred.classes.max())}')
    if with_classes:
        pred = pred.take(~_match_distractors(gt, pred, num_frames))
        gt = gt.take(gt.classes == PERSON)
    gt = gt.take(gt.marks != 0)
    sides = [_box_tracks(side, num_frames) for side in (gt, pred)]
    (gt_tracks, gt_boxes), (pred_tracks, pred_boxes) = sides
    shared = _intersect(gt_boxes[:, None], pred_boxes[None])  # (G, P, T)
    shared *= gt_tracks.present[:, None] & pred_tracks.present
    return VideoOverlap(gt_tracks, pred_tracks, shared.transpose(2, 0, 1), (0, 0))


def overlap_masks(
    gt: MaskDetections,
    pred: MaskDetections,
    ignored: dict[int, RLE],
    *,
    size: tuple[int, int],
    num_frames: int,
) -> VideoOverlap:
    """Overlaps of the masks of a sequence.

    Args:
        gt: Ground truth of one class.
        pred: Output of the same class. A mask without a match that lies to more than half in the
            ignored region of its frame is removed.
        ignored: Ignored region by frame.
        size: Height and width of the frames.
        num_frames: Number of frames.

    Raises:
        ValueError: As :func:`overlap_boxes`; or masks of a frame overlap.
    """
    for name, masks in (('ground truth', gt), ('output', pred)):
        _check_rows(name, masks.frames, masks.ids, num_frames)
        _check_disjoint(name, masks, num_frames)
    kept = np.ones(len(pred.frames), bool)
    for frame, region in ignored.items():
        kept[_within_ignored(gt, pred, region, frame)] = False
    pred = replace(
        pred,
        frames=pred.frames[kept],
        ids=pred.ids[kept],
        rles=[rle for rle, keep in zip(pred.rles, kept, strict=True) if keep],
    )
    sides = [_mask_tracks(side, num_frames) for side in (gt, pred)]
    return VideoOverlap.from_rles(sides[0], sides[1], size=size, num_frames=num_frames)


def _check_rows(name: str, frames: IntArray, ids: IntArray, num_frames: int) -> None:
    outside = np.unique(frames[(frames < 0) | (frames >= num_frames)]) + 1
    if len(outside):
        raise ValueError(
            f'{name}: expected frames 1 to {num_frames}, got {", ".join(map(str, outside[:5]))}'
        )
    if (ids < 0).any():
        raise ValueError(f'{name}: expected ids from 0 on, got {int(ids.min())}')
    rows, counts = np.unique(np.stack([frames, ids]), axis=1, return_counts=True)
    if (counts > 1).any():
        frame, track = rows[:, counts > 1].T[0]
        raise ValueError(f'{name}: id {track} is twice in frame {frame + 1}')


def _box_tracks(side: BoxDetections, num_frames: int) -> tuple[Tracks, FloatArray]:
    """The tracks of a side by ascending id, and their corners (N, T, 4); 0 where absent."""
    ids, track = np.unique(side.ids, return_inverse=True)
    present = np.zeros((len(ids), num_frames), bool)
    present[track, side.frames] = True
    corners = np.zeros((len(ids), num_frames, 4))
    corners[track, side.frames] = _corners(side.boxes)
    areas = np.prod(corners[..., 2:] - corners[..., :2], axis=-1)
    return Tracks.build(areas, present, TrackMasks([], ids=ids.tolist())), corners


def _corners(boxes: FloatArray) -> FloatArray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _intersect(first: FloatArray, second: FloatArray) -> FloatArray:
    """Area that boxes (..., 4), given by corners, share; 0 for boxes without area."""
    low, high = np.maximum(first, second)[..., :2], np.minimum(first, second)[..., 2:]
    shared: FloatArray = np.prod(np.maximum(high - low, 0), axis=-1)
    return shared


def _iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """IoU of each pair of boxes (G, 4) and (P, 4), given by corners."""
    shared = _intersect(first[:, None], second[None])
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1] - shared
    iou: FloatArray = shared / np.where(union > 0, union, 1)
    return iou


def _match_distractors(gt: BoxDetections, pred: BoxDetections, num_frames: int) -> BoolArray:
    """The rows of the output that match a distractor best, bool (N,)."""
    removed = np.zeros(len(pred.frames), bool)
    for frame in range(num_frames):
        rows, columns = (np.flatnonzero(side.frames == frame) for side in (gt, pred))
        if not (len(rows) and len(columns)):
            continue
        iou = _iou(_corners(gt.boxes[rows]), _corners(pred.boxes[columns]))
        iou[iou < MATCH_IOU - EPS] = 0
        first, second = assign(iou)
        matched = iou[first, second] > EPS
        distracting = np.isin(gt.classes[rows[first]], DISTRACTORS) & matched
        removed[columns[second[distracting]]] = True
    return removed


def _check_disjoint(name: str, masks: MaskDetections, num_frames: int) -> None:
    for frame in range(num_frames):
        rles = [masks.rles[row] for row in np.flatnonzero(masks.frames == frame).tolist()]
        if len(rles) > 1:
            total = sum(int(coco_mask.area(rle)) for rle in rles)
            if int(coco_mask.area(coco_mask.merge(rles))) != total:
                raise ValueError(f'{name}: masks of frame {frame + 1} overlap')


def _within_ignored(
    gt: MaskDetections, pred: MaskDetections, region: RLE, frame: int
) -> NDArray[Any]:
    """Rows of the output in a frame without a match that lie in the ignored region."""
    rows, columns = (np.flatnonzero(side.frames == frame) for side in (gt, pred))
    unmatched = np.ones(len(columns), bool)
    found = [pred.rles[column] for column in columns.tolist()]
    if not found:
        return columns
    if len(rows):
        # TrackEval forbids pairs below the threshold by a large negative weight.
        iou = coco_mask.iou([gt.rles[row] for row in rows.tolist()], found, [0] * len(found))
        weights = np.where(iou < MATCH_IOU - EPS, -10000, iou)
        first, second = assign(weights)
        unmatched[second[weights[first, second] > EPS]] = False
    share = coco_mask.iou(found, [region], [1])[:, 0]
    return columns[unmatched & (share > _IGNORED_SHARE + EPS)]


def _mask_tracks(side: MaskDetections, num_frames: int) -> TrackMasks:
    ids, track = np.unique(side.ids, return_inverse=True)
    rles: list[list[RLE | None]] = [[None] * num_frames for _ in ids]
    for row, rle in enumerate(side.rles):
        rles[track[row]][side.frames[row]] = rle
    return TrackMasks(rles, ids=ids.tolist())
