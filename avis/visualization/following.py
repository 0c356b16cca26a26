"""Where a virtual camera looks that follows the speakers of a video. NumPy and SciPy only.

Start reading at :func:`plan_camera`. Letter: T frame.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from avis.structures.intervals import true_intervals
from avis.structures.video_result import TrackResult, VideoResult

_Floats = NDArray[np.float64]

_MIN_SHOT_SECONDS = 1.0  # a shorter turn of another speaker does not move the camera
_HEAD = 0.3  # upper part of a mask, in which its head is
_LOOKS_PER_SECOND = 6.0  # how often the head is measured
_STILL = (
    0.25  # of the window: a head that moves by less than this in a shot leaves the camera still
)
_SIGMA_SECONDS = 0.6  # smoothing of a moving camera
_JUMP = 0.5  # of the window: a head that jumps by more from look to look is a cut of the video
_HEADROOM = 0.4  # height of a head in a window that is lower than the frame


@dataclass(frozen=True)
class CameraPath:
    """Windows of one size.

    Args:
        width: Width of the windows in pixels, even.
        height: Height of the windows in pixels, even.
        x: Left edge per frame, int (T,).
        y: Upper edge per frame, int (T,).
        targets: Id of the track that is followed, per frame; 0 for none, (T,).
    """

    width: int
    height: int
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    targets: NDArray[np.int64]


def parse_aspect(text: str) -> Fraction:
    """Width over height of a text such as ``9:16``.

    Raises:
        ValueError: It is no pair of whole numbers, or is more extreme than 1:4.

    >>> parse_aspect('9:16')
    Fraction(9, 16)
    """
    parts = text.split(':')
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"expected an aspect such as '9:16' or '1:1', got {text!r}")
    width, height = (int(part) for part in parts)
    if not width or not height or not Fraction(1, 4) <= Fraction(width, height) <= 4:
        raise ValueError(f'expected an aspect from 1:4 to 4:1, got {text!r}')
    return Fraction(width, height)


def window_size(height: int, width: int, aspect: Fraction) -> tuple[int, int]:
    """Height and width of the largest window of an aspect in a frame, even numbers of pixels.

    >>> window_size(720, 1280, Fraction(9, 16)), window_size(1280, 720, Fraction(1))
    ((720, 404), (720, 720))
    """
    high = min(Fraction(height), width / aspect)
    return max(int(high / 2) * 2, 2), max(int(high * aspect / 2) * 2, 2)


def plan_camera(result: VideoResult, aspect: Fraction) -> CameraPath:
    """Plan a camera that follows who speaks.

    It cuts to another speaker where this one begins to speak for at least a second, and stays in
    pauses. It stands still as long as the head of the speaker stays in the middle of the window,
    and moves smoothly where it does not. If nobody speaks it follows the track that is visible
    longest, and without tracks it shows the middle of the frame.

    Args:
        result: What was found in the video.
        aspect: Width over height of the window.
    """
    high, wide = window_size(result.height, result.width, aspect)
    targets = choose_targets(result)
    centers = np.tile([result.width / 2, result.height / 2], (result.length, 1))
    edges = np.flatnonzero(np.diff(targets)) + 1
    heads = {track.id: head_path(track, result.fps) for track in result.tracks}
    for shot in np.split(np.arange(result.length), edges):
        if len(shot) and targets[shot[0]]:
            path = heads[int(targets[shot[0]])][shot]
            centers[shot] = _camera_centers(path, (wide, high), result.fps)
    corner = centers - np.array([wide / 2, _HEADROOM * high if high < result.height else high / 2])
    limit = np.array([result.width - wide, result.height - high])
    x, y = np.round(corner.clip(0, np.maximum(limit, 0))).astype(np.int64).T
    return CameraPath(wide, high, x, y, targets)


def choose_targets(result: VideoResult) -> NDArray[np.int64]:
    """Id of the track to follow per frame, 0 for none, (T,)."""
    targets = np.zeros(result.length, np.int64)
    for frame in range(result.length):
        speaking = [track.id for track in result.tracks if track.sounding[frame]]
        last = int(targets[frame - 1]) if frame else 0
        targets[frame] = last if last in speaking or not speaking else speaking[0]
    if not targets.any():
        areas = {track.id: int(track.visible.sum()) for track in result.tracks}
        targets[:] = max(areas, key=lambda each: areas[each]) if areas else 0
        return targets
    targets[targets == 0] = targets[targets > 0][0]  # before anybody speaks
    return _merge_short(targets, round(_MIN_SHOT_SECONDS * result.fps))


def _merge_short(targets: NDArray[np.int64], shortest: int) -> NDArray[np.int64]:
    """Give shots that are too short to the shot before; the first one to the one after it."""
    merged = targets.copy()
    starts = [0, *(np.flatnonzero(np.diff(targets)) + 1).tolist(), len(targets)]
    for start, stop in itertools.pairwise(starts):
        if stop - start < shortest and start:
            merged[start:stop] = merged[start - 1]
    first = int(np.flatnonzero(np.diff(merged, append=-1))[0]) + 1
    if first < min(shortest, len(merged)):
        merged[:first] = merged[first]
    return merged


def head_path(track: TrackResult, fps: float) -> _Floats:
    """Center of the head of a track in each frame, x and y in pixels, (T, 2).

    The head is the upper part of the mask. Frames in which the track is not visible have the
    position of the nearest one in which it is.

    Args:
        track: The track.
        fps: Frames per second.
    """
    visible = np.flatnonzero(track.visible)
    if not len(visible):
        return np.zeros((len(track.masks), 2))
    step = max(1, round(fps / _LOOKS_PER_SECOND))
    looks = sorted({*visible[::step].tolist(), int(visible[-1])})
    heads = np.array([_head_center(track, frame) for frame in looks])
    frames = np.arange(len(track.masks))
    return np.stack([np.interp(frames, looks, values) for values in heads.T], axis=1)


def _head_center(track: TrackResult, frame: int) -> tuple[float, float]:
    rows, columns = np.nonzero(track.masks.dense(frame))
    top, bottom = int(rows.min()), int(rows.max()) + 1
    # A box around a face is as wide as it is high: all of it is the head.
    wide = columns.max() + 1 - columns.min()
    neck = max(top + _HEAD * (bottom - top), min(bottom, top + wide * 0.8))
    head = rows < neck
    return float(columns[head].mean()) + 0.5, float(rows[head].mean()) + 0.5


def _camera_centers(heads: _Floats, size: tuple[int, int], fps: float) -> NDArray[np.float64]:
    """Center of the window in each frame of a shot of the camera, (F, 2)."""
    jumps = np.abs(np.diff(heads, axis=0)).max(axis=1) > _JUMP * min(size) / 4
    parts = np.split(np.arange(len(heads)), _cut_positions(jumps))
    centers = heads.copy()
    for part in parts:
        for axis in (0, 1):
            values = heads[part, axis]
            if np.ptp(values) <= _STILL * size[axis]:
                centers[part, axis] = (values.min() + values.max()) / 2
            else:
                sigma = _SIGMA_SECONDS * fps
                centers[part, axis] = gaussian_filter1d(values, sigma, mode='nearest')
    return centers


def _cut_positions(jumps: Sequence[bool] | NDArray[np.bool_]) -> list[int]:
    """Where the head is elsewhere at once: after each run of jumps."""
    return [stop for _, stop in true_intervals(np.asarray(jumps, bool))]
