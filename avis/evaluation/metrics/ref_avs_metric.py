"""Ref-AVS Bench: J and F of referred objects, S of null references."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from avis.evaluation.functional.ref_avs import BATCH_SIZE
from avis.evaluation.functional.referred_objects import (
    ScoredExpression,
    match_sizes,
    score_expression,
    summarize_expressions,
)
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_arrays import labels_of, predicted_frames
from avis.export.submission import write_probabilities
from avis.registry import METRICS


@METRICS.register_module()
class RefAVSMetric(ProtocolMetric):
    """Scores as in :func:`~avis.evaluation.functional.referred_objects.summarize_expressions`.

    The keys begin with ``ref_avs`` or ``ref_avs_corrected``. The scores of trivial answers
    (``whole_image``, ``center_box``, ``empty``) stand beside those of the model: one that is not
    better has learned nothing. The evaluation batches are formed in the order of the data set, so
    the numbers do not depend on the batches of the data loader.

    Fields of a data sample: ``pred_sem_seg.prob`` (T, h, w) in [0, 1], ``gt_sem_seg.sem_seg``
    (T, H, W), best at the size of the files (``LoadLabelMaps(original_size=True)``), and
    ``attributes`` with ``split`` and ``null``. A sample that replaces a broken clip is not counted.

    Args:
        protocol: ``'official'`` compares at 256 x 256, ``'corrected'`` at the size of the labels.
        batch_size: Expressions per evaluation batch of the official protocol.
        out: Folder to write the predictions to as 8-bit images, ``<uid>/<uid>_<n>.png``, for
            ``avis.apis.evaluate('refavs', ...)``; None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'ref_avs'

    def __init__(self, *, batch_size: int = BATCH_SIZE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        summarize_expressions([], ['val'], batch_size=batch_size)  # check it before the test
        self.batch_size = batch_size

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each expression immediately, so that no dense mask is kept after its batch."""
        for sample in data_samples:
            # One entry per sample: mmengine drops padding samples by counting them.
            self.results.append(None if sample.get('broken') else self._score(sample))

    def _score(self, sample: dict[str, Any]) -> ScoredExpression:
        prob = predicted_frames(sample, 'prob', None)
        if self.out is not None:
            write_probabilities(self.out, str(sample['video_name']), prob)
        label = np.where(labels_of(sample) > 0, 255, 0).astype(np.uint8)
        prob, label = match_sizes(prob, label, protocol=self.protocol)
        attributes = sample['attributes']
        return score_expression(
            prob,
            label,
            split=attributes['split'],
            is_null=attributes['null'],
            protocol=self.protocol,
        )

    def compute_metrics(self, results: list[ScoredExpression | None]) -> dict[str, float]:
        """Pool the expressions of the data set, and log the protocol."""
        rows = [row for row in results if row is not None]
        splits = sorted({row.split for row in rows})
        text = f'Ref-AVS, {self.protocol} protocol: {len(rows)} expressions of {splits}'
        print_log(text, logger='current')
        return summarize_expressions(
            rows, splits, protocol=self.protocol, batch_size=self.batch_size
        )
