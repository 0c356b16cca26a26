r"""Scores of sound source localization: cIoU and AUC of VGG-SS and Flickr-SoundNet.

NumPy and OpenCV only: no torch, no mmengine, no I/O. A clip is one frame with a heat map of any
size; the ground truth is a map of ``MAP_SIZE`` x ``MAP_SIZE`` pixels with weights in 0..1. Start
reading at :func:`count_clip`, which compares the two, and :func:`score_clips`.

.. math:: cIoU = \frac{\sum_p P_p G_p}{\sum_p G_p + |\{p : P_p = 1, G_p = 0\}|}

The predicted mask P is the half of the frame with the highest values, so a clip whose sources cover
the share s of the frame reaches at most ``min(s, 1/2) / max(s, 1/2)``. The authors of LVS, EZ-VSL
and SLAVC resize the map in three ways and treat values equal to the median in two, see
:class:`Variant`.

Source: Chen et al., *Localizing Visual Sounds the Hard Way*, CVPR 2021 (arXiv:2104.02691); Mo and
Morgado, *Localizing Visual Sounds the Easy Way*, ECCV 2022 (arXiv:2203.09324) and *A Closer Look at
Weakly-Supervised Audio-Visual Source Localization*, NeurIPS 2022 (arXiv:2209.09634).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.trivial import trivial_masks

MAP_SIZE = 224
_FLICKR_SIZE = 256  # the scale of the boxes of Flickr-SoundNet
_CUBIC = np.float32(-0.75)  # PyTorch's constant of bicubic interpolation
_TRIVIAL = ('center_box', 'whole_image')  # trivial answers in the order of the scores

# How a code base turns a heat map into a mask. ``ez_vsl`` resizes bilinearly with aligned corners
# and keeps values from the median on. ``slavc`` does so bicubically. ``lvs`` resizes bilinearly
# between pixel centers and keeps values above the median only.
Variant: TypeAlias = Literal['ez_vsl', 'slavc', 'lvs']
Map: TypeAlias = NDArray[np.float32]


class ClipOverlap(NamedTuple):
    """The overlap of the predicted mask of a clip with its ground truth, in pixels.

    Args:
        intersection: Weight of the ground truth within the mask.
        union: Weight of the ground truth, and pixels of the mask without any.
        predicted: Pixels of the mask, weighted if it has weights.
    """

    intersection: float
    union: float
    predicted: float

    @property
    def ciou(self) -> float:
        """Intersection over union, in 0..1; 0 if both are empty."""
        return self.intersection / self.union if self.union else 0.0


def box_map(boxes: Sequence[Sequence[float]]) -> Map:
    """The ground truth of VGG-SS, (MAP_SIZE, MAP_SIZE): 1 in any of the boxes.

    Args:
        boxes: Corners x1, y1, x2, y2 relative to the frame. Values outside of 0..1 are clipped, and
            a reversed box has no pixels, as for the few wrong boxes of the data set.

    Raises:
        ValueError: A coordinate is not a number.

    >>> box_map([[0, 0, 0.5, 0.25], [0.5, 0, -2.9e16, 1]]).sum() / MAP_SIZE**2
    np.float32(0.125)
    """
    gt = np.zeros((MAP_SIZE, MAP_SIZE), np.float32)
    for box in boxes:
        if np.isnan(box).any() or len(box) != 4:
            raise ValueError(f'expected a box x1, y1, x2, y2 of numbers, got {list(box)}')
        x1, y1, x2, y2 = (MAP_SIZE * np.clip(box, 0, 1)).astype(int).tolist()
        gt[y1:y2, x1:x2] = 1
    return gt


def annotator_map(boxes: Sequence[Sequence[int]]) -> Map:
    """The ground truth of Flickr-SoundNet: 1 where two annotators agree, 0.5 where one marked.

    Args:
        boxes: One box x1, y1, x2, y2 per annotator, in pixels of a frame of 256 x 256.

    >>> annotator_map([[0, 0, 256, 256], [0, 0, 128, 256]])[0, [0, 200]]
    array([1. , 0.5], dtype=float32)
    """
    gt = np.zeros((MAP_SIZE, MAP_SIZE), np.float32)
    for box in boxes:
        x1, y1, x2, y2 = (int(MAP_SIZE * value / _FLICKR_SIZE) for value in box)
        gt[y1:y2, x1:x2] += 0.5
    return np.minimum(gt, 1)


def gt_map(boxes: Sequence[Sequence[float]], *, annotators: bool) -> Map:
    """The ground truth of corners relative to the frame: :func:`box_map`, or :func:`annotator_map`.

    Args:
        boxes: Corners x1, y1, x2, y2 in 0..1.
        annotators: Whether each box is of another annotator.
    """
    if not annotators:
        return box_map(boxes)
    return annotator_map([[round(_FLICKR_SIZE * value) for value in box] for box in boxes])


def upper_half(heat_map: NDArray[np.floating], variant: Variant = 'ez_vsl') -> BoolArray:
    """The half of the frame with the highest values, bool (MAP_SIZE, MAP_SIZE).

    Args:
        heat_map: (H, W), higher where the sound comes from.
        variant: See :data:`Variant`. Of equal values at the median ``lvs`` keeps none, the others
            keep all, so the mask of a map with plateaus is smaller or larger than half.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    values = enlarge_map(heat_map, variant)
    if variant == 'lvs':
        return (values > _median(values)) | (values >= 1)
    above: BoolArray = values >= _median(values)
    return above


