"""J-HMDB Sentences and A2D Sentences: masks of sentences in COCO's format.

Ground truth: one JSON file (or ``.json.gz``) with ``images`` (``id``) and ``annotations``
(``image_id``, ``segmentation``, an RLE), exactly one per image; an image is one frame with one
sentence. Results: a list of ``image_id``, ``segmentation`` and ``score``.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_file
from avis.evaluation.benchmarks.problems import Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.referring import (
    Pixels,
    ReferringImage,
    count_image,
    count_trivial,
    score_coco,
    score_images,
    score_trivial,
)
from avis.structures.masks import rle_from_json
from avis.utils.json_stream import JsonStream
from avis.utils.vis_format import is_finite, missing_fields, show


@dataclass(frozen=True)
class ScoredImage:
    """One image: its masks, and the pixels of its best prediction and of trivial answers."""

    image: ReferringImage
    pixels: Pixels
    trivial: Mapping[str, Pixels]


@BENCHMARKS.register_module(name='referring')
class ReferringBenchmark(Benchmark[ScoredImage]):
    """Precision at five thresholds, overall and mean IoU, and COCO's AP, in 0..1.

    Args:
        gt: JSON file of the ground truth.
        pred: JSON file of the results.
        protocol: ``'official'`` or ``'corrected'``, see
            :mod:`avis.evaluation.functional.referring`.
    """

    HEADLINE = ('P@0.5', 'overall_iou', 'mean_iou', 'mAP', 'center_box_mean_iou')
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The official scorer stops at the first image without a prediction.
        'missing_prediction': Rule('stop', 'empty'),
        'unknown_image': Rule('ignore', 'ignore'),
        'wrong_size': Rule('stop'),
    }

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol) -> None:
        super().__init__(gt, pred, protocol=protocol)
        check_file(self.gt, 'a JSON file with images and annotations')
        check_file(self.pred, 'a JSON list of image_id, segmentation and score')
        images = _read(self.gt, 'images', ['id'])
        annotations = _read(self.gt, 'annotations', ['image_id', 'segmentation'])
        self._gt = _one_per_image(self.gt, annotations)
        self._found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        known = {image['id'] for image in images}
        for row in _read(self.pred, None, ['image_id', 'segmentation', 'score']):
            if row['image_id'] in known:
                self._found[row['image_id']].append(row)
            else:
                message = f'image_id {show(row["image_id"])}, the ground truth has no such image'
                self.log.add('unknown_image', self.pred, message, field=row['_field'])
        self._ids = [image['id'] for image in images]
        missing = [key for key in self._ids if key not in self._gt]
        if missing:
            raise ValueError(f'{self.gt}: image {show(missing[0])} has no annotation')
        self.videos = [BenchmarkVideo(str(key)) for key in self._ids]

    def score(self, index: int) -> VideoScore[ScoredImage]:
        """Compare the best prediction of one image with its ground truth."""
        key = self._ids[index]
        log, rows = self.new_log(str(key)), self._found.get(key, [])
        masks = [_rle(self.pred, row) for row in rows]
        image = ReferringImage(_rle(self.gt, self._gt[key]), masks, [row['score'] for row in rows])
        if not rows:
            log.add('missing_prediction', self.pred, f'no prediction of image {show(key)}')
        try:
            pixels = count_image(image, protocol='corrected')
        except ValueError as error:
            log.add('wrong_size', self.pred, f'image {show(key)}: {error}')
        if log.stopped:
            return VideoScore(None, log.problems)
        # Both protocols count the same pixels.
        scored = ScoredImage(image, pixels, count_trivial(image.gt))
        return VideoScore(scored, log.problems, corrected=scored)

    def unpredicted(self) -> Sequence[str]:
        """Ids of the images without a prediction."""
        return [str(key) for key in self._ids if key not in self._found]

    def combine(self, partials: Sequence[ScoredImage]) -> Summary:
        """Scores of the best predictions, average precision of all, and trivial answers."""
        scores = score_images([part.pixels for part in partials], protocol=self.protocol)
        scores |= score_coco([part.image for part in partials])
        return {**scores, **score_trivial([part.trivial for part in partials])}

    def summarize_video(self, partial: ScoredImage) -> Summary:
        """Pixels and IoU of one image."""
        pixels = partial.pixels
        iou = pixels.intersection / pixels.union if pixels.union else 1.0
        return {'iou': iou, 'intersection': pixels.intersection, 'union': pixels.union}

    def score_draw(self, partials: Sequence[ScoredImage]) -> Summary:
        """Scores of the best predictions; without AP, which takes a second."""
        return dict(score_images([part.pixels for part in partials], protocol='corrected'))

    def explain_gap(
        self,
        official: Sequence[ScoredImage],
        corrected: Sequence[ScoredImage],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Images whose IoU is exactly a threshold."""
        tenths = [10 * part.pixels.intersection for part in official]
        ties = sum(
            bool(part.pixels.union) and tenth % part.pixels.union == 0
            for tenth, part in zip(tenths, official, strict=True)
        )
        return [f'the IoU of {ties} images is exactly a threshold'] if ties else []


def _read(path: Path, key: str | None, fields: Sequence[str]) -> list[dict[str, Any]]:
    """The entries of one list of a file, checked; ``_field`` is where each is."""
    rows = []
    with JsonStream(path) as stream:
        for element in stream.elements():
            if element.key != key:
                continue
            row = element.value
            missing = missing_fields(row, fields) if isinstance(row, dict) else [*fields]
            if missing:
                raise ValueError(f'{path}: {element.location}: missing {", ".join(missing)}')
            if 'score' in fields and not is_finite(row['score']):
                where = f'{path}: {element.location}.score'
                raise ValueError(f'{where}: expected a number, got {show(row["score"])}')
            rows.append({**row, '_field': element.location})
    if not rows and key is not None:
        raise ValueError(f'{path}: expected a list {key!r} with entries')
    return rows


def _one_per_image(path: Path, rows: Sequence[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        if found.setdefault(row['image_id'], row) is not row:
            raise ValueError(
                f'{path}: {row["_field"]}: image {show(row["image_id"])} has a second annotation, '
                f'expected one per image'
            )
    return found


def _rle(path: Path, row: Mapping[str, Any]) -> Any:
    try:
        return rle_from_json(row['segmentation'])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{path}: {row["_field"]}.segmentation: {error}') from error
