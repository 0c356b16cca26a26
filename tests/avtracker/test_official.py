"""What the released AVTracker does, case by case."""

import copy
import json
import math

import numpy as np
import pytest

from avis.avtracker.official.grounding import official_iou
from tests import replay as replay_tool
from tests.helpers.golden_avtracker import differences, load
from tests.helpers.replay_units import UNITS, replay_unit
from tests.replay import replay, to_json

PIPELINES = load('pipeline')
SAME = [name for name, case in PIPELINES.items() if case['same_when_corrected']]
EVERYTHING = (
    *('error', 'speech', 'similarity_calls', 'separator_calls', 'vlm_calls', 'windows', 'tracks'),
    *('files', 'parsed_replies', 'fps', 'face_frames', 'face_groups', 'tracker_call'),
)
RESULTS = ('error', 'vlm_calls', 'windows', 'tracks', 'files')


CASES = [(name, case) for name, unit in load('units').items() for case in unit['cases']]


def test_all_cases_are_here():
    assert len(PIPELINES) == 56
    assert set(load('units')) == set(UNITS)
    assert len(UNITS) == 15
    assert len(CASES) == 851
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


@pytest.mark.parametrize(('name', 'case'), CASES, ids=[name for name, _ in CASES])
def test_a_function_does_as_released(name, case):
    got = to_json(replay_unit(name, case))
    want = {key: case[key] for key in got if key in case}
    assert want, 'nothing to compare'
    assert differences(want, {key: got[key] for key in want}) == []
    assert ('error' in got) == ('error' in case)


def test_two_empty_boxes_give_no_number():
    assert math.isnan(official_iou([19, 4, 19, 43], np.array([63, 15, 63, 23], np.float32)))
    with pytest.raises(ZeroDivisionError):
        official_iou([32, 24, 32, 24], np.array([63, 15, 63, 23], np.float32))


BOXES = '{"rationale": "r", "boxes": []}'
NO_BOXES = {'parsed': {'rationale': 'r', 'boxes': []}}
INVALID = {'error': 'ValueError'}


def chunk(text, *timestamp):
    return {'text': text, 'timestamp': list(timestamp)}


@pytest.mark.parametrize(
    ('reply', 'want'),
    {
        # A fence counts whatever is written behind it, and only the first one.
        f'```python\n{BOXES}\n```\nDone {{really}}.': NO_BOXES,
        f'```json\nHere: {BOXES} done\n```\nDone {{really}}.': NO_BOXES,
        f'```\nnothing\n```\n```json\n{BOXES}\n``` {{a}}': INVALID,
        # A Python literal may stand behind blanks, not behind an indented line.
        "  {'rationale': 'r', 'boxes': [],}": NO_BOXES,
        "\n  {'rationale': 'r', 'boxes': [],}": INVALID,
        # Only keys right before their colon get double quotes.
        "{'rationale': null, 'boxes': []}": {'parsed': {'rationale': None, 'boxes': []}},
        "{'rationale' : null, 'boxes' : []}": INVALID,
    }.items(),
)
def test_a_reply_is_read_as_released(reply, want):
    assert replay_unit('parse_reply', {'reply': reply}) == want


@pytest.mark.parametrize(
    ('unit', 'case', 'want'),
    [
        # Blanks of every kind are no letters, but only the plain one is no odd sign.
        (
            'merge_dedup',
            {'chunks': [chunk('a\tb', 0, 1), chunk('ab', 0, 1)]},
            {'out': [chunk('a\tb', 0, 1)]},
        ),
        ('filter_meaningless', {'text': '♪\t♪\t♪\t♪\t♪ab'}, {'kept': False}),
        ('filter_meaningless', {'text': '♪ ♪ ♪ ♪ ♪ab'}, {'kept': True}),
        # A chunk without length ends the search for those that it holds.
        (
            'containment',
            {'chunks': [chunk('ab', 3, 3), chunk('b', 1, 2), chunk('a', 4, 5)]},
            {'out': [chunk('ab', 3, 3), chunk('b', 1, 2), chunk('a', 4, 5)]},
        ),
        (
            'containment',
            {'chunks': [chunk('b', 0, 1), chunk(' ab ', 1, 2)]},
            {'out': [chunk('ab', 0, 2)]},
        ),
        # A window that ends before 0 shows frames, but holds none.
        (
            'window_frames',
            {'start': 0.6, 'end': -0.4, 'fps': 5.0, 'num_frames': 6, 'max_frame_count': 30},
            {'frames_sent': [3], 'frame_indices': [], 'key_frame': 3},
        ),
    ],
)
def test_a_function_does_as_released_off_the_record(unit, case, want):
    assert replay_unit(unit, case) == want


@pytest.mark.parametrize('box', [[0, 0, 2**64, 1], [0, 0, 10**10, 10**10]])
def test_a_box_too_large_for_a_tensor_is_an_error(box):
    with pytest.raises(OverflowError):
        official_iou(box, np.array([0, 0, 9, 9], np.float32))


@pytest.mark.parametrize(
    ('persons', 'error', 'files'),
    [
        ('{"a": [NaN]}', 'TypeError', []),
        ('{"a": [99.5, -1e9]}', None, ['bad/', 'bad/a/']),
        ('{"../up/./x": []}', None, ['bad/', 'up/', 'up/x/']),
        ('{"/x//y/": [], "..": []}', None, ['bad/', 'bad/x/', 'bad/x/y/']),
    ],
)
def test_odd_persons_do_what_they_did(persons, error, files):
    case = PIPELINES['base_bad_global_replies']
    reply = f'{{"rationale": "r", "persons": {persons}}}'
    runs = [{'label': '', 'replace': 'global', 'reply': reply}]
    run = replay({**case, 'runs': runs})['runs'][0]
    assert (run['error'] and run['error']['type']) == error
    assert run['files'] == files


def test_an_unreadable_grouping_leaves_the_windows():
    case = copy.deepcopy(PIPELINES['base_clean'])
    case['inputs']['vlm']['global'] = 'They are all the same.'
    result = replay(case)['expected']
    assert result['error'] == {'type': 'ValueError', 'stage': 'global', 'window': None}
    assert differences(case['expected']['windows'], to_json(result['windows'])) == []
    assert result['tracks'] is None


def test_a_separated_chunk_without_times_ends_a_video():
    case = copy.deepcopy(PIPELINES['sep_clean'])
    case['inputs']['separation'][0]['sources'][0][0]['timestamp'] = None
    error = {'type': 'TypeError', 'stage': 'speech', 'window': None}
    assert replay(case)['expected']['error'] == error
    assert replay(case, 'corrected')['expected']['error'] is None


def test_any_case_file_can_be_replayed(tmp_path, monkeypatch):
    files = {
        'base_clean.json': PIPELINES['base_clean'],
        'compress.json': load('units')['compress'],
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    paths = [str(tmp_path / name) for name in files]
    monkeypatch.setattr('sys.argv', ['replay', *paths, '--out', str(tmp_path / 'out')])
    replay_tool.main()
    video, unit = (json.loads((tmp_path / 'out' / name).read_text()) for name in files)
    expected = PIPELINES['base_clean']['expected']
    for key in ('vlm_calls', 'tracks', 'files'):
        assert video[key] == expected[key]
    assert video['speech']['final'] == expected['speech']['final']
    assert [case.get('out') for case in unit['cases']] == [
        case.get('out') for case in files['compress.json']['cases']
    ]
