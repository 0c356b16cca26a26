"""What the released AVTracker does, case by case."""

import json
import math

import numpy as np
import pytest

from avis.datasets.samplers.official_patches import official_patch
from avis.models.agents import official_speech as speech
from avis.models.agents.boxes import official_iou
from avis.models.agents.contract import FrameDetections, Video, Waveform
from avis.models.agents.embedding_identity import official_groups
from avis.models.agents.grounding import VLMGrounding
from avis.models.agents.official_replies import parse_reply
from avis.models.agents.replay import ReplayChat
from avis.models.agents.tracks import official_spoken
from avis.models.agents.windows import Window, official_window, round_half_up
from tests.golden_avtracker import RecordedVoices, differences, load
from tests.replay import replay, to_json
from tests.replay_parts import ReplayFrames

PIPELINES = load('pipeline')
SAME = [name for name, case in PIPELINES.items() if case['same_when_corrected']]
EVERYTHING = (
    *('error', 'speech', 'similarity_calls', 'separator_calls', 'vlm_calls', 'windows', 'tracks'),
    *('files', 'parsed_replies', 'fps', 'face_frames', 'face_groups', 'tracker_call'),
)
RESULTS = ('error', 'vlm_calls', 'windows', 'tracks', 'files')


EMPTY = '{"rationale": "", "boxes": []}'


def unit(name):
    return pytest.mark.parametrize('case', load('units')[name]['cases'])