def enlarge_map(heat_map: NDArray[np.floating], variant: Variant = 'ez_vsl') -> Map:
    """The map that is compared with its median, (MAP_SIZE, MAP_SIZE), in 0..1 unless it is flat.

    Args:
        heat_map: (H, W), higher where the sound comes from.
        variant: See :data:`Variant`.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    if heat_map.ndim != 2 or not np.isfinite(heat_map).all():
        raise ValueError(f'expected a finite map (H, W), got {heat_map.shape} with NaN or infinity')
    values = heat_map.astype(np.float32, copy=False)
    if variant == 'lvs':
        resized = np.asarray(cv2.resize(values, (MAP_SIZE, MAP_SIZE)), np.float32)  # bilinear
        return 1 - _normalize(-resized)
    return _normalize(_resize_aligned(values, _cubic if variant == 'slavc' else _linear))


def half_frame(heat_map: NDArray[np.floating], variant: Variant = 'ez_vsl') -> FloatArray:
    """Exactly half of the frame, (MAP_SIZE, MAP_SIZE): weights in 0..1.

    Pixels above the median count, and those equal to it in equal parts, so that the score does not
    depend on how ties are broken. Arguments and errors as in :func:`upper_half`.

    >>> half_frame(np.zeros((2, 2)))[0, 0]
    np.float64(0.5)
    """
    values = enlarge_map(heat_map, variant)
    median = _median(values)
    ties = values == median
    share = (values.size / 2 - np.count_nonzero(values > median)) / np.count_nonzero(ties)
    weights: FloatArray = (values > median) + share * ties
    return weights


def count_clip(
    heat_map: NDArray[Any],
    gt: NDArray[np.floating],
    *,
    variant: Variant = 'ez_vsl',
    protocol: EvalProtocol = 'official',
) -> ClipOverlap:
    """Compare a heat map with the ground truth of a clip.

    Args:
        heat_map: (H, W), higher where the sound comes from.
        gt: :func:`box_map`, :func:`annotator_map` or any weights in 0..1, (MAP_SIZE, MAP_SIZE).
        variant: How the map becomes a mask, see :data:`Variant`.
        protocol: ``'official'`` compares :func:`upper_half`, ``'corrected'`` :func:`half_frame`.

    >>> left = np.repeat(np.linspace(1, 0, 14)[None], 14, axis=0)
    >>> round(count_clip(left, box_map([[0, 0, 0.5, 1]])).ciou, 3)
    1.0
    """
    check_protocol(protocol)
    predict = upper_half if protocol == 'official' else half_frame
    return count_mask(predict(heat_map, variant), gt)


def count_mask(mask: BoolArray | FloatArray, gt: NDArray[np.floating]) -> ClipOverlap:
    """Compare a predicted mask with the ground truth of a clip, both (MAP_SIZE, MAP_SIZE)."""
    if gt.shape != mask.shape:
        raise ValueError(f'expected a ground truth of {mask.shape}, got {gt.shape}')
    weights = gt.astype(float)
    union = weights.sum() + mask[weights == 0].sum()
    return ClipOverlap(float((weights * mask).sum()), float(union), float(mask.sum()))


def success_rates(ciou: Sequence[float]) -> FloatArray:
    """Share of the clips with a cIoU of at least 0, 0.05, ..., 1, (21,); NaN without clips.

    >>> success_rates([0.5, 1.0])[[0, 10, 11, 20]]
    array([1. , 1. , 0.5, 0.5])
    """
    values = np.asarray(ciou, float)
    thresholds = 0.05 * np.arange(21)
    if not len(values):
        return np.full(len(thresholds), np.nan)
    rates: FloatArray = (values >= thresholds[:, None]).mean(axis=1)
    return rates


def score_clips(ciou: Sequence[float]) -> dict[str, float]:
    """``cIoU@0.5``, often called cIoU; ``AUC`` of :func:`success_rates`; and ``mean_cIoU``.

    >>> score_clips([0.2, 0.6])
    {'cIoU@0.5': 0.5, 'AUC': 0.4, 'mean_cIoU': 0.4}
    """
    rates = success_rates(ciou)
    values = np.asarray(ciou, float)
    return {
        'cIoU@0.5': float((values >= 0.5).mean()) if len(values) else np.nan,
        'AUC': float(((rates[1:] + rates[:-1]) / 2 * np.diff(0.05 * np.arange(21))).sum()),
        'mean_cIoU': float(values.mean()) if len(values) else np.nan,
    }


@dataclass(frozen=True)
class LocalizedClip:
    """The scores of a clip.

    Attributes:
        ciou: cIoU of the prediction.
        area: Weight of the ground truth in pixels; 0 for an empty one.
        trivial: cIoU of each of
            :func:`~avis.evaluation.functional.trivial.trivial_masks`.
        confidence: Confidence that a source is visible; NaN if the method states none.
        sounding: Whether a source is visible.
    """

    ciou: float
    area: float
    trivial: Mapping[str, float]
    confidence: float = np.nan
    sounding: bool = True


def localize_clip(
    heat_map: NDArray[Any],
    gt: NDArray[np.floating],
    *,
    variant: Variant = 'ez_vsl',
    protocol: EvalProtocol = 'official',
) -> LocalizedClip:
    """Compare a heat map and the trivial answers with a ground truth, see :func:`count_clip`."""
    ciou = count_clip(heat_map, gt, variant=variant, protocol=protocol).ciou
    masks = trivial_masks(MAP_SIZE, MAP_SIZE)
    trivial = {name: count_mask(masks[name], gt).ciou for name in _TRIVIAL}
    return LocalizedClip(ciou, float(gt.sum()), trivial)


def pool_localized(
    clips: Sequence[LocalizedClip], *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """:func:`score_clips` of the clips, and with a prefix those of the trivial answers.

    ``official`` counts a clip without a ground truth as cIoU 0, whatever is predicted;
    ``corrected`` leaves it out.
    """
    check_protocol(protocol)
    kept = [clip for clip in clips if protocol == 'official' or clip.area]
    scores = score_clips([clip.ciou for clip in kept])
    for name in _TRIVIAL:
        answer = score_clips([clip.trivial[name] for clip in kept])
        scores |= {f'{name}_{key}': value for key, value in answer.items()}
    return scores


def best_ciou(gt: NDArray[np.floating]) -> float:
    """The highest cIoU that a mask of half of the frame reaches for a ground truth of 0 and 1.

    >>> best_ciou(box_map([[0, 0, 1, 1]]))
    0.5
    """
    half, area = MAP_SIZE**2 / 2, float(gt.sum())
    return min(area, half) / max(area, half)


def _median(values: Map) -> np.float32:
    """The value at the middle of the sorted pixels, counted from 0: the upper one of two."""
    middle = values.size // 2
    value: np.float32 = np.partition(values.ravel(), middle)[middle]
    return value


def _normalize(values: Map) -> Map:
    """Scale to 0..1; a flat map stays as it is."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high - low != 0 else values


