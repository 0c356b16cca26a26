"""Which masks of a video overlap, and by how many pixels: counted once, shared by all scores.

NumPy and pycocotools only: no torch, no mmengine, no I/O. A :class:`VideoOverlap` holds the tracks
of the truth and of the prediction of one video, the area of every mask, and the intersection of
every pair of masks in every frame, all as exact pixel counts. HOTA, CLEAR, Identity, J&F, TrackMAP
and FSLA read nothing else, so one pass over the masks serves them all:

- :meth:`VideoOverlap.from_rles` counts run-length encodings, which are never decoded;
- :meth:`VideoOverlap.from_label_maps` counts two label images per frame by one joint histogram.

No dense plane per object is ever made. Letters: T frames, G true tracks, P predicted tracks, N
tracks of either side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import RLE

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Index: TypeAlias = NDArray[Any] | Sequence[int]


@dataclass(frozen=True)
class TrackMasks:
    """The masks of one side of a video, and what is known of each track; input of ``from_rles``.

    Attributes:
        rles: N tracks of T masks: a compressed COCO RLE, or None where the track is absent. A blank
            RLE is not the same thing as None under the official protocols.
        labels: Class of each track; 0 for all if None.
        ids: Identity of each track, unique; 0 .. N - 1 if None.
        scores: Confidence of each track; 1 for all if None.
        crowd: True for tracks that mark a crowd; none if None.
        sizes: Area in pixels by which TrackMAP sorts a track into its ranges; if None the mean area
            of the masks that are not blank, 0 without any.
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
        present: True where a mask is given, be it blank, (N, T).
        labels: Classes, (N,).
        ids: Identities, (N,), unique.
        scores: Confidences, (N,).
        crowd: True for tracks that mark a crowd, (N,).
        sizes: Area by which TrackMAP sorts a track into its ranges, (N,).
    """

    areas: Ints
    present: Bools
    labels: Ints
    ids: Ints
    scores: Floats
    crowd: Bools
    sizes: Floats

    @classmethod
    def build(cls, areas: Ints, present: Bools, masks: TrackMasks) -> 'Tracks':
        """Fill what ``masks`` leaves open."""
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
                raise ValueError(f'{num} tracks, but {len(fields[name])} {name}')
        if len(set(fields['ids'].tolist())) != num:
            raise ValueError(f'the ids of the tracks of a video must differ, got {masks.ids}')
        return cls(areas=areas, present=present, **fields)

    def __len__(self) -> int:
        return len(self.areas)

    def take(self, index: Index) -> 'Tracks':
        """The tracks at the given positions, or where a mask is True, in that order."""
        return Tracks(**{name: values[index] for name, values in vars(self).items()})

    @property
    def ever_present(self) -> Bools:
        """Tracks with at least one mask, be it blank, (N,)."""
        return self.present.sum(axis=1) > 0

    @property
    def num_masks(self) -> int:
        """Number of masks over all frames, blank ones included."""
        return int(self.present.sum())


@dataclass(frozen=True)
class VideoOverlap:
    """Areas and pairwise intersections of all masks of one video.

    Attributes:
        gt: G true tracks.
        pred: P predicted tracks.
        intersections: Pixels that two masks share, (T, G, P); 0 if either is absent.
        size: Height and width of the frames.
    """

    gt: Tracks
    pred: Tracks
    intersections: Ints
    size: tuple[int, int]

    @classmethod
    def from_rles(
        cls,
        gt: TrackMasks,
        pred: TrackMasks,
        *,
        size: tuple[int, int],
        num_frames: int,
        painted: bool = False,
    ) -> 'VideoOverlap':
        """Count the overlaps of run-length encoded masks.

        Args:
            gt: G tracks of ``num_frames`` masks.
            pred: P tracks of ``num_frames`` masks.
            size: Height and width of the frames.
            num_frames: T.
            painted: True if the predictions of a frame are painted into one image in the order of
                the tracks: a later one hides what it covers of an earlier one, and a mask without a
                visible pixel is absent.

        Raises:
            ValueError: A mask of another size, or a track of another length.

        >>> left, right = RLE(size=[1, 4], counts=b'022'), RLE(size=[1, 4], counts=b'121')
        >>> gt, pred = TrackMasks([[left, None]]), TrackMasks([[right, right]])
        >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 4), num_frames=2)
        >>> video.intersections.ravel(), video.pred.areas, video.iou.ravel().round(3)
        (array([1, 0]), array([[2, 2]]), array([0.333, 0.   ]))
        """
        true = _Side(gt.rles, size, num_frames, 'ground truth')
        found = _Side(pred.rles, size, num_frames, 'prediction')
        intersections = _intersect(true, found)
        if painted:
            hidden = _hidden(found, size, num_frames)
            intersections -= _intersect(true, hidden)
            found.areas -= hidden.areas
            found.present[:] = found.areas > 0
        return cls(
            gt=Tracks.build(true.areas, true.present, gt),
            pred=Tracks.build(found.areas, found.present, pred),
            intersections=intersections,
            size=size,
        )

    @classmethod
    def from_label_maps(
        cls, frames: Iterable[tuple[NDArray[Any], NDArray[Any]]], *, size: tuple[int, int]
    ) -> 'VideoOverlap':
        """Count the overlaps of two label images per frame, by one joint histogram each.

        A track is a label other than 0 that occurs in some frame; its id is the label.

        Args:
            frames: Truth and prediction of each frame, integer (H, W), 0 is background. An iterator
                does, so that no two frames need to be in memory together.
            size: H and W.

        Raises:
            ValueError: An image of another size, or with negative labels.

        >>> frames = [(np.array([[0, 7, 7]]), np.array([[1, 1, 2]]))]
        >>> video = VideoOverlap.from_label_maps(frames, size=(1, 3))
        >>> video.gt.ids, video.pred.ids, video.intersections[0].tolist()
        (array([7]), array([1, 2]), [[1, 1]])
        """
        tables = [_joint_histogram(*frame, size, t) for t, frame in enumerate(frames)]
        frame = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
        true, pred, pixels = np.concatenate([np.zeros((3, 0), np.int64), *tables], axis=1)
        ids = [np.unique(labels[labels > 0]) for labels in (true, pred)]
        # Place 0 of either side is the background, cut off at the end.
        rows, columns = (
            np.searchsorted(ids[0], true, 'right'),
            np.searchsorted(ids[1], pred, 'right'),
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
    def iou(self) -> Floats:
        """Intersection over union of every pair of masks, (T, G, P); 0 if either is absent."""
        areas = self.gt.areas.T[:, :, None] + self.pred.areas.T[:, None, :]
        # Without an intersection the quotient is 0; the divisor only has to be harmless there.
        iou: Floats = self.intersections / np.maximum(areas - self.intersections, 1)
        return iou

    def select(self, gt: Index, pred: Index) -> 'VideoOverlap':
        """The overlaps of some of the tracks, given by position or by a mask."""
        shared = self.intersections[:, gt][:, :, pred]
        return VideoOverlap(self.gt.take(gt), self.pred.take(pred), shared, self.size)

    def of_class(self, label: int) -> 'VideoOverlap':
        """The overlaps of the tracks of one class that have a mask in some frame."""
        sides = (self.gt, self.pred)
        return self.select(*((side.labels == label) & side.ever_present for side in sides))

    def without_blanks(self) -> 'VideoOverlap':
        """The same, but a blank mask is an absent one."""
        gt, pred = (replace(side, present=side.areas > 0) for side in (self.gt, self.pred))
        return VideoOverlap(gt, pred, self.intersections, self.size)


def mean_areas(areas: Ints) -> Floats:
    """Mean area of the masks of each track that are not blank, (N,); 0 without any.

    >>> mean_areas(np.array([[4, 0, 2], [0, 0, 0]]))
    array([3., 0.])
    """
    return areas.sum(axis=1) / np.maximum((areas > 0).sum(axis=1), 1)


class _Side:
    """The masks of one side with their areas (N, T) and presence (N, T), checked."""

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
        self.present: Bools = np.array(present, bool).reshape(len(rles), num_frames)
        self.areas: Ints = np.zeros(self.present.shape, np.int64)
        self.areas[self.present] = _count_pixels([rle for masks in rles for rle in masks if rle])

    def masks(self, frame: int) -> list[RLE]:
        """The masks of one frame that are not blank."""
        areas = self.areas[:, frame].tolist()
        return [
            rle
            for masks, area in zip(self.rles, areas, strict=True)
            if area and (rle := masks[frame]) is not None
        ]


def _count_pixels(rles: Sequence[RLE]) -> Ints:
    """Areas of many masks, (N,)."""
    # pycocotools keeps the number of masks of a call in a uint8, and NumPy 2 refuses more than 255.
    parts = [coco_mask.area(rles[start : start + 255]) for start in range(0, len(rles), 255)]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)


def _intersect(gt: _Side, pred: _Side) -> Ints:
    """Pixels that each true and each predicted mask of a frame share, (T, G, P)."""
    found = [side.areas.T > 0 for side in (gt, pred)]
    pairs = found[0][:, :, None] & found[1][:, None, :]
    # Overlaps frame after frame, of the masks that are not blank: the order of the pairs.
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
) -> Ints:
    """Labels of the truth, labels of the prediction and pixels of each pair in a frame, (3, N)."""
    for name, image in (('ground truth', gt), ('prediction', pred)):
        if image.shape != size:
            raise ValueError(
                f'{name}, frame {frame}: image of shape {image.shape} in a video of {list(size)}'
            )
        if image.dtype.kind not in 'ui' or (image.dtype.kind == 'i' and image.min(initial=0) < 0):
            raise ValueError(f'{name}, frame {frame}: labels must be integers from 0 on')
    # Neighbors mostly agree: a few thousand runs are counted instead of a million pixels.
    true, found = gt.ravel(), pred.ravel()
    changes = true[1:] != true[:-1]
    changes |= found[1:] != found[:-1]
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    true, found = true[starts].astype(np.int64), found[starts].astype(np.int64)
    step = int(found.max()) + 1
    values, place = np.unique(true * step + found, return_inverse=True)
    pixels = np.bincount(place, weights=np.diff(starts, append=gt.size))
    return np.stack([*np.divmod(values, step), pixels.astype(np.int64)])