def outcome(function):
    """The value, or the type of the error."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__


def wanted(case, key='out'):
    return case['error'] if 'error' in case else case[key]


def test_all_cases_are_here():
    assert len(PIPELINES) == 56
    assert len(load('units')) == 15
    assert len(SAME) == 10


@pytest.mark.parametrize('name', PIPELINES)
def test_a_video_goes_through_as_released(name):
    case = PIPELINES[name]
    result = to_json(replay(case))
    want = {key: case['expected'][key] for key in EVERYTHING if key in case['expected']}
    got = {key: result['expected'][key] for key in EVERYTHING if key in result['expected']}
    for side in (want, got):
        side['files'] = sorted(side['files'])
    if 'tracker_call' in want:
        want['tracker_call'] = {key: want['tracker_call'][key] for key in got['tracker_call']}
    assert differences(want, got) == []


@pytest.mark.parametrize('name', [name for name in PIPELINES if 'runs' in PIPELINES[name]])
def test_a_bad_reply_does_what_it_did(name):
    case = PIPELINES[name]
    for want, got in zip(case['runs'], to_json(replay(case))['runs'], strict=True):
        want, got = ({**run, 'files': sorted(run['files'])} for run in (want, got))
        assert differences(want, got, want['label']) == []


@pytest.mark.parametrize('name', SAME)
def test_a_clean_video_gives_the_same_when_corrected(name):
    case = PIPELINES[name]
    result = to_json(replay(case, 'corrected'))['expected']
    want = {key: case['expected'][key] for key in RESULTS}
    got = {key: result[key] for key in RESULTS}
    want['final'], got['final'] = (side['speech']['final'] for side in (case['expected'], result))
    for side in (want, got):
        side['files'] = sorted(side['files'])
    assert differences(want, got) == []


@pytest.mark.parametrize('name', PIPELINES)
def test_no_recorded_case_ends_a_corrected_video(name):
    case = PIPELINES[name]
    result = replay(case, 'corrected', bounds=True)
    assert result['expected']['error'] is None
    for run in result.get('runs', []):
        assert run['error'] is None, run['label']
        for track in run['tracks']:
            assert len(track['track']) == case['inputs']['frames']['count']


@unit('timestamps')
def test_timestamps(case):
    got = outcome(lambda: speech.usable_timestamp(case['timestamp'], case['audio_seconds']))
    assert (list(got) if isinstance(got, tuple) else got) == wanted(case)


@unit('truncate_text')
def test_runs_of_a_character(case):
    assert speech.cut_runs(case['text'], case['max_repeat']) == case['out']


@unit('filter_meaningless')
def test_filter(case):
    assert speech.is_meaningful(case['text']) is case['kept']


@unit('merge_dedup')
def test_merging_repeats(case):
    assert outcome(lambda: speech.merge_repeats(case['chunks'])) == wanted(case)


@unit('containment')
def test_containment(case):
    assert outcome(lambda: speech.join_contained(case['chunks'])) == wanted(case)


@unit('same_timestamp')
def test_same_timestamp(case):
    assert outcome(lambda: speech.join_same_times(case['chunks'])) == wanted(case)


@unit('slice_audio')
def test_slices_of_sound(case):
    first, last = speech.sample_range(
        case['start'], case['end'], samples=case['num_samples'], sample_rate=case['sample_rate']
    )
    assert last - first == case['count']
    assert case['first'] is None or first == case['first']


@unit('compress')
def test_compression(case):
    voices = RecordedVoices(case)
    got = outcome(
        lambda: speech.compress(
            case['chunks'],
            seconds=voices.seconds,
            threshold=case['threshold'],
            similarity=voices.similarity,
        )
    )
    assert got == wanted(case)
    assert differences(case['similarity_calls'], voices.calls) == []


@unit('parse_reply')
def test_parsing(case):
    got = outcome(lambda: json.loads(json.dumps(parse_reply(case['reply']))))
    assert got == wanted(case, 'parsed')


@unit('iou')
def test_overlap_of_boxes(case):
    got = outcome(lambda: official_iou(case['a'], np.array(case['b'], np.float32)))
    want = case['b_as_float32_tensor']
    assert got == want if isinstance(want, str) else got == pytest.approx(want, abs=2e-6)


@unit('round_half_up')
def test_rounding(case):
    assert round_half_up(case['x'], case['n']) == case['out']


@unit('face_clustering')
def test_face_clustering(case):
    groups = official_groups([np.array(row) for row in case['embeddings']], case['threshold'])
    assert {str(number): group for number, group in groups.items()} == case['groups']


@unit('face_pairing')
def test_face_pairing(case):
    faces = [np.array(face) for frame in case['faces_per_key_frame'] for face in frame]
    groups = official_groups(faces, 0.6)
    assert {str(number): group for number, group in groups.items()} == case['groups']


@unit('splitting_and_resume')
def test_splitting(case):
    parts = [
        official_patch(
            case['videos'],
            index=index,
            count=case['patch_counts'],
            annotated=case['videos_with_annotations'],
            finished=case['output_folders_present'],
            subset=case['subset'],
        )
        for index in range(case['patch_counts'])
    ]
    assert parts == case['patches']


def empty_video(num_frames, fps):
    frames = ReplayFrames('v', num_frames, (8, 8), fps)
    nothing = FrameDetections(np.zeros(0, int), np.zeros(0), np.zeros((0, 4), np.float32), [])
    return Video('v', frames, Waveform(np.zeros(0, np.float32), 16000), [nothing] * num_frames)


@unit('window_frames')
def test_windows(case):
    video = empty_video(case['num_frames'], case['fps'])
    asked: list[Window] = []

    def questions():
        chunk = {'text': 'x', 'timestamp': [case['start'], case['end']]}
        asked.append(
            official_window(
                0,
                chunk,
                fps=case['fps'],
                max_frames=case['max_frame_count'],
                num_frames=case['num_frames'],
            )
        )
        yield asked[0].question

    grounding = VLMGrounding(model=ReplayChat(replies={'v/local/0': [EMPTY]}))
    grounding.protocol = 'official'
    answers = outcome(lambda: list(grounding.ground(video, questions())))
    sent = list(asked[0].question.frame_ids) if asked else None
    assert sent == case['frames_sent']
    if 'error' in case:
        assert answers == case['error']
    else:
        spoken = official_spoken(video, asked[0], answers[0])
        assert list(asked[0].frame_ids) == case['frame_indices']
        assert spoken.utterance.key_frame == case['key_frame']


def test_two_empty_boxes_give_no_number():
    assert math.isnan(official_iou([19, 4, 19, 43], np.array([63, 15, 63, 23], np.float32)))
    with pytest.raises(ZeroDivisionError):
        official_iou([32, 24, 32, 24], np.array([63, 15, 63, 23], np.float32))
