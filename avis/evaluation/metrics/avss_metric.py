"""AVSBench-semantic (AVSS): mIoU and F over the classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from avis.evaluation.functional.avss import (
    NUM_CLASSES,
    ClassSums,
    frames_to_score,
    pool_classes,
    score_frames,
)
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_arrays import frame_flags, predicted_frames, scored_frames
from avis.export.submission import write_labels
from avis.registry import METRICS
from avis.utils.file_names import path_inside


@METRICS.register_module()
class AVSSMetric(ProtocolMetric):
    """mIoU and F as in :func:`~avis.evaluation.functional.avss.pool_classes`.

    ``official`` returns ``avss/miou``, ``avss/miou_noBg``, ``avss/F_score`` and
    ``avss/F_score_noBg``, with the padded frames of five-frame clips scored and the last class
    dropped in ``noBg``, as the authors do. ``corrected`` scores real frames only, drops the
    background, and returns the same keys under ``avss_corrected/``, with ``miou_present`` and
    ``F_score_present``, which leave out classes without frames.

    Fields of a data sample: ``pred_sem_seg.sem_seg`` (T, H, W), ``gt_sem_seg.sem_seg`` (T, H, W),
    ``labeled_frames`` (T,), ``valid_frames`` (T,) if present.

    Args:
        num_classes: K, including the background.
        out: Folder to write the predictions to as class indices, ``<video>/<n>.png``, for
            ``avis.apis.evaluate('avss', ...)``; None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'avss'

    def __init__(self, *, num_classes: int = NUM_CLASSES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each clip immediately, so that no dense map is kept after its batch."""
        for sample in data_samples:
            flags = frame_flags(sample)
            keep = frames_to_score(*flags, protocol=self.protocol)
            if self.out is not None:
                # Padded frames too: the official protocol scores them.
                labels = predicted_frames(sample, 'sem_seg', None)
                write_labels(path_inside(self.out, str(sample['video_name'])), labels)
            if keep.any():
                pred, target = scored_frames(sample, 'sem_seg', keep)
            else:
                pred = target = np.zeros((0, 1, 1), np.uint8)
            # One entry per sample, even if empty: mmengine drops padding samples by counting.
            scores = score_frames(pred, target, num_classes=self.num_classes)
            self.results.append(scores.sums())

    def compute_metrics(self, results: list[ClassSums]) -> dict[str, float]:
        """Pool the clips of the data set and log the protocol."""
        scores = pool_classes(results, protocol=self.protocol)
        print_log(
            f'AVSBench-semantic, {self.protocol} protocol: '
            f'{int((scores.class_frames > 0).sum())} of {self.num_classes} classes present',
            logger='current',
        )
        return scores.summary(self.protocol)
