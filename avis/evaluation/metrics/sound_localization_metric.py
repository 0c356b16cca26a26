"""Sound source localization: cIoU and AUC beside those of trivial answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from avis.evaluation.functional.sound_localization import (
    LocalizedClip,
    Map,
    Variant,
    gt_map,
    localize_clip,
    pool_localized,
)
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.export.submission import write_heat_map
from avis.registry import METRICS

_RESULT = 'heat_map'


@METRICS.register_module()
class SoundLocalizationMetric(ProtocolMetric):
    """cIoU@0.5, AUC and mean cIoU of all clips, as fractions.

    Returns ``vggss/cIoU@0.5``, ``vggss/AUC`` and ``vggss/mean_cIoU``, or with the prefix
    ``vggss_corrected``; the same of trivial answers, ``center_box_...`` and ``whole_image_...``,
    and of further maps of the prediction, ``prior_map_...`` for example; ``clips``, and if the data
    set states how many are published, ``coverage``, the share of them that is scored: a score of
    fewer clips is not one of the data set. Silent pairs of the extended sets are not scored here,
    see the benchmark ``vggss``.

    Fields of a data sample: ``pred_heat_map``, and in the metainfo ``source_boxes`` or
    ``annotator_boxes``, (N, 4). A sample that replaces a broken clip is not counted.

    Args:
        variant: How a map becomes a mask: that of ``'ez_vsl'``, ``'lvs'`` or ``'slavc'``.
        protocol: ``'official'`` or ``'corrected'``, see
            :func:`~avis.evaluation.functional.sound_localization.count_clip`.
        out: Folder to write the maps to, ``<video_name>.npy``, for
            ``avis.apis.evaluate('vggss', ...)``; None writes nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'vggss'

    def __init__(self, *, variant: Variant = 'ez_vsl', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variant = variant

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each clip at once, so that no map outlives its batch."""
        for sample in data_samples:
            # One entry per sample: mmengine drops padding samples by counting them.
            broken = sample.get('broken') or sample['attributes'].get('sounding') is False
            self.results.append(None if broken else self._score(sample))

    def _score(self, sample: dict[str, Any]) -> dict[str, LocalizedClip]:
        gt, maps = _gt_map(sample), _maps(sample)
        if self.out is not None:
            write_heat_map(self.out, str(sample['video_name']), maps[_RESULT])
        return {
            name: localize_clip(heat_map, gt, variant=self.variant, protocol=self.protocol)
            for name, heat_map in maps.items()
        }

    def compute_metrics(self, results: list[dict[str, LocalizedClip] | None]) -> dict[str, float]:
        """Pool all clips, and log how many of the published ones there are."""
        clips = [clip for clip in results if clip is not None]
        if not clips:
            raise ValueError('SoundLocalizationMetric: expected clips with a heat map, got none')
        scores = pool_localized([clip[_RESULT] for clip in clips], protocol=self.protocol)
        for name in clips[0]:
            if name != _RESULT:
                part = pool_localized([clip[name] for clip in clips], protocol=self.protocol)
                scores |= {f'{name}_{key}': part[key] for key in ('cIoU@0.5', 'AUC', 'mean_cIoU')}
        scores['clips'] = len(clips)
        published = (self.dataset_meta or {}).get('published')
        text = f'{len(clips)} clips'
        if published:
            scores['coverage'] = len(clips) / published
            text += f' of {published} published ones ({scores["coverage"]:.1%})'
            if len(clips) < published:
                text += ': a part of the data set, which does not compare with published scores'
        print_log(
            f'vggss, variant {self.variant}, {self.protocol} protocol: {text}', logger='current'
        )
        return scores


def _gt_map(sample: dict[str, Any]) -> Map:
    annotators = 'annotator_boxes' in sample
    boxes = sample.get('annotator_boxes' if annotators else 'source_boxes')
    if boxes is None:
        raise ValueError(
            f'{sample.get("video_name")!r}: expected source_boxes or annotator_boxes in the data '
            f'sample, got none; use a data set such as VGGSS, and PackAVInputs'
        )
    return gt_map(np.asarray(boxes).tolist(), annotators=annotators)


def _maps(sample: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The maps of the one frame by name, (h, w) each."""
    fields = sample['pred_heat_map']
    return {name: fields[name][0].float().cpu().numpy() for name in fields}
