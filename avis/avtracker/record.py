"""The record of a video: speech, queries, replies, matches and decisions, with reasons."""

from typing import Any

from avis.avtracker.tracked_video import TrackedVideo
from avis.avtracker.tracks import SegmentMasks
from avis.structures.media_time import frame_time


def to_record(done: TrackedVideo, *, protocol: str, settings: Any) -> dict[str, Any]:
    """Everything known of a video, JSON-ready; docs/avtracker.md describes the keys.

    Args:
        done: The video.
        protocol: Name of the strategy.
        settings: The components and their settings.
    """
    failure = done.failure
    error = None
    if failure is not None:
        kind, text = type(failure.cause).__name__, str(failure.cause)
        error = {
            'type': kind,
            'message': text,
            'stage': failure.stage,
            'window': failure.window,
        }
    return {
        'video': done.name,
        'protocol': protocol,
        'frames': done.num_frames,
        'size': list(done.size),
        'fps': done.fps,
        'seconds': frame_time(done.num_frames, done.fps) if done.fps else 0.0,
        'audio_seconds': done.seconds,
        'speech': done.speech.to_json(),
        'windows': [_window(done, number) for number in range(len(done.windows))],
        'grouping': None
        if done.grouping is None
        else {
            'persons': [[name, windows] for name, windows in done.grouping.persons.items()],
            'reason': done.grouping.reason,
            'record': done.grouping.record,
        },
        'persons': [
            {'number': person.number, 'name': person.name, 'windows': person.windows}
            for person in done.persons
        ],
        'counts': dict(done.counts),
        'stages': done.profiler.stages,
        'error': error,
        'settings': settings,
    }


def _window(done: TrackedVideo, number: int) -> dict[str, Any]:
    """A window, as far as it was processed."""
    window = done.windows[number]
    entry: dict[str, Any] = {
        'window': window.query.window,
        'text': window.query.text,
        'timestamp': list(window.query.timestamp),
        'frames_asked': list(window.query.frame_ids),
        'frame_ids': list(window.frame_ids),
    }
    if number < len(done.answers):
        answer = done.answers[number]
        entry |= {'reason': answer.reason, 'record': answer.record}
    if number < len(done.masks):
        entry |= _masks(done.masks[number])
    return entry


def _masks(masks: SegmentMasks) -> dict[str, Any]:
    return {
        'rows': masks.utterance.rows,
        'areas': masks.areas,
        'key_frame': masks.utterance.key_frame,
    }
