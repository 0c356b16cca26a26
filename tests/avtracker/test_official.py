"""The official behavior of AVTracker equals recordings of the official code."""

import copy
import json
import math
from functools import cache

import numpy as np
import pytest

from avis.avtracker.official.grounding import official_iou
from tests import replay as replay_tool
from tests.helpers.golden_avtracker import differences, load
from tests.helpers.replay_units import UNITS, replay_unit
from tests.replay import replay, replay_once, to_json

PIPELINES = load('pipeline')
SAME = [name for name, case in PIPELINES.items() if case['same_when_corrected']]
EVERYTHING = (
    *('error', 'speech', 'similarity_calls', 'separator_calls', 'vlm_calls', 'windows', 'tracks'),
    *('files', 'parsed_replies', 'fps', 'face_frames', 'face_groups', 'tracker_call'),
)
RESULTS = ('error', 'vlm_calls', 'windows', 'tracks', 'files')


CASES = [(name, case) for name, unit in load('units').items() for case in unit['cases']]


def test_all_recorded_cases_exist():
    assert len(PIPELINES) == 56
    assert set(load('units')) == set(UNITS)
    assert len(UNITS) == 15
    assert len(CASES) == 851
    assert len(SAME) == 10


@cache
def official(name):
    """The result of the official protocol; not to be changed."""
    return to_json(replay(PIPELINES[name]))


@pytest.mark.parametrize('name', PIPELINES)
def test_official_videos_equal_the_recordings(name):
    case = PIPELINES[name]
    result = copy.deepcopy(official(name))
    want = {key: case['expected'][key] for key in EVERYTHING if key in case['expected']}
    got = {key: result['expected'][key] for key in EVERYTHING if key in result['expected']}
    for side in (want, got):
        side['files'] = sorted(side['files'])
    if 'tracker_call' in want:
        want['tracker_call'] = {key: want['tracker_call'][key] for key in got['tracker_call']}
    assert differences(want, got) == []


@pytest.mark.parametrize('name', [name for name in PIPELINES if 'runs' in PIPELINES[name]])
def test_official_effects_of_bad_replies_equal_the_recordings(name):
    case = PIPELINES[name]
    for want, got in zip(case['runs'], official(name)['runs'], strict=True):
        want, got = ({**run, 'files': sorted(run['files'])} for run in (want, got))
        assert differences(want, got, want['label']) == []


@pytest.mark.parametrize('name', SAME)
def test_corrected_results_of_clean_videos_equal_the_recordings(name):
    case = PIPELINES[name]
    result = to_json(replay_once(case, case['inputs']['vlm'], 'corrected'))
    want = {key: case['expected'][key] for key in RESULTS}
    got = {key: result[key] for key in RESULTS}
    want['final'], got['final'] = (side['speech']['final'] for side in (case['expected'], result))
    for side in (want, got):
        side['files'] = sorted(side['files'])
    assert differences(want, got) == []


@pytest.mark.parametrize('name', PIPELINES)
def test_corrected_protocol_has_no_errors(name):
    case = PIPELINES[name]
    result = replay(case, 'corrected', bounds=True)
    assert result['expected']['error'] is None
    for run in result.get('runs', []):
        assert run['error'] is None, run['label']
        for track in run['tracks']:
            assert len(track['track']) == case['inputs']['frames']['count']


@pytest.mark.parametrize(('name', 'case'), CASES, ids=[name for name, _ in CASES])
def test_official_functions_equal_the_recordings(name, case):
    got = to_json(replay_unit(name, case))
    want = {key: case[key] for key in got if key in case}
    assert want, 'nothing to compare'
    assert differences(want, {key: got[key] for key in want}) == []
    assert ('error' in got) == ('error' in case)


def test_official_iou_of_empty_boxes_is_undefined():
    assert math.isnan(official_iou([19, 4, 19, 43], np.array([63, 15, 63, 23], np.float32)))
    with pytest.raises(ZeroDivisionError):
        official_iou([32, 24, 32, 24], np.array([63, 15, 63, 23], np.float32))


BOXES = '{"rationale": "r", "boxes": []}'
NO_BOXES = {'parsed': {'rationale': 'r', 'boxes': []}}
INVALID = {'error': 'ValueError'}


