"""Convert the prediction of any model to a VideoResult, from which all outputs are made."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.structures import InstanceData

from avis.engine.class_tracks import class_tracks_of
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.structures.video_result import TrackResult, Utterance, VideoResult


def to_video_result(
    record: VideoRecord,
    sample: AVDataSample,
    classes: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> VideoResult:
    """Convert a prediction to the structure that result files, videos and reports show.

    Tracks are numbered from 1 in the order of their ids. Those of a model that recognizes speech
    are called 'Speaker 1', those of a semantic model by their class, others by class and number.

    Args:
        record: Record of the video.
        sample: Sample of the whole video with ``pred_tracks`` or ``pred_sem_seg``, and in its
            metainfo optionally ``transcript``, as
            :class:`~avis.avtracker.model.AVTracker` returns it, ``warnings``, sentences for the
            user, and ``semantic``, True if each track is a class.
        classes: Names of the classes; empty if unknown.
        settings: What the result depends on; JSON values.
        warnings: Sentences for the user, added to those of the record and the sample.
    """
    semantic = sample.get('semantic', 'pred_tracks' not in sample)
    found = sample.pred_tracks if 'pred_tracks' in sample else class_tracks_of(sample)
    speakers = 'transcript' in sample
    sentences = [*record.get('warnings', ()), *sample.get('warnings', ()), *warnings]
    numbers = {each: number for number, each in enumerate(sorted(found.ids.tolist()), start=1)}
    utterances = [
        Utterance(float(said['start']), float(said['end']), said['text'], numbers.get(said['id']))
        for said in sample.get('transcript', ())
    ]
    return VideoResult(
        name=record['video_name'],
        fps=float(record['fps']),
        length=record['length'],
        height=int(sample.ori_shape[0]),
        width=int(sample.ori_shape[1]),
        tracks=sorted(
            _tracks(found, numbers, classes, semantic=semantic, speakers=speakers),
            key=lambda track: track.id,
        ),
        utterances=sorted(utterances, key=lambda said: (said.start, said.end)),
        settings=dict(settings or {}),
        warnings=list(dict.fromkeys(sentences)),
    )


def _tracks(
    found: InstanceData,
    numbers: Mapping[int, int],
    classes: Sequence[str],
    *,
    semantic: bool,
    speakers: bool,
) -> Iterator[TrackResult]:
    """Yield the tracks; without ``visible_masks`` an instance sounds wherever it has a mask."""
    fields = zip(
        found.ids.tolist(),
        found.labels.tolist(),
        found.scores.tolist(),
        found.masks,
        found.get('visible_masks', found.masks),
        strict=True,
    )
    for each, label, score, masks, visible in fields:
        number = numbers[each]
        class_name = classes[label] if label < len(classes) else None
        shown = class_name or f'class {label}'
        name = f'Speaker {number}' if speakers else shown if semantic else f'{shown} {number}'
        yield TrackResult(
            id=number,
            name=name,
            masks=visible,
            sounding=np.array([rle is not None for rle in masks.rles], bool),
            label=label,
            class_name=class_name,
            score=float(np.clip(score, 0, 1)),
        )
