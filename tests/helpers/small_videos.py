"""Small random videos for the property tests of the instance scores."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask

SIZE = (9, 11)
CLASSES = (1, 2, 3)


@dataclass
class SmallVideo:
    """Masks (N, T, H, W), presence (N, T), labels and scores of both sides."""

    gt: np.ndarray
    pred: np.ndarray
    gt_present: np.ndarray
    pred_present: np.ndarray
    gt_labels: np.ndarray
    pred_labels: np.ndarray
    scores: np.ndarray

    @property
    def num_frames(self) -> int:
        return self.gt.shape[1]

    def overlap(self, gt_order=None, pred_order=None, ids=None) -> VideoOverlap:
        """The overlaps, with tracks in the given orders and the given gt ids."""
        gt = np.arange(len(self.gt)) if gt_order is None else gt_order
        pred = np.arange(len(self.pred)) if pred_order is None else pred_order
        return VideoOverlap.from_rles(
            TrackMasks(
                _rles(self.gt[gt], self.gt_present[gt]),
                labels=self.gt_labels[gt],
                ids=ids,
            ),
            TrackMasks(
                _rles(self.pred[pred], self.pred_present[pred]),
                labels=self.pred_labels[pred],
                scores=self.scores[pred],
            ),
            size=SIZE,
            num_frames=self.num_frames,
        )


def _rles(masks: np.ndarray, present: np.ndarray) -> list:
    return [
        [encode_mask(mask) if given else None for mask, given in zip(track, flags, strict=True)]
        for track, flags in zip(masks, present, strict=True)
    ]


def draw_video(seed: int, *, num_frames: int | None = None) -> SmallVideo:
    """A video of up to 4 gt and 5 predicted tracks, some of which follow a gt track.

    Masks are random, so that two of them rarely have the same IoU with a third.
    """
    rng = np.random.default_rng(seed)
    shape = (num_frames or int(rng.integers(1, 7)), *SIZE)
    num_gt, num_pred = rng.integers(0, 5), rng.integers(0, 6)
    gt = rng.random((num_gt, *shape)) < rng.uniform(0.2, 0.8)
    pred = rng.random((num_pred, *shape)) < 0.4
    labels = rng.choice(CLASSES, num_gt), rng.choice(CLASSES, num_pred)
    for track in range(num_pred):
        if num_gt and rng.random() < 0.7:
            followed = rng.integers(num_gt, size=shape[0] if rng.random() < 0.3 else 1)
            noise = rng.random(shape) < rng.uniform(0, 0.3)
            pred[track] = gt[followed, np.arange(shape[0])] ^ noise
            labels[1][track] = labels[0][followed[0]]
    sounding = rng.random((num_gt, shape[0])) < 0.8
    gt &= sounding[:, :, None, None]
    pred &= (rng.random((num_pred, shape[0])) < 0.85)[:, :, None, None]
    return SmallVideo(
        gt=gt,
        pred=pred,
        gt_present=gt.any(axis=(2, 3)),
        pred_present=pred.any(axis=(2, 3)) | (rng.random((num_pred, shape[0])) < 0.5),
        gt_labels=labels[0],
        pred_labels=labels[1],
        scores=rng.random(num_pred),
    )


seeds = st.integers(0, 2**32 - 1)
small_videos = seeds.map(draw_video)
