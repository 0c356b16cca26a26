"""Overlaps of the masks of a video in pixels: counted once, shared by all scores.

NumPy and pycocotools only: no torch, no mmengine, no I/O. A :class:`VideoOverlap` contains the
ground-truth and predicted tracks of one video, the area of every mask, and the intersection of
every pair of masks in every frame, all as exact pixel counts. HOTA, CLEAR, Identity, J&F, TrackMAP
and FSLA are computed from these counts, so one pass over the masks serves them all:

- :meth:`VideoOverlap.from_rles` counts run-length encodings, which are never decoded;
- :meth:`VideoOverlap.from_label_maps` counts two label images per frame by one joint histogram.

No dense array per object is created. Letters: T frames, G gt tracks, P predicted tracks, N
tracks of either side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.structures.masks import RLE

Index: TypeAlias = NDArray[Any] | Sequence[int]


@dataclass(frozen=True)
class TrackMasks:
    """The tracks of one side of a video with their masks; the input of ``from_rles``.

    Attributes:
        rles: N tracks of T masks: a compressed COCO RLE, or None where the track is absent. The
            official protocols distinguish a blank RLE from None.
        labels: Class of each track; by default 0.
        ids: Unique id of each track; by default 0 .. N - 1.
        scores: Confidence of each track; by default 1.
        crowd: True for tracks that mark a crowd; by default False.
        sizes: Area in pixels that decides the size range of a track in TrackMAP; by default the
            mean area of the masks that are not blank, 0 without any.
    """

    rles: Sequence[Sequence[RLE | None]]
    labels: Sequence[int] | None = None
    ids: Sequence[int] | None = None
    scores: Sequence[float] | None = None
    crowd: Sequence[bool] | None = None
    sizes: Sequence[float] | None = None


@dataclass(frozen=True)
class Tracks:
    """The tracks of one side of a video, without their masks.

    Attributes:
        areas: Pixels of every mask, (N, T); 0 where the mask is blank or absent.
        present: True where a mask is given, even a blank one, (N, T).
        labels: Classes, (N,).
        ids: Unique ids, (N,).
        scores: Confidences, (N,).
        crowd: True for tracks that mark a crowd, (N,).
        sizes: Area that decides the size range of a track in TrackMAP, (N,).
    """

    areas: IntArray
    present: BoolArray
    labels: IntArray
    ids: IntArray
    scores: FloatArray
    crowd: BoolArray
    sizes: FloatArray

    @classmethod
    def build(cls, areas: IntArray, present: BoolArray, masks: TrackMasks) -> 'Tracks':
        """Build the tracks from areas, presence and the fields of ``masks`` or their defaults."""
        num = len(areas)
        given = {
            'labels': (masks.labels, np.zeros(num, np.int64)),
            'ids': (masks.ids, np.arange(num)),
            'scores': (masks.scores, np.ones(num)),
            'crowd': (masks.crowd, np.zeros(num, bool)),
            'sizes': (masks.sizes, mean_areas(areas)),
        }
        fields: dict[str, NDArray[Any]] = {}
        for name, (values, default) in given.items():
            fields[name] = default if values is None else np.asarray(values, default.dtype)
            if len(fields[name]) != num:
                raise ValueError(f'expected {num} {name}, one per track, got {len(fields[name])}')
        if len(set(fields['ids'].tolist())) != num:
            raise ValueError(f'expected unique ids of the tracks of a video, got {masks.ids}')
        return cls(areas=areas, present=present, **fields)

    def __len__(self) -> int:
        return len(self.areas)

    def take(self, index: Index) -> 'Tracks':
        """The tracks of the given indices or boolean mask."""
        return Tracks(**{name: values[index] for name, values in vars(self).items()})

    @property
    def ever_present(self) -> BoolArray:
        """True for tracks with at least one mask, even a blank one, (N,)."""
        return self.present.sum(axis=1) > 0

    @property
    def num_masks(self) -> int:
        """Number of masks over all frames, including blank ones."""
        return int(self.present.sum())


@dataclass(frozen=True)
class VideoOverlap:
    """Areas and pairwise intersections of all masks of one video.

    Attributes:
        gt: G gt tracks.
        pred: P predicted tracks.
        intersections: Pixels that two masks share, (T, G, P); 0 if either is absent.
        size: Height and width of the frames.
    """

    gt: Tracks
    pred: Tracks
    intersections: IntArray
    size: tuple[int, int]

    @classmethod
    def from_rles(
        cls,
        gt: TrackMasks,
        pred: TrackMasks,
        *,
        size: tuple[int, int],
        num_frames: int,
        merged: bool = False,
    ) -> 'VideoOverlap':
        """Count the overlaps of run-length encoded masks.

        Args:
            gt: G tracks of ``num_frames`` masks.
            pred: P tracks of ``num_frames`` masks.
            size: Height and width of the frames.
            num_frames: T.
            merged: True if the predictions of a frame are merged into one label map in the order
                of the tracks: a later one hides what it covers of an earlier one, and a mask
                without a visible pixel is absent.

        Raises:
            ValueError: A mask has another size, or a track another length.

        >>> left, right = RLE(size=[1, 4], counts=b'022'), RLE(size=[1, 4], counts=b'121')
        >>> gt, pred = TrackMasks([[left, None]]), TrackMasks([[right, right]])
        >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 4), num_frames=2)
        >>> video.intersections.ravel(), video.pred.areas, video.iou.ravel().round(3)
        (array([1, 0]), array([[2, 2]]), array([0.333, 0.   ]))
        """
        gt_side = _Side(gt.rles, size, num_frames, 'ground truth')
        pred_side = _Side(pred.rles, size, num_frames, 'prediction')
        intersections = _intersect(gt_side, pred_side)
        if merged:
            hidden = _hidden(pred_side, size, num_frames)
            intersections -= _intersect(gt_side, hidden)
            pred_side.areas -= hidden.areas
            pred_side.present[:] = pred_side.areas > 0
        return cls(
            gt=Tracks.build(gt_side.areas, gt_side.present, gt),
            pred=Tracks.build(pred_side.areas, pred_side.present, pred),
            intersections=intersections,
            size=size,
        )

    @classmethod
    def from_label_maps(
        cls, frames: Iterable[tuple[NDArray[Any], NDArray[Any]]], *, size: tuple[int, int]
    ) -> 'VideoOverlap':
        """Count the overlaps of two label maps per frame, by one joint histogram each.

        A track is a label other than 0 that occurs in some frame; its id is the label.

        Args:
            frames: Ground truth and prediction of each frame, integer (H, W), 0 is background. An
                iterator needs the memory of one frame only.
            size: H and W.

        Raises:
            ValueError: A label map has another size, or negative labels.

        >>> frames = [(np.array([[0, 7, 7]]), np.array([[1, 1, 2]]))]
        >>> video = VideoOverlap.from_label_maps(frames, size=(1, 3))
        >>> video.gt.ids, video.pred.ids, video.intersections[0].tolist()
        (array([7]), array([1, 2]), [[1, 1]])
        """
        tables = [_joint_histogram(*frame, size, t) for t, frame in enumerate(frames)]
        frame = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
        gt_labels, pred_labels, pixels = np.concatenate(
            [np.zeros((3, 0), np.int64), *tables], axis=1
        )
        ids = [np.unique(labels[labels > 0]) for labels in (gt_labels, pred_labels)]
        # Index 0 of either side is the background, removed at the end.
        rows, columns = (
            np.searchsorted(ids[0], gt_labels, 'right'),
            np.searchsorted(ids[1], pred_labels, 'right'),
        )
        counts = np.zeros((len(tables), len(ids[0]) + 1, len(ids[1]) + 1), np.int64)
        counts[frame, rows, columns] = pixels
        areas = counts.sum(axis=2)[:, 1:].T, counts.sum(axis=1)[:, 1:].T
        sides = [
            Tracks.build(area, area > 0, TrackMasks([], ids=known.tolist()))
            for area, known in zip(areas, ids, strict=True)
        ]
        return cls(sides[0], sides[1], counts[:, 1:, 1:], size)

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.intersections)

    @cached_property
    def iou(self) -> FloatArray:
        """Intersection over union of every pair of masks, (T, G, P); 0 if either is absent."""
        areas = self.gt.areas.T[:, :, None] + self.pred.areas.T[:, None, :]
        union = areas - self.intersections
        # Without an intersection the quotient is 0; the divisor only has to be positive.
        iou: FloatArray = self.intersections / np.where(union > 0, union, 1)
        return iou

    def select(self, gt: Index, pred: Index) -> 'VideoOverlap':
        """The overlaps of some of the tracks, given by indices or boolean masks."""
        shared = self.intersections[:, gt][:, :, pred]
        return VideoOverlap(self.gt.take(gt), self.pred.take(pred), shared, self.size)

    def of_class(self, label: int) -> 'VideoOverlap':
        """The overlaps of the tracks of one class that have a mask in some frame."""
        sides = (self.gt, self.pred)
        return self.select(*((side.labels == label) & side.ever_present for side in sides))

    def without_blanks(self) -> 'VideoOverlap':
        """The same overlaps with blank masks treated as absent."""
        gt, pred = (replace(side, present=side.areas > 0) for side in (self.gt, self.pred))
        return VideoOverlap(gt, pred, self.intersections, self.size)


def mean_areas(areas: IntArray) -> FloatArray:
    """Mean area of the masks of each track that are not blank, (N,); 0 without such a mask.

    >>> mean_areas(np.array([[4, 0, 2], [0, 0, 0]]))
    array([3., 0.])
    """
    return areas.sum(axis=1) / np.maximum((areas > 0).sum(axis=1), 1)


class _Side:
    """The masks of one side, checked, with areas (N, T) and presence (N, T)."""

    def __init__(
        self,
        rles: Sequence[Sequence[RLE | None]],
        size: tuple[int, int],
        num_frames: int,
        name: str,
    ) -> None:
        self.rles = rles
        for track, masks in enumerate(rles):
            if len(masks) != num_frames:
                raise ValueError(
                    f'{name}, track {track}: {len(masks)} masks in a video of {num_frames} frames'
                )
            for frame, rle in enumerate(masks):
                if rle is not None and tuple(rle['size']) != size:
                    raise ValueError(
                        f'{name}, track {track}, frame {frame}: mask of size {list(rle["size"])} '
                        f'in a video of {list(size)}'
                    )
        present = [[rle is not None for rle in masks] for masks in rles]
        self.present: BoolArray = np.array(present, bool).reshape(len(rles), num_frames)
        self.areas: IntArray = np.zeros(self.present.shape, np.int64)
        self.areas[self.present] = _count_pixels([rle for masks in rles for rle in masks if rle])

    def masks(self, frame: int) -> list[RLE]:
        """The masks of one frame that are not blank."""
        areas = self.areas[:, frame].tolist()
        return [
            rle
            for masks, area in zip(self.rles, areas, strict=True)
            if area and (rle := masks[frame]) is not None
        ]


def _count_pixels(rles: Sequence[RLE]) -> IntArray:
    """Areas of many masks, (N,)."""
    # pycocotools stores the number of masks per call in a uint8; NumPy 2 raises an error above 255.
    parts = [coco_mask.area(rles[start : start + 255]) for start in range(0, len(rles), 255)]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)


def _intersect(gt: _Side, pred: _Side) -> IntArray:
    """Pixels that each pair of a gt and a predicted mask of a frame share, (T, G, P)."""
    found = [side.areas.T > 0 for side in (gt, pred)]
    pairs = found[0][:, :, None] & found[1][:, None, :]
    # Frame by frame, for the masks that are not blank: the order of ``pairs``.
    iou = [np.zeros((0, 0))]
    for frame in np.flatnonzero(pairs.any(axis=(1, 2))).tolist():
        masks = pred.masks(frame)
        iou.append(coco_mask.iou(gt.masks(frame), masks, [0] * len(masks)))
    shared = np.zeros(pairs.shape, np.int64)
    known = np.concatenate([part.ravel() for part in iou])
    both = (gt.areas.T[:, :, None] + pred.areas.T[:, None, :])[pairs]
    # Exact: iou is the nearest double to a fraction of counts far below 2 ** 53.
    shared[pairs] = np.rint(known * both / (1 + known))
    return shared


def _hidden(side: _Side, size: tuple[int, int], num_frames: int) -> _Side:
    """The part of each mask that masks of later tracks cover in the same frame."""
    rles: list[list[RLE | None]] = [[None] * num_frames for _ in side.rles]
    for frame in np.flatnonzero((side.areas > 0).sum(axis=0) > 1).tolist():
        masks = side.masks(frame)
        if coco_mask.area(coco_mask.merge(masks)) == side.areas[:, frame].sum():
            continue
        tracks = np.flatnonzero(side.areas[:, frame]).tolist()
        later = masks[-1]
        for rle, track in zip(masks[-2::-1], tracks[-2::-1], strict=True):
            rles[track][frame] = coco_mask.merge([rle, later], intersect=True)
            later = coco_mask.merge([rle, later])
    return _Side(rles, size, num_frames, 'hidden part')


def _joint_histogram(
    gt: NDArray[Any], pred: NDArray[Any], size: tuple[int, int], frame: int
) -> IntArray:
    """Ground-truth label, predicted label and pixels of each pair in a frame, (3, N)."""
    for name, image in (('ground truth', gt), ('prediction', pred)):
        if image.shape != size:
            raise ValueError(
                f'{name}, frame {frame}: image of shape {image.shape} in a video of {list(size)}'
            )
        if image.dtype.kind not in 'ui' or (image.dtype.kind == 'i' and image.min(initial=0) < 0):
            raise ValueError(f'{name}, frame {frame}: expected labels as integers from 0 on')
    # Neighboring pixels are mostly equal: count a few thousand runs instead of a million pixels.
    flat_gt, flat_pred = gt.ravel(), pred.ravel()
    changes = flat_gt[1:] != flat_gt[:-1]
    changes |= flat_pred[1:] != flat_pred[:-1]
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    gt_runs = flat_gt[starts].astype(np.int64)
    pred_runs = flat_pred[starts].astype(np.int64)
    step = int(pred_runs.max()) + 1
    values, inverse = np.unique(gt_runs * step + pred_runs, return_inverse=True)
    pixels = np.bincount(inverse, weights=np.diff(starts, append=gt.size))
    return np.stack([*np.divmod(values, step), pixels.astype(np.int64)])
