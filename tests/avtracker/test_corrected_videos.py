"""Guarantees of the corrected protocol, checked on every recorded video."""

import functools
import math

import pytest

from avis.avtracker.boxes import iou
from tests.helpers.golden_avtracker import load
from tests.helpers.replay_parts import ReplayTracker
from tests.replay import replay

CASES = load('pipeline')
EACH = pytest.mark.parametrize('name', CASES)


@functools.cache
def corrected(name):
    return replay({**CASES[name], 'runs': []}, 'corrected')['expected']


def tagged(*tags):
    names = [name for name, case in CASES.items() if {*tags} & {*case['tags']}]
    assert names
    return pytest.mark.parametrize('name', names)


@EACH
def test_every_video_finishes_without_error(name):
    assert corrected(name)['error'] is None


@EACH
def test_segments_lie_in_order_inside_the_audio(name):  # D13, D14, D21, D22, D26
    audio = CASES[name]['inputs']['audio']
    for segment in corrected(name)['speech']['final']:
        start, end = segment['timestamp']
        assert 0 <= start <= end <= audio['num_samples'] / audio['sample_rate']
        assert start < end or CASES[name]['config']['agent_type'] != 'sep'
        assert segment['text'].strip()


@EACH
def test_windows_lie_inside_the_video(name):  # D33
    count = CASES[name]['inputs']['frames']['count']
    limit = CASES[name]['config']['max_frame_count']
    result = corrected(name)
    for window in result['windows']:
        frames = window['frame_indices']
        assert frames == list(range(frames[0], frames[-1] + 1))
        assert 0 <= frames[0] <= frames[-1] < count
        assert len(window['matched']) == len(frames)
    assert all(0 < len(call['frames']) <= limit for call in local_calls(result))


@EACH
def test_no_match_is_below_the_threshold(name):  # D2
    config = CASES[name]['config']
    tracker = CASES[name]['inputs']['tracker']
    found = dict(ReplayTracker(tracker).track(range(len(tracker)), prompt=''))
    for window, call in zip(corrected(name)['windows'], local_calls(corrected(name)), strict=True):
        for frame, row in zip(window['frame_indices'], window['matched'], strict=True):
            if row is not None and frame in call['frames']:
                value = iou(window['boxes_px'][str(frame)], found[frame].boxes)[row]
                assert value >= config['iou_matching']


@EACH
def test_every_window_with_a_mask_belongs_to_a_track(name):  # D44 to D46
    result = corrected(name)
    for number, window in enumerate(result['windows']):
        if not any(window['areas']):
            continue
        owners = [
            track['person_id']
            for track in result['tracks']
            if all(
                row is None or track['track'][frame] not in ('blank', 'none')
                for frame, row in zip(window['frame_indices'], window['matched'], strict=True)
            )
        ]
        assert owners, f'window {number} is in no track'


@EACH
def test_only_windows_with_a_mask_are_grouped(name):  # D41
    result = corrected(name)
    keys = [window['key_frame'] for window in result['windows'] if any(window['areas'])]
    shown = [call['frames'] for call in result['vlm_calls'] if call['kind'] == 'global']
    if CASES[name]['config']['agent_type'] == 'face':
        assert result.get('face_frames', []) == keys
    else:
        assert shown[:1] == ([keys] if keys else [])


@EACH
def test_folders_are_named_by_person_numbers(name):  # D48
    for file in corrected(name)['files']:
        parts = file.rstrip('/').split('/')
        assert len(parts) <= 3
        assert len(parts) == 1 or parts[1].removeprefix('person_').isdecimal()


@tagged('fixed-window-dead')
def test_fixed_windows_are_used(name):  # D1
    case = CASES[name]
    seconds = case['config']['window']['fixed_size_seconds']
    audio = case['inputs']['audio']
    fps = case['inputs']['frames']['count'] / (audio['num_samples'] / audio['sample_rate'])
    for window in corrected(name)['windows']:
        assert window['frame_indices'][0] / fps / seconds == pytest.approx(
            round(window['frame_indices'][0] / fps / seconds), abs=1 / fps / seconds
        )
        assert len(window['frame_indices']) <= math.ceil(seconds * fps)


@tagged('window-cut')
def test_windows_cover_whole_segments(name):  # D34
    result = corrected(name)
    audio = CASES[name]['inputs']['audio']
    fps = CASES[name]['inputs']['frames']['count'] / (audio['num_samples'] / audio['sample_rate'])
    for segment, window in zip(result['speech']['final'], result['windows'], strict=True):
        start, end = segment['timestamp']
        assert len(window['frame_indices']) >= min((end - start) * fps - 1, 1)
        assert window['frame_indices'][-1] >= math.floor(end * fps + 0.5) - 1


@tagged('words-lost')
def test_words_of_the_first_transcript_are_kept(name):  # D23, D27
    assert corrected(name)['speech']['final']
    assert corrected(name)['counts']['chunks_kept_unseparated'] >= 1


@tagged('dedup-double')
def test_segments_are_unique(name):  # D18
    segments = corrected(name)['speech']['after_merge']
    seen = [(segment['text'], *segment['timestamp']) for segment in segments]
    assert len(seen) == len(set(seen))


@tagged('tracker-gap')
def test_missing_tracker_entries_leave_gaps(name):  # D30
    missing = [n for n, found in enumerate(CASES[name]['inputs']['tracker']) if found is None]
    result = corrected(name)
    assert result['counts']['frames_without_tracker_entry'] == len(missing)
    for track in result['tracks']:
        assert all(track['track'][frame] in ('none', 'blank') for frame in missing)


@tagged('negative-start')
def test_speech_at_the_start_has_the_first_frame(name):  # D33
    first = min(corrected(name)['windows'], key=lambda window: window['frame_indices'][0])
    assert first['frame_indices'][0] == 0


@tagged('face-index')
def test_faces_are_grouped_by_window(name):  # D51
    result = corrected(name)
    assert len(result['tracks']) <= max(len(result['windows']), 1)


def local_calls(result):
    """The first query about each window."""
    calls = {}
    for call in result['vlm_calls']:
        if call['kind'] == 'local':
            calls.setdefault(call['window'], call)
    return list(calls.values())
