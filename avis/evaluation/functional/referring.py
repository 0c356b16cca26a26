r"""Scores of referring segmentation: precision, IoU and AP of J-HMDB Sentences and A2D Sentences.

NumPy and pycocotools only: no torch, no mmengine, no I/O. An image is one frame with one sentence,
so it has one gt mask and any number of predicted masks with scores. Start reading at
:func:`count_image`, which compares the best prediction with the ground truth, and
:func:`score_images`; :func:`score_coco` computes the average precision of all predictions.

.. math:: P@K = \frac{1}{N} |\{n : IoU_n > K\}|, \quad
    \text{overall IoU} = \frac{\sum_n |P_n \cap G_n|}{\sum_n |P_n \cup G_n|}

Source: Gavrilyuk et al., *Actor and Action Video Segmentation from a Sentence*, CVPR 2018
(arXiv:1803.07485); conventions as in the evaluation code of MTTR and ReferFormer, and COCOeval of
pycocotools.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from avis.evaluation.functional.array_types import FloatArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.trivial import trivial_masks
from avis.structures.masks import RLE, encode_mask

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
_IOU_EPS = 1e-6  # the authors' constant, added to both areas


@dataclass(frozen=True)
class ReferringImage:
    """One sentence in one frame.

    Attributes:
        gt: Its ground-truth mask.
        masks: Predicted masks, any number.
        scores: Their confidences.
    """

    gt: RLE
    masks: Sequence[RLE]
    scores: Sequence[float]


class Pixels(NamedTuple):
    """Pixels that the best prediction and the ground truth of an image share, and their union."""

    intersection: int
    union: int


def count_image(image: ReferringImage, *, protocol: EvalProtocol = 'official') -> Pixels:
    """Compare the prediction of the highest score with the ground truth.

    Of equal scores the last in the list counts. An image without a prediction is an error
    (``official``) or an empty mask (``corrected``).

    Raises:
        ValueError: A mask has another size than the ground truth; no prediction (``official``).

    >>> left, both = RLE(size=[1, 2], counts=b'011'), RLE(size=[1, 2], counts=b'02')
    >>> count_image(ReferringImage(gt=left, masks=[left, both], scores=[0.2, 0.7]))
    Pixels(intersection=1, union=2)
    """
    check_protocol(protocol)
    for rle in image.masks:
        if list(rle['size']) != list(image.gt['size']):
            raise ValueError(
                f'expected masks of the size {list(image.gt["size"])} of the ground truth, got '
                f'{list(rle["size"])}'
            )
    area = int(coco_mask.area(image.gt))
    if not image.masks:
        if protocol == 'official':
            raise ValueError('expected at least one prediction, got none')
        return Pixels(0, area)
    scores = np.asarray(image.scores)
    best = image.masks[len(scores) - 1 - int(np.argmax(scores[::-1]))]
    shared = int(coco_mask.area(coco_mask.merge([image.gt, best], intersect=True)))
    return Pixels(shared, area + int(coco_mask.area(best)) - shared)


def score_images(
    images: Sequence[Pixels], *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """Precision at five thresholds, overall and mean IoU, in 0..1; NaN without images.

    ``official``: the IoU of an image is ``(I + 1e-6) / (U + 1e-6)`` in float32, so an exact IoU of
    0.6 or 0.8 counts as above, one of 0.7 or 0.9 does not. ``corrected``: exact fractions. Two
    empty masks have IoU 1.

    Raises:
        ValueError: All masks of all images are empty (``official``).

    >>> scores = score_images([Pixels(3, 4), Pixels(1, 4)], protocol='corrected')
    >>> scores['P@0.5'], scores['overall_iou'], scores['mean_iou']
    (0.5, 0.5, 0.5)
    """
    check_protocol(protocol)
    shared, union = np.array(images, np.int64).reshape(-1, 2).T
    if protocol == 'official' and len(images) and not union.sum():
        raise ValueError('expected a mask with pixels in at least one image, all masks are empty')
    iou = _official_iou(shared, union) if protocol == 'official' else _exact_iou(shared, union)
    scores = {f'P@{k}': float((iou > k).mean()) if len(iou) else np.nan for k in THRESHOLDS}
    total = int(union.sum())
    empty = 1.0 if len(images) else np.nan
    scores['overall_iou'] = float(shared.sum() / total) if total else empty
    scores['mean_iou'] = float(iou.mean()) if len(iou) else np.nan
    return scores


def count_trivial(gt: RLE) -> dict[str, Pixels]:
    """Compare the whole image, and a box of half of it at the center, with the ground truth."""
    return {
        name: count_image(ReferringImage(gt, [encode_mask(mask)], [1.0]))
        for name, mask in trivial_masks(*gt['size']).items()
    }


def score_trivial(images: Sequence[Mapping[str, Pixels]]) -> dict[str, float]:
    """Overall and mean IoU of the trivial answers, with their names in front.

    >>> gt = RLE(size=[2, 2], counts=b'04')  # the whole image
    >>> score_trivial([count_trivial(gt)])['whole_image_mean_iou']
    1.0
    """
    scores: dict[str, float] = {}
    for name in images[0] if images else ():
        found = score_images([image[name] for image in images], protocol='corrected')
        scores |= {f'{name}_{key}': found[key] for key in ('overall_iou', 'mean_iou')}
    return scores


def score_coco(images: Sequence[ReferringImage]) -> dict[str, float]:
    """Average precision of all predictions, as COCOeval with one class computes it.

    At most 100 predictions per image count. An empty ground truth is an object that is never found.

    Returns:
        ``mAP``, the mean over ten thresholds; ``AP_0.5``, ``AP_0.55``, ..., ``AP_0.95``; and the
        mAP of gt masks of up to 32^2 (``mAP_s``), up to 96^2 (``mAP_m``) and more pixels
        (``mAP_l``). -1 without a gt mask.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    gt, pred = COCO(), COCO()
    sizes = [{'id': index, **_size(image)} for index, image in enumerate(images)]
    pairs = [(index, image.gt, 1.0) for index, image in enumerate(images)]
    found = [
        (index, rle, score)
        for index, image in enumerate(images)
        for rle, score in zip(image.masks, image.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        for data, rows in ((gt, pairs), (pred, found)):
            data.dataset = {
                'images': sizes,
                'categories': [{'id': 1, 'name': 'object'}],
                'annotations': [_annotation(n, *row) for n, row in enumerate(rows, start=1)],
            }
            data.createIndex()
        evaluation = COCOeval(gt, pred, iouType='segm')
        evaluation.params.useCats = 0
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval['precision'][:, :, 0, 0, -1]  # (threshold, recall), all areas
    means = {
        f'AP_{iou:g}': float(row[row > -1].mean()) if (row > -1).any() else -1.0
        for iou, row in zip(evaluation.params.iouThrs.round(2), precision, strict=True)
    }
    names = ('mAP', 'mAP_s', 'mAP_m', 'mAP_l')
    stats = [float(evaluation.stats[index]) for index in (0, 3, 4, 5)]
    return dict(zip(names, stats, strict=True)) | means


def _official_iou(shared: FloatArray, union: FloatArray) -> FloatArray:
    parts = [pixels.astype(np.float32) + np.float32(_IOU_EPS) for pixels in (shared, union)]
    # Compared as float64: the value is float32, the threshold a double.
    iou: FloatArray = (parts[0] / parts[1]).astype(np.float64)
    return iou


def _exact_iou(shared: FloatArray, union: FloatArray) -> FloatArray:
    iou: FloatArray = np.where(union > 0, shared / np.maximum(union, 1), 1.0)
    return iou


def _size(image: ReferringImage) -> dict[str, int]:
    height, width = image.gt['size']
    return {'height': height, 'width': width}


def _annotation(number: int, image: int, rle: RLE, score: float) -> dict[str, Any]:
    return {
        'id': number,
        'image_id': image,
        'category_id': 1,
        'segmentation': rle,
        'area': float(coco_mask.area(rle)),
        'bbox': coco_mask.toBbox(rle).tolist(),
        'iscrowd': 0,
        'score': score,
    }
