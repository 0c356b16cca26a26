r"""J&F: region similarity J (IoU) and boundary accuracy F of tracks (DAVIS).

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at
:func:`score_region_boundary`, which scores one video; :func:`boundary_f` scores two masks.

Each gt track is paired with one predicted track over the whole video so that the mean J is maximal.
J of a frame is the IoU of the pair, 1 if both are absent. F is the harmonic mean of precision, the
share of the predicted boundary that is close to the gt boundary, and recall, the share of the gt
boundary that is close to the predicted one; close means within 0.8 % of the diagonal of the frame,
rounded up.

.. math:: J = \frac{|P \cap G|}{|P \cup G|}, \quad F = \frac{2 p r}{p + r}

Empty cases: if there are fewer predicted than gt tracks, empty ones are added, which agree with a
gt track in the frames where that is absent too; elsewhere a gt track without a partner has J = F =
0. Without a gt track all scores are NaN.

Source: Perazzi et al., *A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation*, CVPR 2016; Caelles et al., *The 2019 DAVIS Challenge on VOS: Unsupervised
Multi-Object Segmentation* (arXiv:1905.00737); conventions as in TrackEval 1.3.0.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import EPS, EvalProtocol, Scores, check_protocol
from avis.evaluation.functional.overlap import VideoOverlap

# Returns the dense mask (H, W) of a track in a frame: ``read(track, frame)``.
ReadMask: TypeAlias = Callable[[int, int], BoolArray]

BOUNDARY_TOLERANCE = 0.008
NUM_BINS = 4


def score_region_boundary(
    video: VideoOverlap,
    read_gt: ReadMask,
    read_pred: ReadMask,
    *,
    void: IntArray | None = None,
    protocol: EvalProtocol = 'official',
) -> Scores:
    """Score one video; all tracks count as one class.

    Args:
        video: The overlaps of the tracks.
        read_gt: Returns the gt mask of a track in a frame; called only where it is present.
        read_pred: The same for predicted masks, without ignored pixels.
        void: Number of ignored pixels of each predicted mask, (P, T); None if all pixels count.
        protocol: Affects the decay only: ``'official'`` wraps frame numbers at 256, so that in
            longer videos it does not compare the first and last quarter.

    Returns:
        ``J-Mean``, ``J-Recall`` (share of frames above 0.5), ``J-Decay`` (first minus last quarter
        of the video), the same of F, ``J&F``, and the number of gt tracks ``num_gt_tracks``.

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
        raise ValueError('J&F expects at least one frame, got a video without frames')
    similarity = _region_similarity(video, void)  # (P, G, T)
    pred, gt = assign(similarity.mean(axis=2))
    region, boundary = np.zeros((2, len(video.gt), video.num_frames))
    region[: len(pred)] = similarity[pred, gt]
    for row, pair in enumerate(zip(pred.tolist(), gt.tolist(), strict=True)):
        boundary[row] = _boundary_of_pair(video, pair, read_gt, read_pred)
    scores: Scores = {'num_gt_tracks': np.asarray(len(video.gt))}
    for letter, values in (('J', region), ('F', boundary)):
        scores |= _summarize(letter, values, wrap=protocol == 'official')
    return scores | {'J&F': (scores['J-Mean'] + scores['F-Mean']) / 2}


