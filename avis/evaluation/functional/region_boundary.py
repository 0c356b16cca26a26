r"""J&F: region similarity J (IoU) and boundary accuracy F of tracks (DAVIS).

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at
:func:`score_region_boundary`, which scores one video; :func:`boundary_f` scores two masks.

Each true track is paired with one predicted track over the whole video so that the mean J is
maximal. J of a frame is the IoU of the pair, 1 if both are absent. F is the harmonic mean of the
share of the predicted boundary that is close to the true one, and the other way round; close means
within 0.8 % of the diagonal of the frame, rounded up.

.. math:: J = \frac{|P \cap G|}{|P \cup G|}, \quad F = \frac{2 p r}{p + r}

Empty cases: a true track without a partner has J = F = 0, but predicted tracks that lack in number
are filled up with always absent ones, which agree in the frames where the true track is absent too.
Without a true track there is nothing to score: all is NaN.

Source: Perazzi et al., *A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation*, CVPR 2016; Caelles et al., *The 2019 DAVIS Challenge on VOS: Unsupervised
Multi-Object Segmentation* (arXiv:1905.00737); conventions as in TrackEval 1.3.0.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import Protocol, Scores, check_protocol
from avis.evaluation.functional.overlap import Bools, Floats, Ints, VideoOverlap

# Gives the dense mask (H, W) of a track in a frame: ``read(track, frame)``.
ReadMask: TypeAlias = Callable[[int, int], Bools]

TOLERANCE = 0.008
NUM_BINS = 4
EPS = float(np.finfo(float).eps)


def score_region_boundary(
    video: VideoOverlap,
    read_true: ReadMask,
    read_pred: ReadMask,
    *,
    void: Ints | None = None,
    protocol: Protocol = 'official',
) -> Scores:
    """Score one video; all tracks count as one class.

    Args:
        video: The overlaps of the tracks.
        read_true: Gives the true mask of a track in a frame; called only where one is present.
        read_pred: The same of the predicted masks, without pixels that do not count.
        void: Pixels of each predicted mask that do not count, (P, T); None if all count.
        protocol: Concerns decay only: ``'official'`` wraps frame numbers at 256, so that in longer
            videos it does not compare the first and last quarter.

    Returns:
        ``J-Mean``, ``J-Recall`` (share of frames above 0.5), ``J-Decay`` (first minus last quarter
        of the video), the same of F, ``J&F``, and the number of true tracks ``num_gt_tracks``.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> masks = TrackMasks([[{'size': [1, 2], 'counts': b'011'}, None]])
    >>> video = VideoOverlap.from_rles(masks, TrackMasks([]), size=(1, 2), num_frames=2)
    >>> read = lambda track, frame: np.array([[True, False]])
    >>> {name: float(value) for name, value in score_region_boundary(video, read, read).items()
    ...  if name in ('J-Mean', 'F-Mean')}
    {'J-Mean': 0.5, 'F-Mean': 0.5}
    """
    check_protocol(protocol)
    if not video.num_frames:
        raise ValueError('J&F needs a video with at least one frame')
    similarity = _region_similarity(video, void)  # (P, G, T)
    pred, true = assign(similarity.mean(axis=2))
    region, boundary = np.zeros((2, len(video.gt), video.num_frames))
    region[: len(pred)] = similarity[pred, true]
    for row, pair in enumerate(zip(pred.tolist(), true.tolist(), strict=True)):
        boundary[row] = _boundary_of_pair(video, pair, read_true, read_pred)
    scores: Scores = {'num_gt_tracks': np.asarray(len(video.gt))}
    for letter, values in (('J', region), ('F', boundary)):
        scores |= _summarize(letter, values, wrap=protocol == 'official')
    return scores | {'J&F': (scores['J-Mean'] + scores['F-Mean']) / 2}


def boundary_f(pred: Bools, target: Bools, *, radius: float | None = None) -> float:
    """F of the boundaries of two masks.

    A boundary pixel is one that differs from its right, lower or lower right neighbor. It counts
    as found if a boundary pixel of the other mask is at most ``radius`` away. F is 1 if neither
    mask has a boundary, as blank masks and masks of all pixels have none, and 0 if one has none.

    Args:
        pred: Predicted mask, bool (H, W).
        target: True mask, bool (H, W).
        radius: In pixels; 0.8 % of the diagonal, rounded up, if None.

    >>> disk = np.hypot(*np.mgrid[-20:21, -20:21]) < 10
    >>> boundary_f(disk, disk), boundary_f(disk, ~disk), boundary_f(disk, np.zeros_like(disk))
    (1.0, 1.0, 0.0)
    """
    if pred.shape != target.shape or pred.ndim != 2:
        raise ValueError(f'expected two (H, W) masks, got {pred.shape} and {target.shape}')
    if radius is None:
        radius = float(np.ceil(TOLERANCE * np.linalg.norm(pred.shape)))
    found, true = boundary_box(pred), boundary_box(target)
    if not (found.pixels.any() and true.pixels.any()):
        return float(found.pixels.any() == true.pixels.any())
    precision, recall = _shares_near(found, true, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class Box(NamedTuple):
    """A part of a mask: bool (H, W), and the row and column of its first pixel."""

    pixels: Bools
    top: int
    left: int


def boundary_box(mask: Bools) -> Box:
    """The boundary pixels of a mask (H, W); outside of the box there are none.

    >>> boundary_box(np.array([[False, True, True]])).pixels.astype(int)
    array([[1, 0, 0]])
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return Box(np.zeros((0, 0), bool), 0, 0)
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    # Outside of this box, one pixel wider where the image goes on, all neighbors are alike.
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    box = np.pad(mask[top : rows[-1] + 2, left : columns[-1] + 2], ((0, 1), (0, 1)), mode='edge')
    here = box[:-1, :-1]
    differs = (here ^ box[:-1, 1:]) | (here ^ box[1:, :-1]) | (here ^ box[1:, 1:])
    return Box(differs, top, left)


