"""VPO and the per-data-set protocol of CAVP: mIoU, F and false discovery rate."""

from collections.abc import Sequence
from typing import Any

from avis.evaluation.functional.array_types import IntArray
from avis.evaluation.functional.vpo import NUM_VPO_CLASSES, count_confusion, score_with_trivial
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_arrays import frame_flags, predicted_frames, scored_frames
from avis.export.submission import write_label_png
from avis.registry import METRICS
from avis.utils.file_names import path_inside


@METRICS.register_module()
class VPOMetric(ProtocolMetric):
    """Scores of :func:`~avis.evaluation.functional.vpo.score_with_trivial`, ``vpo/miou`` and so on.

    The labels are class indices: of the pixels of the data set both protocols count the same, those
    of ``avis.apis.evaluate('vpo', ...)`` from the files differ.

    Fields of a data sample: ``pred_sem_seg.sem_seg`` (T, H, W), ``gt_sem_seg.sem_seg`` (T, H, W),
    255 is ignored, ``labeled_frames`` (T,).

    Args:
        num_classes: Number of classes, background included.
        out: Folder to write the predictions to, ``<video>.png``, for
            ``avis.apis.evaluate('vpo', ...)``; of a clip of several frames ``<video>/<n>.png``.
            None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'vpo'

    def __init__(self, *, num_classes: int = NUM_VPO_CLASSES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Count the pixels of each clip."""
        for sample in data_samples:
            labeled, _ = frame_flags(sample)
            if self.out is not None:
                labels = predicted_frames(sample, 'sem_seg', None).astype('uint8')
                name = str(sample['video_name'])
                names = [name] if len(labels) == 1 else [f'{name}/{n}' for n in range(len(labels))]
                for name, image in zip(names, labels, strict=True):
                    write_label_png(path_inside(self.out, f'{name}.png'), image)
            # One entry per sample, even if empty: mmengine drops padding samples by counting.
            pair = scored_frames(sample, 'sem_seg', labeled)
            self.results.append(count_confusion(*pair, num_classes=self.num_classes))

    def compute_metrics(self, results: list[IntArray]) -> dict[str, float]:
        """Score the images of the data set."""
        return score_with_trivial(results, protocol=self.protocol)
