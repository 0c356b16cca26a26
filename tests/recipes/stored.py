"""Tensors that a golden stores as a strided sample with statistics of the whole tensor."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.entries import Entry

Arrays = Mapping[str, np.ndarray]


def read_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read an npz: its arrays, and ``meta`` if it has one."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.get('meta', '{}')))


def sampled(arrays: Arrays, key: str, ours: np.ndarray) -> np.ndarray:
    """The entries of our whole tensor that the golden stores under ``key``."""
    return ours[tuple(slice(None, None, step) for step in arrays.get(f'{key}/step', ()))]


def whole(
    arrays: Arrays, key: str, ours: np.ndarray, *, tolerance: float, sum_tolerance: float
) -> Iterator[Entry]:
    """Compare shape, stored entries and statistics of a tensor.

    Args:
        arrays: The golden.
        key: Name of the tensor.
        ours: The whole tensor.
        tolerance: Of each entry, absolute; 0 for exact.
        sum_tolerance: Of the sum of absolute values, relative.
    """
    ours = np.asarray(ours, np.float64)
    shape = arrays.get(f'{key}/shape', np.shape(arrays[key]))
    if ours.shape != tuple(shape):
        yield Entry(f'{key}: shape {ours.shape}', 1.0)
        return
    yield largest_difference(key, sampled(arrays, key, ours), arrays[key], tolerance)
    if f'{key}/stats' in arrays:
        mean, std, total, least, most = arrays[f'{key}/stats'].tolist()
        extent = [ours.mean() - mean, ours.std() - std, ours.min() - least, ours.max() - most]
        # Rounding of the sums over the whole tensor is not a difference.
        yield Entry(f'{key}/stats', float(np.abs(extent).max()), tolerance + 1e-9)
        difference = abs(np.abs(ours).sum() - total) / max(total, 1e-12)
        yield Entry(f'{key}/stats sum', difference, max(sum_tolerance, 1e-12))


def largest_difference(
    name: str, ours: np.ndarray, recorded: np.ndarray, tolerance: float
) -> Entry:
    """Compare arrays of one shape by their largest absolute difference."""
    difference = np.abs(np.asarray(ours, np.float64) - recorded).max(initial=0)
    return Entry(name, float(difference), tolerance)


def mixed_tolerance(
    name: str, ours: Any, recorded: Any, *, relative: float, absolute: float = 0.0
) -> Entry:
    """Compare values whose tolerance is ``relative * |recorded| + absolute``, in units of it."""
    ours, recorded = np.asarray(ours, np.float64), np.asarray(recorded, np.float64)
    if ours.shape != recorded.shape:
        return Entry(f'{name}: shape {ours.shape}', np.inf, 1.0)
    allowed = relative * np.abs(recorded) + absolute
    difference = np.abs(ours - recorded)
    ratio = np.divide(
        difference, allowed, out=np.where(difference > 0, np.inf, 0.0), where=allowed > 0
    )
    return Entry(name, float(ratio.max(initial=0)), 1.0)
