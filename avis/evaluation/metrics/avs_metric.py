"""AVSBench-object (S4, MS3): mIoU and F of the sounding objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from avis.evaluation.functional.avsbench import ClipScores, pool_clips, score_clip
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_arrays import frame_flags, predicted_frames, scored_frames
from avis.export.submission import write_probabilities
from avis.registry import METRICS

_NO_FRAMES = score_clip(np.zeros((0, 1, 1)), np.zeros((0, 1, 1)))


@METRICS.register_module()
class AVSMetric(ProtocolMetric):
    """mIoU and F as in :func:`~avis.evaluation.functional.avsbench.pool_clips`.

    ``official`` returns ``avs/miou``, ``avs/F_score`` and, because both depend on it,
    ``avs/batch_size``. ``corrected`` returns ``avs_corrected/miou``, ``avs_corrected/F_score``, and
    ``miou_sounding`` and ``frame_max_F`` over the frames with a sounding object only.

    The evaluation batches are formed from the clips in the order of the data set, so the numbers
    depend neither on the batches of the data loader nor on the number of processes, as long as the
    sampler keeps that order (mmengine's DefaultSampler with ``shuffle=False``).

    Fields of a data sample: ``pred_sem_seg.prob`` (T, H, W) float in [0, 1] or uint8,
    ``gt_sem_seg.sem_seg`` (T, H, W), ``labeled_frames`` (T,), ``valid_frames`` (T,) if present.

    Args:
        batch_size: Clips per evaluation batch of the official protocol; the authors' published
            command uses 4.
        out: Folder to write the predictions to as 8-bit images, ``<video>/<video>_<n>.png``, for
            ``avis.apis.evaluate('avsbench', ...)``; None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'avs'

    def __init__(self, *, batch_size: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pool_clips([], batch_size=batch_size)  # check the value before the test
        self.batch_size = batch_size

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each clip immediately, so that no dense mask is kept after its batch."""
        for sample in data_samples:
            labeled, valid = frame_flags(sample)
            keep = labeled if valid is None else labeled & valid
            if self.out is not None:
                prob = predicted_frames(sample, 'prob', valid)
                write_probabilities(self.out, str(sample['video_name']), prob)
            # One entry per sample, even if empty: mmengine restores the order of the data set over
            # all processes, and drops padding samples, by counting the entries.
            self.results.append(
                score_clip(*scored_frames(sample, 'prob', keep)) if keep.any() else _NO_FRAMES
            )

    def compute_metrics(self, results: list[ClipScores]) -> dict[str, float]:
        """Pool the clips of the data set and log the protocol."""
        scores = pool_clips(results, protocol=self.protocol, batch_size=self.batch_size)
        frames = sum(len(clip.jaccard) for clip in results)
        batch = f', evaluation batch {self.batch_size}' if self.protocol == 'official' else ''
        print_log(f'AVSBench, {self.protocol} protocol{batch}: {frames} frames', logger='current')
        summary = scores.summary(self.protocol)
        if self.protocol == 'official':
            return {**summary, 'batch_size': self.batch_size}
        return summary