def _region_similarity(video: VideoOverlap, void: Ints | None) -> Floats:
    """J of every predicted with every true track in each frame, (P, G, T)."""
    pred = video.pred.areas if void is None else video.pred.areas - void
    # Tracks that lack in number are always absent ones.
    missing = max(len(video.gt) - len(pred), 0)
    pred = np.pad(pred, ((0, missing), (0, 0)))[:, None]
    shared = np.pad(video.intersections.transpose(2, 1, 0), ((0, missing), (0, 0), (0, 0)))
    union = pred + video.gt.areas - shared
    similarity: Floats = np.where(union > 0, shared / np.maximum(union, 1), 1.0)
    return similarity


def _boundary_of_pair(
    video: VideoOverlap, pair: tuple[int, int], read_true: ReadMask, read_pred: ReadMask
) -> Floats:
    """F of one predicted and one true track in each frame, (T,)."""
    pred, true = pair
    absent = np.zeros(video.size, bool)
    values, there = np.ones(video.num_frames), video.gt.areas[true] > 0
    filled_up = pred >= len(video.pred)
    found = np.zeros_like(there) if filled_up else video.pred.areas[pred] > 0
    for frame in np.flatnonzero(found | there).tolist():
        values[frame] = boundary_f(
            read_pred(pred, frame) if found[frame] else absent,
            read_true(true, frame) if there[frame] else absent,
        )
    return values


def _shares_near(first: Box, second: Box, radius: float) -> tuple[float, float]:
    """Share of the pixels of either box with one of the other at most ``radius`` away."""
    boxes = first, second
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    height = max(box.top + box.pixels.shape[0] for box in boxes) - top
    # With so many free columns between two rows nothing reaches from one end into the other.
    stride = max(box.left + box.pixels.shape[1] for box in boxes) - left + int(radius)
    bits = []
    for box in boxes:
        canvas = np.zeros((height, stride), bool)
        y, x = box.top - top, box.left - left
        canvas[y : y + box.pixels.shape[0], x : x + box.pixels.shape[1]] = box.pixels
        bits.append(int.from_bytes(np.packbits(canvas).tobytes(), 'big'))
    hits = [
        (pixels & _dilate(others, radius, stride)).bit_count()
        for pixels, others in (bits, reversed(bits))
    ]
    return hits[0] / bits[0].bit_count(), hits[1] / bits[1].bit_count()


def _dilate(bits: int, radius: float, stride: int) -> int:
    """Dilate by a disk an image that is one long integer, a bit per pixel, row after row.

    A shift of the integer moves all pixels at once; it takes microseconds where a search for the
    nearest pixel takes a millisecond.
    """
    dilated, wide, width = 0, bits, 0
    for rows in range(int(radius), -1, -1):
        while width < math.isqrt(int(radius**2) - rows**2):
            width += 1
            wide |= bits << width | bits >> width
        dilated |= wide << rows * stride | wide >> rows * stride
    return dilated


def _summarize(letter: str, values: Floats, *, wrap: bool) -> Scores:
    """Mean, recall and decay of values (G, T), averaged over the true tracks."""
    if not len(values):
        return {f'{letter}-{name}': np.asarray(np.nan) for name in ('Mean', 'Recall', 'Decay')}
    ends = (np.round(np.linspace(1, values.shape[1], NUM_BINS + 1) + 1e-10) - 1).astype(np.int64)
    if wrap:
        ends %= 256
    first, last = (values[:, ends[b] : ends[b + 1] + 1] for b in (0, NUM_BINS - 1))
    means = [
        part.mean(axis=1) if part.size else np.full(len(values), np.nan) for part in (first, last)
    ]
    return {
        f'{letter}-Mean': values.mean(axis=1).mean(),
        f'{letter}-Recall': (values > 0.5 + EPS).mean(axis=1).mean(),
        f'{letter}-Decay': (means[0] - means[1]).mean(),
    }
