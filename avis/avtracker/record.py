"""The record of a video: what was heard, asked, replied, matched and decided, and why."""

from typing import Any

from avis.avtracker.pipeline import TrackedVideo
from avis.avtracker.tracks import SegmentMasks


def to_record(done: TrackedVideo, *, protocol: str, settings: Any) -> dict[str, Any]:
    """Everything that is known of a video, JSON-ready; docs/avtracker.md tells the keys.

    Args:
        done: The video.
        protocol: Which behavior made it.
        settings: The parts and their settings, described.
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
        'seconds': done.num_frames / done.fps if done.fps else 0.0,
        'audio_seconds': done.seconds,
        'speech': done.speech.to_json(),
        'windows': [_asked(done, number) for number in range(len(done.windows))],
        'grouping': None
        if done.grouping is None
        else {
            'persons': [[name, where] for name, where in done.grouping.persons.items()],
            'reason': done.grouping.reason,
            'record': done.grouping.record,
        },
        'persons': [
            {'number': person.number, 'name': person.name, 'windows': person.windows}
            for person in done.persons
        ],
        'counts': dict(done.counts),
        'stages': done.clock.stages,
        'error': error,
        'settings': settings,
    }


def _asked(done: TrackedVideo, number: int) -> dict[str, Any]:
    """A window as far as it came."""
    window = done.windows[number]
    entry: dict[str, Any] = {
        'window': window.question.window,
        'text': window.question.text,
        'timestamp': list(window.question.timestamp),
        'frames_asked': list(window.question.frame_ids),
        'frame_ids': list(window.frame_ids),
    }
    if number < len(done.answers):
        answer = done.answers[number]
        entry |= {'reason': answer.reason, 'record': answer.record}
    if number < len(done.spoken):
        entry |= _seen(done.spoken[number])
    return entry


def _seen(spoken: SegmentMasks) -> dict[str, Any]:
    return {
        'rows': spoken.utterance.rows,
        'areas': spoken.areas,
        'key_frame': spoken.utterance.key_frame,
    }