def segment(text, *timestamp):
    return {'text': text, 'timestamp': list(timestamp)}


@pytest.mark.parametrize(
    ('reply', 'want'),
    {
        # A fence is used whatever follows it, and only the first one.
        f'```python\n{BOXES}\n```\nDone {{really}}.': NO_BOXES,
        f'```json\nHere: {BOXES} done\n```\nDone {{really}}.': NO_BOXES,
        f'```\nnothing\n```\n```json\n{BOXES}\n``` {{a}}': INVALID,
        # A Python literal may follow blanks, but not a line break with blanks.
        "  {'rationale': 'r', 'boxes': [],}": NO_BOXES,
        "\n  {'rationale': 'r', 'boxes': [],}": INVALID,
        # Only keys directly before their colon get double quotes.
        "{'rationale': null, 'boxes': []}": {'parsed': {'rationale': None, 'boxes': []}},
        "{'rationale' : null, 'boxes' : []}": INVALID,
    }.items(),
)
def test_official_parser_reads_fences_and_literals(reply, want):
    assert replay_unit('parse_reply', {'reply': reply}) == want


@pytest.mark.parametrize(
    ('unit', 'case', 'want'),
    [
        # All kinds of blanks are not letters, but only the space is a harmless sign.
        (
            'merge_dedup',
            {'chunks': [segment('a\tb', 0, 1), segment('ab', 0, 1)]},
            {'out': [segment('a\tb', 0, 1)]},
        ),
        ('filter_meaningless', {'text': '♪\t♪\t♪\t♪\t♪ab'}, {'kept': False}),
        ('filter_meaningless', {'text': '♪ ♪ ♪ ♪ ♪ab'}, {'kept': True}),
        # A segment without duration ends the search for those that it contains.
        (
            'containment',
            {'chunks': [segment('ab', 3, 3), segment('b', 1, 2), segment('a', 4, 5)]},
            {'out': [segment('ab', 3, 3), segment('b', 1, 2), segment('a', 4, 5)]},
        ),
        (
            'containment',
            {'chunks': [segment('b', 0, 1), segment(' ab ', 1, 2)]},
            {'out': [segment('ab', 0, 2)]},
        ),
        # A window that ends before 0 has frames in its query, but contains none.
        (
            'window_frames',
            {'start': 0.6, 'end': -0.4, 'fps': 5.0, 'num_frames': 6, 'max_frame_count': 30},
            {'frames_sent': [3], 'frame_indices': [], 'key_frame': 3},
        ),
    ],
)
def test_official_functions_in_unrecorded_cases(unit, case, want):
    assert replay_unit(unit, case) == want


@pytest.mark.parametrize('box', [[0, 0, 2**64, 1], [0, 0, 10**10, 10**10]])
def test_official_iou_raises_for_huge_boxes(box):
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
def test_official_effects_of_odd_persons(persons, error, files):
    case = PIPELINES['base_bad_global_replies']
    reply = f'{{"rationale": "r", "persons": {persons}}}'
    runs = [{'label': '', 'replace': 'global', 'reply': reply}]
    run = replay({**case, 'runs': runs})['runs'][0]
    assert (run['error'] and run['error']['type']) == error
    assert run['files'] == files


def test_official_error_of_the_global_stage_keeps_the_windows():
    case = copy.deepcopy(PIPELINES['base_clean'])
    case['inputs']['vlm']['global'] = 'They are all the same.'
    result = replay(case)['expected']
    assert result['error'] == {'type': 'ValueError', 'stage': 'global', 'window': None}
    assert differences(case['expected']['windows'], to_json(result['windows'])) == []
    assert result['tracks'] is None


def test_official_separation_needs_timestamps():
    case = copy.deepcopy(PIPELINES['sep_clean'])
    case['inputs']['separation'][0]['sources'][0][0]['timestamp'] = None
    error = {'type': 'TypeError', 'stage': 'speech', 'window': None}
    assert replay(case)['expected']['error'] == error
    assert replay(case, 'corrected')['expected']['error'] is None


def test_command_line_replays_case_files(tmp_path, monkeypatch):
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
