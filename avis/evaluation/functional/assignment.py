"""One-to-one assignment of predicted and gt masks, frame by frame."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import FloatArray, IntArray
from avis.evaluation.functional.overlap import VideoOverlap


def assign(weights: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pairs with the maximal sum of weights, as scipy finds them.

    >>> assign(np.array([[0.9, 0.8], [0.8, 0.0]]))
    (array([0, 1]), array([1, 0]))
    """
    pairs: tuple[IntArray, IntArray] = _solver()(weights, maximize=True)
    return pairs


@cache
def _solver() -> Callable[..., Any]:
    """``scipy.optimize.linear_sum_assignment``.

    It is in a compiled module that needs NumPy only, but importing ``scipy.optimize`` takes 0.2 s,
    as long as many evaluations. So the compiled module alone is loaded if it is found.
    """
    scipy = importlib.util.find_spec('scipy')
    if 'scipy.optimize' not in sys.modules and scipy and scipy.submodule_search_locations:
        stem = Path(scipy.submodule_search_locations[0], 'optimize', '_lsap')
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            spec = importlib.util.spec_from_file_location('_lsap', f'{stem}{suffix}')
            if spec and spec.loader and Path(f'{stem}{suffix}').is_file():
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                if hasattr(module, 'linear_sum_assignment'):
                    return module.linear_sum_assignment
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment


def assign_frames(video: VideoOverlap, weights: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Pair the masks of every frame so that the sum of weights is maximal.

    Most frames need no search: if no mask has a positive weight with two others, all positive pairs
    are the solution. Other frames are solved by scipy with the matrix of all masks of the frame, so
    that ties are broken as in TrackEval.

    Args:
        video: The video, for the presence of its masks.
        weights: (T, G, P), at least 0; 0 where either mask is absent.

    Returns:
        Frame, gt track and predicted track of every pair of positive weight, each (M,).

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
    frames, gt, pred = np.concatenate(parts, axis=1)
    return frames, gt, pred


def assign_frame(video: VideoOverlap, frame: int, weights: FloatArray) -> tuple[IntArray, IntArray]:
    """Pair the masks of one frame by ``weights`` (G, P); return the pairs of positive weight."""
    gt = np.flatnonzero(video.gt.present[:, frame])
    pred = np.flatnonzero(video.pred.present[:, frame])
    rows, columns = assign(weights[np.ix_(gt, pred)])
    gt, pred = gt[rows], pred[columns]
    kept = weights[gt, pred] > 0
    return gt[kept], pred[kept]
