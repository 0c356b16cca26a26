"""J-HMDB Sentences and A2D Sentences: precision, IoU and AP of the referred objects."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from avis.evaluation.functional.referred_objects import resize_frames
from avis.evaluation.functional.referring import (
    ReferringImage,
    count_image,
    count_trivial,
    score_coco,
    score_images,
    score_trivial,
)
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_arrays import frame_flags, labels_of, predicted_frames
from avis.export.submission import write_referring
from avis.registry import METRICS
from avis.structures.masks import encode_mask

_THRESHOLD = 0.5  # of the probability


@METRICS.register_module()
class ReferringMetric(ProtocolMetric):
    """Scores of the labeled frames, as :mod:`avis.evaluation.functional.referring` defines them.

    The keys begin with ``referring`` or ``referring_corrected``. Overall and mean IoU of trivial
    answers (``whole_image``, ``center_box``) stand beside those of the model.

    Fields of a data sample: ``pred_sem_seg.prob`` (T, h, w) in [0, 1], one prediction per frame,
    whose confidence is its mean probability; ``gt_sem_seg.sem_seg`` (T, H, W), best at the size of
    the files (``LoadLabelMaps(original_size=True)``); ``labeled_frames`` (T,). A sample that
    replaces a broken clip is not counted.

    Args:
        out: Folder to write ``gt.json`` and ``results.json`` to, for
            ``avis.apis.evaluate('referring', ...)``; None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'referring'

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Encode the masks of each clip immediately."""
        for sample in data_samples:
            # One entry per sample: mmengine drops padding samples by counting them.
            self.results.append({} if sample.get('broken') else dict(_images(sample)))

    def compute_metrics(self, results: list[dict[str, ReferringImage]]) -> dict[str, float]:
        """Pool all frames, and log the protocol."""
        images = {name: image for result in results for name, image in result.items()}
        print_log(
            f'Referring segmentation, {self.protocol} protocol: {len(images)} frames',
            logger='current',
        )
        if self.out is not None:
            write_referring(self.out, images)
        pixels = [count_image(image, protocol=self.protocol) for image in images.values()]
        scores = score_images(pixels, protocol=self.protocol)
        scores |= score_coco(list(images.values()))
        return scores | score_trivial([count_trivial(image.gt) for image in images.values()])


def _images(sample: dict[str, Any]) -> Iterator[tuple[str, ReferringImage]]:
    """The labeled frames by id; a second labeled frame of a clip has its index in the id."""
    labeled, _ = frame_flags(sample)
    if 'frame_ids' in sample:  # a clip at the end of a video repeats its last frame
        first = np.zeros(len(labeled), bool)
        first[np.unique(sample['frame_ids'], return_index=True)[1]] = True
        labeled &= first
    labels, prob = labels_of(sample)[labeled] > 0, predicted_frames(sample, 'prob', labeled)
    prob = resize_frames(prob, *labels.shape[1:])
    for number, (label, frame) in enumerate(zip(labels, prob, strict=True)):
        mask = frame > _THRESHOLD
        score = float(frame[mask].mean()) if mask.any() else 0.0
        name = str(sample['video_id']) if number == 0 else f'{sample["video_id"]}_{number}'
        yield name, ReferringImage(encode_mask(label), [encode_mask(np.asarray(mask))], [score])