def _resize_aligned(heat_map: Map, weights: 'Any') -> Map:
    """Resize with aligned corners, in float32 as PyTorch: columns, then rows."""
    for axis in (1, 0):
        length = heat_map.shape[axis]
        scale = np.float32(length - 1) / np.float32(MAP_SIZE - 1)
        position = scale * np.arange(MAP_SIZE, dtype=np.float32)
        first = np.minimum(position.astype(int), length - 1)
        parts = weights(first, (position - first.astype(np.float32)), length)
        heat_map = _weighted_sum(heat_map, parts, axis)
    return heat_map


def _weighted_sum(heat_map: Map, parts: Sequence[tuple[NDArray[Any], Map]], axis: int) -> Map:
    total: Map | None = None
    for index, weight in parts:
        part = heat_map.take(index, axis=axis) * np.expand_dims(weight, 1 - axis)
        total = part if total is None else total + part
    assert total is not None
    return total


def _linear(first: NDArray[Any], offset: Map, length: int) -> list[tuple[NDArray[Any], Map]]:
    return [(first, 1 - offset), (np.minimum(first + 1, length - 1), offset)]


def _cubic(first: NDArray[Any], offset: Map, length: int) -> list[tuple[NDArray[Any], Map]]:
    near, far = _cubic_near, _cubic_far
    weights = [far(offset + 1), near(offset), near(1 - offset), far(2 - offset)]
    indices = [np.clip(first + step, 0, length - 1) for step in (-1, 0, 1, 2)]
    return list(zip(indices, weights, strict=True))


def _cubic_near(x: Map) -> Map:
    """Weight of a pixel at most one pixel away."""
    value: Map = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    return value


def _cubic_far(x: Map) -> Map:
    """Weight of a pixel one to two pixels away."""
    value: Map = ((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC
    return value
