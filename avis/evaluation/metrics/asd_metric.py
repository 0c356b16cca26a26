"""AVA-ActiveSpeaker: average precision of "speaks audibly", F1 per speaker, and the csv file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from avis.evaluation.functional.active_speaker import average_precision, f1_by_speaker
from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.registry import METRICS
from avis.utils.ava_csv import SPEECH_LABELS, write_face_rows


@dataclass(frozen=True)
class _ScoredTrack:
    """One face track: its video and entity, and T frames; ``speaking`` is None without labels."""

    video: str
    entity: str
    speaker: str
    times: FloatArray
    boxes: FloatArray
    scores: FloatArray
    speaking: BoolArray | None


@METRICS.register_module()
class ASDMetric(ProtocolMetric):
    """Average precision of all frames of all face tracks, in 0..1.

    Returns ``ava/average_precision`` or ``ava_corrected/average_precision``, see
    :func:`~avis.evaluation.functional.active_speaker.average_precision`; and ``F1``, the mean over
    speakers of :func:`~avis.evaluation.functional.active_speaker.f1_by_speaker`, if the tracks have
    the attribute ``speaker``.

    Fields of a data sample: ``pred_speaking`` (T,), ``gt_speaking`` (T,) if the labels are known,
    and in the metainfo ``video_name``, ``frame_times`` (T,), ``face_boxes`` (T, 4) and
    ``attributes`` with ``entity``. A sample that replaces a broken track is not counted.

    Args:
        protocol: ``'official'`` or ``'corrected'``; they differ for equal scores only.
        threshold: Score above which a face counts as speaking, for F1.
        out: csv file to write the scores to, in the submission format of the benchmark; None writes
            nothing.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    default_prefix = 'ava'

    def __init__(self, *, threshold: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the scores and labels of each track."""
        for sample in data_samples:
            # One entry per sample: mmengine drops padding samples by counting them.
            self.results.append(None if sample.get('broken') else _scored_track(sample))

    def compute_metrics(self, results: list[_ScoredTrack | None]) -> dict[str, float]:
        """Score all tracks together, and write the file."""
        tracks = [track for track in results if track is not None]
        if self.out is not None and is_main_process():
            write_face_rows(self.out, (row for track in tracks for row in _csv_rows(track)))
        labeled = [track for track in tracks if track.speaking is not None]
        rows = sum(len(track.scores) for track in labeled)
        print_log(
            f'ava, {self.protocol} protocol: {rows} faces of {len(labeled)} of {len(results)} '
            f'tracks have labels',
            logger='current',
        )
        if not labeled:
            return {}
        scores = np.concatenate([track.scores for track in labeled])
        speaking = np.concatenate([track.speaking for track in labeled])
        value = average_precision(scores, speaking, protocol=self.protocol)
        found = {'average_precision': value}
        known = [track for track in labeled if track.speaker]
        if known:
            by_speaker = f1_by_speaker(
                np.concatenate([track.scores for track in known]) > self.threshold,
                np.concatenate([track.speaking for track in known]),
                [track.speaker for track in known for _ in track.scores],
            )
            found['F1'] = float(np.mean(list(by_speaker.values())))
        return found


def _scored_track(sample: dict[str, Any]) -> _ScoredTrack:
    scores = sample['pred_speaking'].cpu().double().numpy()
    labels = sample.get('gt_speaking')
    attributes = sample['attributes']
    return _ScoredTrack(
        video=str(sample['video_name']),
        entity=attributes['entity'],
        speaker=attributes.get('speaker', ''),
        times=np.asarray(sample['frame_times']),
        boxes=np.asarray(sample['face_boxes']),
        scores=scores,
        speaking=None if labels is None else labels.cpu().numpy() == 1,
    )


def _csv_rows(track: _ScoredTrack) -> list[list[object]]:
    columns = zip(track.times.tolist(), track.boxes.tolist(), track.scores.tolist(), strict=True)
    return [
        [track.video, time, *box, SPEECH_LABELS[1], track.entity, score]
        for time, box, score in columns
    ]
