"""Parse the ``counts`` of compressed COCO RLEs, many at once, without decoding a mask. NumPy only.

A run is a number of pixels, the first one of background. ``counts`` has one number per run: the
first three are runs, later ones the differences to the run before the last one. A number is a group
of bytes 48 to 111, base-32 digits from the lowest on; all but the last byte have bit 32, and the
last one has the sign in bit 16.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_DIGITS = 7  # of a number of 32 bits
_AT_ONCE = 64  # RLEs


def runs_of(counts: bytes) -> list[int] | None:
    """Lengths of the runs of one compressed RLE; None if it is none, or an incomplete one.

    >>> runs_of(b'0120'), runs_of(b'012P')
    ([0, 1, 2, 1], None)
    """
    runs: list[int] = []
    value, digits = 0, 0
    for byte in counts:
        digit = byte - 48
        if not 0 <= digit < 64 or digits == _MOST_DIGITS:
            return None
        value, digits = value | (digit & 31) << 5 * digits, digits + 1
        if digit < 32:
            value -= (digit & 16) << 5 * digits - 4
            # From the fourth one on, runs are differences to the run before the last one.
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value, digits = 0, 0
    return None if digits or not runs else runs


def without_empty(runs: list[int]) -> list[int]:
    """The runs of the same mask without runs of 0 pixels, except the first one.

    >>> without_empty([2, 1, 0, 3, 0])
    [2, 4]
    """
    kept = runs[:1]
    for index, run in enumerate(runs[1:], start=1):
        if index % 2 == len(kept) % 2 and run:
            kept.append(run)
        else:
            kept[-1] += run
    return kept


def find_wrong_runs(
    counts: Sequence[bytes], pixels: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Find compressed RLEs whose runs are not those of a frame.

    Args:
        counts: N RLEs.
        pixels: Pixels of the frame.

    Returns:
        Whether an RLE is invalid or does not sum to ``pixels``, and whether it may have runs of 0
        pixels, each (N,).

    >>> find_wrong_runs([b'0120', b'01'], 4)
    (array([False,  True]), array([ True,  True]))
    """
    # Arrays of a few kB stay in the cache of the processor.
    parts = [
        _find_wrong_runs_of_few(counts[start : start + _AT_ONCE], pixels)
        for start in range(0, len(counts), _AT_ONCE)
    ]
    wrong, empty = np.concatenate([np.zeros((2, 0), bool), *parts], axis=1)
    return wrong, empty


def _find_wrong_runs_of_few(counts: Sequence[bytes], pixels: int) -> NDArray[np.bool_]:
    """The same, (2, N), for RLEs that are parsed together."""
    bounds = np.fromiter(map(len, counts), np.int64, len(counts)).cumsum()
    digits = np.frombuffer(b''.join(counts), np.uint8) - np.uint8(48)
    last = (digits < 32).nonzero()[0]
    length = np.diff(last, prepend=-1)
    ends = np.searchsorted(last, bounds)  # of the numbers of each RLE
    if (
        not all(counts)
        or digits.max() > 63
        or (digits[bounds - 1] > 31).any()
        or length.max() > _MOST_DIGITS
    ):
        right = [_sums_to(text, pixels) for text in counts]
        return np.array([np.logical_not(right), right])
    values = (digits[last] ^ np.uint8(16)).astype(np.int64) - 16
    longer = np.arange(len(last))
    for place in range(1, int(length.max())):
        longer = longer[length[longer] > place]
        values[longer] = (values[longer] << 5) | (digits[last[longer] - place] & np.uint8(31))
    starts = np.concatenate([[0], ends[:-1]])
    third = starts[ends - starts > 2]
    values[third + 2] -= values[third]  # the third number is no difference
    sums, lowest = zip(*(_sum_runs(values, starts, ends, parity) for parity in (0, 1)), strict=True)
    lowest = np.minimum(*lowest)
    return np.stack([(lowest < 0) | (sums[0] + sums[1] != pixels), lowest == 0])


def _sum_runs(
    values: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], parity: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum and lowest of every second run of each RLE, (N,), from the differences of all RLEs."""
    first, stop = (starts + 1 - parity) // 2, (ends + 1 - parity) // 2
    # Minus the value before the first number of an RLE, these are its runs.
    runs = np.concatenate([[0], values[parity::2].cumsum(), [1 << 60]])
    sums = runs.cumsum()
    base = runs[first]
    total = sums[stop] - sums[first] - (stop - first) * base
    lowest = np.minimum.reduceat(runs, first + 1) - base
    return total, np.where(stop > first, lowest, 1)


def _sums_to(counts: bytes, pixels: int) -> bool:
    runs = runs_of(counts)
    return runs is not None and min(runs) >= 0 and sum(runs) == pixels