def boundary_f(pred: BoolArray, target: BoolArray, *, radius: float | None = None) -> float:
    """F of the boundaries of two masks.

    A boundary pixel differs from its right, lower or lower right neighbor. It is matched if a
    boundary pixel of the other mask is at most ``radius`` away. F is 1 if neither mask has a
    boundary (blank and full masks have none), and 0 if only one has a boundary.

    Args:
        pred: Predicted mask, bool (H, W).
        target: Ground-truth mask, bool (H, W).
        radius: Distance in pixels; by default 0.8 % of the diagonal, rounded up.

    >>> disk = np.hypot(*np.mgrid[-20:21, -20:21]) < 10
    >>> boundary_f(disk, disk), boundary_f(disk, ~disk), boundary_f(disk, np.zeros_like(disk))
    (1.0, 1.0, 0.0)
    """
    if pred.shape != target.shape or pred.ndim != 2:
        raise ValueError(f'expected two (H, W) masks, got {pred.shape} and {target.shape}')
    if radius is None:
        radius = float(np.ceil(BOUNDARY_TOLERANCE * np.linalg.norm(pred.shape)))
    found, gt = crop_boundary(pred), crop_boundary(target)
    if not (found.pixels.any() and gt.pixels.any()):
        return float(found.pixels.any() == gt.pixels.any())
    precision, recall = _shares_near(found, gt, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class BoundaryCrop(NamedTuple):
    """The boundary pixels of a mask in a crop: bool (H, W), and the position of its first pixel."""

    pixels: BoolArray
    top: int
    left: int


def crop_boundary(mask: BoolArray) -> BoundaryCrop:
    """The boundary pixels of a mask (H, W), cropped; outside of the crop there are none.

    >>> crop_boundary(np.array([[False, True, True]])).pixels.astype(int)
    array([[1, 0, 0]])
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return BoundaryCrop(np.zeros((0, 0), bool), 0, 0)
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    # Outside of this crop, which is one pixel larger inside the image, all neighbors are equal.
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    crop = np.pad(mask[top : rows[-1] + 2, left : columns[-1] + 2], ((0, 1), (0, 1)), mode='edge')
    here = crop[:-1, :-1]
    differs = (here ^ crop[:-1, 1:]) | (here ^ crop[1:, :-1]) | (here ^ crop[1:, 1:])
    return BoundaryCrop(differs, top, left)


def _region_similarity(video: VideoOverlap, void: IntArray | None) -> FloatArray:
    """J of every pair of a predicted and a gt track in each frame, (P, G, T)."""
    pred = video.pred.areas if void is None else video.pred.areas - void
    # Missing predicted tracks are replaced by empty ones.
    missing = max(len(video.gt) - len(pred), 0)
    pred = np.pad(pred, ((0, missing), (0, 0)))[:, None]
    shared = np.pad(video.intersections.transpose(2, 1, 0), ((0, missing), (0, 0), (0, 0)))
    union = pred + video.gt.areas - shared
    similarity: FloatArray = np.where(union > 0, shared / np.maximum(union, 1), 1.0)
    return similarity


def _boundary_of_pair(
    video: VideoOverlap, pair: tuple[int, int], read_gt: ReadMask, read_pred: ReadMask
) -> FloatArray:
    """F of one predicted and one gt track in each frame, (T,)."""
    pred, gt = pair
    absent = np.zeros(video.size, bool)
    values, there = np.ones(video.num_frames), video.gt.areas[gt] > 0
    is_empty = pred >= len(video.pred)
    found = np.zeros_like(there) if is_empty else video.pred.areas[pred] > 0
    for frame in np.flatnonzero(found | there).tolist():
        values[frame] = boundary_f(
            read_pred(pred, frame) if found[frame] else absent,
            read_gt(gt, frame) if there[frame] else absent,
        )
    return values


def _shares_near(first: BoundaryCrop, second: BoundaryCrop, radius: float) -> tuple[float, float]:
    """Share of the pixels of each crop with a pixel of the other at most ``radius`` away."""
    crops = first, second
    top, left = min(crop.top for crop in crops), min(crop.left for crop in crops)
    height = max(crop.top + crop.pixels.shape[0] for crop in crops) - top
    # With so many free columns at the end of a row, dilation does not reach the next row.
    stride = max(crop.left + crop.pixels.shape[1] for crop in crops) - left + int(radius)
    bits = []
    for crop in crops:
        canvas = np.zeros((height, stride), bool)
        y, x = crop.top - top, crop.left - left
        canvas[y : y + crop.pixels.shape[0], x : x + crop.pixels.shape[1]] = crop.pixels
        bits.append(int.from_bytes(np.packbits(canvas).tobytes(), 'big'))
    hits = [
        (pixels & _dilate(others, radius, stride)).bit_count()
        for pixels, others in (bits, reversed(bits))
    ]
    return hits[0] / bits[0].bit_count(), hits[1] / bits[1].bit_count()


def _dilate(bits: int, radius: float, stride: int) -> int:
    """Dilate a bit image by a disk; the image is one long integer, a bit per pixel, row by row.

    Shifting the integer moves all pixels at once: microseconds instead of a millisecond for a
    search of nearest pixels.
    """
    dilated, wide, width = 0, bits, 0
    for rows in range(int(radius), -1, -1):
        while width < math.isqrt(int(radius**2) - rows**2):
            width += 1
            wide |= bits << width | bits >> width
        dilated |= wide << rows * stride | wide >> rows * stride
    return dilated


def _summarize(letter: str, values: FloatArray, *, wrap: bool) -> Scores:
    """Mean, recall and decay of values (G, T), averaged over the gt tracks."""
    if not len(values):
        return {f'{letter}-{name}': np.asarray(np.nan) for name in ('Mean', 'Recall', 'Decay')}
    return {
        f'{letter}-Mean': values.mean(axis=1).mean(),
        f'{letter}-Recall': (values > 0.5 + EPS).mean(axis=1).mean(),
        f'{letter}-Decay': decay(values, wrap=wrap).mean(),
    }


def decay(values: FloatArray, *, wrap: bool) -> FloatArray:
    """Mean of the first quarter of the frames minus that of the last, (N,); they share an end.

    Args:
        values: One value per frame, (N, T).
        wrap: Compute frame numbers in 8 bits as DAVIS does, so that they wrap at 256; NaN if a
            quarter has no frame then.

    >>> decay(np.array([[1.0, 0.5, 0.5, 0.0]]), wrap=False)
    array([0.5])
    """
    ends = (np.round(np.linspace(1, values.shape[1], NUM_BINS + 1) + 1e-10) - 1).astype(np.int64)
    modulus = 256 if wrap else values.shape[1] + 1
    means = [
        part.mean(axis=1) if part.shape[1] else np.full(len(values), np.nan)
        for b in (0, NUM_BINS - 1)
        for part in [values[:, ends[b] % modulus : (ends[b + 1] % modulus + 1) % modulus]]
    ]
    return means[0] - means[1]
