"""Intervals of consecutive frames, seconds or blocks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def true_intervals(flags: NDArray[np.bool_] | Sequence[bool]) -> list[tuple[int, int]]:
    """Return first index and index after the last one of each run of True, in order.

    >>> true_intervals([False, True, True, False, True])
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.asarray(flags, np.int8), prepend=0, append=0))
    return [(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]
