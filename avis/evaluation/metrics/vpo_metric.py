"""VPO and the per-data-set protocol of CAVP: mIoU, F and false discovery rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from avis.evaluation.functional.array_types import IntArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.vpo import NUM_VPO_CLASSES, count_confusion, score_with_trivial
from avis.evaluation.metrics.sample_arrays import frame_flags, predicted_frames, scored_frames
from avis.export.submission import write_label_png
from avis.registry import METRICS


@METRICS.register_module()
class VPOMetric(BaseMetric):
    """Scores of :func:`~avis.evaluation.functional.vpo.score_with_trivial`, ``vpo/miou`` and so on.

    The labels are class indices: of the pixels of the data set both protocols count the same, those
    of ``avis.apis.evaluate('vpo', ...)`` from the files differ.

    Fields of a data sample: ``pred_sem_seg.sem_seg`` (T, H, W), ``gt_sem_seg.sem_seg`` (T, H, W),
    255 is ignored, ``labeled_frames`` (T,).

    Args:
        protocol: ``'official'`` or ``'corrected'``.
        num_classes: Number of classes, background included.
        out: Folder to write the predictions to, ``<video>.png``, for
            ``avis.apis.evaluate('vpo', ...)``; of a clip of several frames ``<video>/<n>.png``.
            None writes nothing.
        prefix: Prefix of the keys; by default ``vpo`` or ``vpo_corrected``.
        collect_device: Device on which results of several processes are gathered, ``'cpu'`` or
            ``'gpu'``.
    """

    def __init__(
        self,
        *,
        protocol: EvalProtocol = 'official',
        num_classes: int = NUM_VPO_CLASSES,
        out: str | None = None,
        prefix: str | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        check_protocol(protocol)
        self.protocol = protocol
        self.num_classes = num_classes
        self.out = None if out is None else Path(out)
        default = 'vpo' if protocol == 'official' else f'vpo_{protocol}'
        super().__init__(collect_device=collect_device, prefix=prefix or default)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of each clip."""
        for sample in data_samples:
            labeled, _ = frame_flags(sample)
            if self.out is not None:
                labels = predicted_frames(sample, 'sem_seg', None).astype('uint8')
                name = str(sample['video_name'])
                names = [name] if len(labels) == 1 else [f'{name}/{n}' for n in range(len(labels))]
                for name, image in zip(names, labels, strict=True):
                    write_label_png(self.out / f'{name}.png', image)
            # One entry per sample, even if empty: mmengine drops padding samples by counting.
            pair = scored_frames(sample, 'sem_seg', labeled)
            self.results.append(count_confusion(*pair, num_classes=self.num_classes))

    def compute_metrics(self, results: list[IntArray]) -> dict[str, float]:
        """Score the images of the data set."""
        return score_with_trivial(results, protocol=self.protocol)
