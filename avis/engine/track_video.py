"""Write a video with the predicted instances of a data sample."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.structures import InstanceData

from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.structures.video_result import TrackResult, VideoResult
from avis.visualization.annotated_video import write_annotated_video


def write_track_video(
    path: str | Path,
    record: VideoRecord,
    sample: AVDataSample,
    *,
    classes: Sequence[str] = (),
    gt: bool = False,
) -> None:
    """Write a video with the masks of ``pred_tracks``, one color per identity.

    See :func:`~avis.visualization.annotated_video.write_annotated_video`. An instance sounds where
    it has a mask; where it has one of its ``visible_masks`` only, it is silent.

    Args:
        path: Path of the MP4 file.
        record: Record of the video.
        sample: Sample of the whole video; ``frame_ids`` are the indices of its frames.
        classes: Names of the classes; without them, their indices are shown.
        gt: Show ``gt_tracks`` beside the prediction, if the sample has it.
    """
    frame_ids = np.asarray(sample.get('frame_ids', range(record['length'])))
    has_gt = gt and 'gt_tracks' in sample
    write_annotated_video(
        path,
        record,
        _to_result(record, sample.pred_tracks, len(frame_ids), classes),
        gt=_to_result(record, sample.gt_tracks, len(frame_ids), classes) if has_gt else None,
        frame_ids=frame_ids,
    )


def _to_result(
    record: VideoRecord, tracks: InstanceData, length: int, classes: Sequence[str]
) -> VideoResult:
    found = []
    fields = zip(
        tracks.ids.tolist(),
        tracks.labels.tolist(),
        tracks.masks,
        tracks.get('visible_masks', tracks.masks),
        strict=True,
    )
    for number, label, masks, visible in fields:
        name = f'{classes[label] if classes else f"class {label}"} {number}'
        sounding = np.array([rle is not None for rle in masks.rles], bool)
        found.append(TrackResult(number, name, visible, sounding, label))
    return VideoResult(
        name=record['video_name'],
        fps=float(record['fps']),
        length=length,
        height=record['height'],
        width=record['width'],
        tracks=found,
    )
