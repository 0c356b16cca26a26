"""One-to-one assignment of predicted to true masks, frame by frame."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.overlap import Floats, Ints, VideoOverlap


def assign_frames(video: VideoOverlap, weights: Floats) -> tuple[Ints, Ints, Ints]:
    """Pair the masks of every frame so that the weights of the pairs sum to the maximum.

    Most frames need no search: if no mask has a positive weight with two others, all positive pairs
    are the answer. The others go to scipy, with the matrix of all masks that the frame has, so that
    equal sums are decided as TrackEval decides them.

    Args:
        video: The video, for the masks that each frame has.
        weights: (T, G, P), not negative; 0 where either mask is absent.

    Returns:
        Frame, true and predicted track of every pair of positive weight, each (M,).

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> masks = TrackMasks([[{'size': [1, 1], 'counts': b'01'}]] * 2)
    >>> video = VideoOverlap.from_rles(masks, masks, size=(1, 1), num_frames=1)
    >>> assign_frames(video, np.array([[[0.9, 0.8], [0.8, 0.0]]]))
    (array([0, 0]), array([0, 1]), array([1, 0]))
    """
    positive = weights > 0
    contested = (positive.sum(axis=1) > 1).any(axis=1) | (positive.sum(axis=2) > 1).any(axis=1)
    parts = [np.stack(np.nonzero(positive & ~contested[:, None, None]))]
    for frame in np.flatnonzero(contested).tolist():
        pairs = assign_frame(video, frame, weights[frame])
        parts.append(np.stack([np.full(len(pairs[0]), frame), *pairs]))
    frames, true, pred = np.concatenate(parts, axis=1)
    return frames, true, pred


def assign_frame(video: VideoOverlap, frame: int, weights: Floats) -> tuple[Ints, Ints]:
    """Pair the masks of one frame, ``weights`` (G, P): the pairs of positive weight."""
    true = np.flatnonzero(video.truth.present[:, frame])
    pred = np.flatnonzero(video.pred.present[:, frame])
    rows, columns = linear_sum_assignment(weights[np.ix_(true, pred)], maximize=True)
    true, pred = true[rows], pred[columns]
    kept = weights[true, pred] > 0
    return true[kept], pred[kept]
