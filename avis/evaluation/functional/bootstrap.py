"""How sure a score is: bootstrap over videos. NumPy only: no torch, no mmengine, no I/O.

Videos of a data set are drawn with replacement, the score of each draw is computed like that of the
data set (pooled if that is pooled), and the spread of these scores shows how much the choice of
videos matters. Two predictions are compared on the same draws.

Source: Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 (percentile
interval) and 16 (tests).
"""

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import FloatArray


def draw_videos(num_videos: int, *, resamples: int = 1000, seed: int = 0) -> NDArray[np.int64]:
    """Draw sets of ``num_videos`` videos with replacement.

    Returns:
        Positions of videos, (R, N), in random order.

    >>> draw_videos(4, resamples=2).tolist()
    [[3, 2, 2, 1], [1, 0, 0, 0]]
    """
    return np.random.default_rng(seed).integers(0, num_videos, (resamples, num_videos))


def percentile_interval(scores: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """The interval that contains the central part of the scores of all draws.

    Args:
        scores: Score of each draw, (R,); undefined scores (NaN) are left out.
        level: Size of the central part, 0 to 1.

    Returns:
        Lower and upper end; NaN without any score.

    >>> percentile_interval(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    known = scores[~np.isnan(scores)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_p_value(differences: FloatArray) -> float:
    r"""Two-sided p-value of the hypothesis that two predictions have equal scores.

    .. math:: p = 2 \min\left(\frac{1 + |d \le 0|}{1 + R}, \frac{1 + |d \ge 0|}{1 + R}\right)

    but at most 1, over the differences :math:`d` of R draws. It is never 0: its minimum is
    2 / (1 + R).

    Args:
        differences: Difference of the two scores in each draw, (R,); NaN is left out.

    Returns:
        The p-value; NaN without any difference.

    >>> paired_p_value(np.array([0.1, 0.2, 0.3])), paired_p_value(np.zeros(3))
    (0.5, 1.0)
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return np.nan
    tail = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (1 + tail) / (1 + len(known)))
