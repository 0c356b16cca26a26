"""Single functions of the official AVTracker on recorded inputs, by the name of the unit file."""

import itertools
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np

from avis.avtracker.asr.segments import limit_repeats, sample_range
from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.avtracker.official import segments as speech
from avis.avtracker.official.grounding import OfficialVLMGrounding, official_iou
from avis.avtracker.official.identity import group_by_first
from avis.avtracker.official.replies import parse_reply
from avis.avtracker.official.tracks import official_masks, official_window
from avis.avtracker.vlm.replay import ReplayVLM
from avis.avtracker.windows import SpeechWindow, round_half_up
from avis.structures.media import NO_DETECTIONS, Waveform
from tests.helpers.golden_avtracker import RecordedSpeech
from tests.helpers.replay_parts import ReplayFrames

Case = dict[str, Any]
NOBODY = '{"rationale": "", "boxes": []}'


def replay_unit(name: str, case: Case) -> Case:
    """The result of our function for a case, in the keys of its results.

    Args:
        name: Name of the unit file, such as ``compress``.
        case: One entry of its ``cases``.
    """
    return UNITS[PurePath(name).stem](case)


def _attempt(key: str, function: Callable[[], Any]) -> Case:
    """The result under its key, or the type of the error."""
    try:
        return {key: function()}
    except Exception as error:
        return {'error': type(error).__name__}


def _out(function: Callable[[Case], Any], key: str = 'out') -> Callable[[Case], Case]:
    return lambda case: _attempt(key, lambda: function(case))


def _timestamp(case: Case) -> list[float] | None:
    times = speech.usable_timestamp(case['timestamp'], case['audio_seconds'])
    return None if times is None else list(times)


def _compress(case: Case) -> Case:
    recorded = RecordedSpeech(case)
    result = _attempt(
        'out',
        lambda: speech.compress(
            case['chunks'],
            seconds=recorded.seconds,
            threshold=case['threshold'],
            similarity=recorded.similarity,
        ),
    )
    return {**result, 'similarity_calls': recorded.calls}


def _slice(case: Case) -> Case:
    first, last = sample_range(
        case['start'], case['end'], samples=case['num_samples'], sample_rate=case['sample_rate']
    )
    return {'first': first if last > first else None, 'count': last - first}


def _iou(case: Case) -> Case:
    result = _attempt('iou', lambda: official_iou(case['a'], case['b']))
    single = _attempt('value', lambda: official_iou(case['a'], np.array(case['b'], np.float32)))
    return {**result, 'b_as_float32_tensor': single.get('value', single.get('error'))}


def _groups(embeddings: list[Any], threshold: float) -> dict[str, list[int]]:
    groups = group_by_first([np.array(row, float) for row in embeddings], threshold)
    return {str(number): group for number, group in groups.items()}


def _pairing(case: Case) -> dict[str, list[int]]:
    return _groups([face for frame in case['faces_per_key_frame'] for face in frame], 0.6)


def _patches(case: Case) -> list[list[str]]:
    """Parts of the unfinished videos, in order; avis shares videos differently (D4, D6, D10)."""
    left = [
        video
        for video in case['videos']
        if (case['subset'] is None or video in case['subset'])
        and video not in case['output_folders_present']
        and video in case['videos_with_annotations']
    ]
    count = case['patch_counts']
    ends = [len(left) * index // count for index in range(count + 1)]
    return [left[start:stop] for start, stop in itertools.pairwise(ends)]


def _window(case: Case) -> Case:
    """One window over frames without detections."""
    count = case['num_frames']
    frames = ReplayFrames('v', count, (8, 8), case['fps'])
    video = VideoContext(
        'v', frames, Waveform(np.zeros(0, np.float32), 16000), [NO_DETECTIONS] * count
    )
    asked: list[SpeechWindow] = []

    def queries() -> Any:
        chunk = {'text': 'x', 'timestamp': [case['start'], case['end']]}
        sizes: Any = {'fps': case['fps'], 'max_frames': case['max_frame_count']}
        asked.append(official_window(0, chunk, num_frames=count, **sizes))
        query: LocalQuery = asked[0].query
        yield query

    grounding = OfficialVLMGrounding(model=ReplayVLM(replies={'v/local/0': [NOBODY]}))
    result = _attempt('answers', lambda: list(grounding.ground(video, queries())))
    sent = {'frames_sent': list(asked[0].query.frame_ids) if asked else None}
    if 'error' in result:
        return {**sent, **result}
    masks = official_masks(video, asked[0], result['answers'][0])
    window = {'frame_indices': list(asked[0].frame_ids), 'key_frame': masks.utterance.key_frame}
    return {**sent, **window}


UNITS: dict[str, Callable[[Case], Case]] = {
    'timestamps': _out(_timestamp),
    'truncate_text': _out(lambda case: limit_repeats(case['text'], case['max_repeat'])),
    'filter_meaningless': _out(lambda case: speech.is_meaningful(case['text']), 'kept'),
    'merge_dedup': _out(lambda case: speech.merge_repeats(case['chunks'])),
    'containment': _out(lambda case: speech.join_contained(case['chunks'])),
    'same_timestamp': _out(lambda case: speech.join_same_times(case['chunks'])),
    'compress': _compress,
    'slice_audio': _slice,
    'parse_reply': _out(lambda case: parse_reply(case['reply']), 'parsed'),
    'iou': _iou,
    'round_half_up': _out(lambda case: round_half_up(case['x'], case['n'])),
    'face_clustering': _out(lambda case: _groups(case['embeddings'], case['threshold']), 'groups'),
    'face_pairing': _out(_pairing, 'groups'),
    'splitting_and_resume': _out(_patches, 'patches'),
    'window_frames': _window,
}
