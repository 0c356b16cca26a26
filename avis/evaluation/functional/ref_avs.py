r"""Scores of Ref-AVS Bench: J and F of referred objects, S of null references.

NumPy and OpenCV only: no torch, no mmengine, no I/O. A clip is one row of the csv file, so one
expression. J and F are those of AVSBench with a threshold of ``J_THRESHOLD`` for J: see
:func:`~avis.evaluation.functional.avsbench.score_clip` and
:func:`~avis.evaluation.functional.avsbench.pool_clips`. A null reference describes nothing in the
clip; S, lower is better, tells how much of the frames is segmented nevertheless:

.. math:: S = \sqrt{\frac{|P|}{|\Omega|}}

Source: Wang et al., *Ref-AVS: Refer and Segment Objects in Audio-Visual Scenes*, ECCV 2024
(arXiv:2407.10957); thresholds and batches as in the authors' code (GeWu-Lab/Ref-AVS).
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.avsbench import above, as_probability
from avis.evaluation.functional.counts import EvalProtocol, check_protocol

J_THRESHOLD = 0.4
S_THRESHOLD = 0.5
BATCH_SIZE = 4  # clips per evaluation batch of the authors
LABEL_SIZE = 256  # labels and predictions are compared at this size


def resize_label(mask: NDArray[np.uint8]) -> BoolArray:
    """Resize a label image as the authors do, bool (LABEL_SIZE, LABEL_SIZE).

    They interpolate the gray levels and take every pixel above 0, so that objects grow by up to a
    pixel, and a level of 1 to 3 may be rounded away.

    Args:
        mask: Gray levels, (H, W); pixels above 0 are foreground.

    >>> int(resize_label(np.full((2, 2), 255, np.uint8)).sum())
    65536
    """
    label: BoolArray = np.asarray(cv2.resize(mask, (LABEL_SIZE, LABEL_SIZE))) > 0  # bilinear
    return label


def foreground_shares(prob: NDArray[Any]) -> FloatArray:
    """Share of the pixels of each frame that are segmented, (N,).

    Args:
        prob: Probability of the referred object, (N, H, W): float32 in [0, 1] or uint8, where 255
            means 1.

    >>> foreground_shares(np.array([[[0.2, 0.5, 0.6, 0.9]]]))
    array([0.5])
    """
    mask = above(as_probability(prob), S_THRESHOLD)
    shares: FloatArray = mask.mean(axis=(1, 2))
    return shares


def score_null_references(
    clips: Sequence[FloatArray],
    *,
    protocol: EvalProtocol = 'official',
    batch_size: int = BATCH_SIZE,
) -> float:
    """S of the clips of a data set, in its order; NaN without clips.

    ``official``: the root of the pooled share of an evaluation batch, averaged over batches without
    weights. As the root is concave, S grows with the batch size. ``corrected``: the mean over clips
    of the root of the share of each, which depends neither on batches nor on the order.

    Args:
        clips: :func:`foreground_shares` of each clip.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Clips per evaluation batch; ignored if ``corrected``.

    >>> clips = [np.array([0.0, 0.0]), np.array([0.5, 0.5])]
    >>> round(score_null_references(clips, batch_size=2), 3)
    0.5
    >>> round(score_null_references(clips, protocol='corrected'), 3)
    0.354
    """
    check_protocol(protocol)
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    if not clips:
        return np.nan
    size = batch_size if protocol == 'official' else 1
    batches = [np.concatenate(clips[i : i + size]) for i in range(0, len(clips), size)]
    return float(np.mean([np.sqrt(batch.mean()) for batch in batches]))
