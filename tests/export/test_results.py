"""``results.json`` is read back exactly, and errors name file and field."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from avis.export import read_results, read_settings, sounding_segments, write_exports
from avis.export.results import (
    ResultsFile,
    SegmentEntry,
    TrackEntry,
    UtteranceEntry,
    VideoEntry,
)
from avis.structures.video_result import Utterance, VideoResult
from tests.helpers.subprocess_python import ROOT
from tests.helpers.video_results import ODD_NAMES, make_result


def content(result: VideoResult) -> dict[str, Any]:
    """All fields as plain values."""
    values = asdict(result)
    for track in values['tracks']:
        track['sounding'] = track['sounding'].tolist()
    return values


@pytest.fixture
def result() -> VideoResult:
    return make_result(
        ODD_NAMES,
        fps=30000 / 1001,
        utterances=[Utterance(0, 0.5, 'Hello\n<b>', 1), Utterance(0.25, 1, 'Grüße')],
        settings={'fps': None, 'weights': ['a.pth', 3, 1.5]},
        warnings=['The video has no audio.'],
    )


@pytest.fixture
def path(result, tmp_path) -> Path:
    return write_exports(tmp_path, result, ['results'])['results']


def test_results_are_read_back_exactly(result, path):
    assert content(read_results(path)) == content(result)
    assert content(read_results(path.parent)) == content(result)
    assert read_settings(path) == result.settings


def test_fields_for_other_programs(result, path):
    data = json.loads(path.read_text())
    assert data['schema_version'] == 1
    assert data['times'] == pytest.approx([t / result.fps for t in range(result.length)])
    assert data['versions']['avis']
    expected = [
        (*segment[:2], track.id, segment.confidence)
        for track in result.tracks
        for segment in sounding_segments(track, result.fps)
    ]
    keys = ('start', 'end', 'track_id', 'confidence')
    found = [tuple(segment[key] for key in keys) for segment in data['segments']]
    assert sorted(found) == sorted(expected)
    for entry, track in zip(data['tracks'], result.tracks, strict=True):
        assert entry['class'] == 'person'
        shown = [box for box in entry['boxes'] if box is not None]
        np.testing.assert_array_equal(shown, track.masks.boxes[track.visible])


def test_names_that_are_not_utf8_survive(tmp_path):
    result = make_result(['\udcff'], name='clip\udce9', settings={'video': '/a/clip\udce9.mp4'})
    paths = write_exports(tmp_path, result)
    assert content(read_results(paths['results'])) == content(result)
    assert read_settings(paths['results']) == result.settings


def test_numbers_of_numpy_and_paths_are_written(tmp_path):
    result = make_result(settings={'size': np.int64(3), 'config': Path('a.py')})
    result.tracks[0].score = np.float32(0.5)
    path = write_exports(tmp_path, result, ['results'])['results']
    assert read_results(path).tracks[0].score == 0.5
    assert read_settings(path) == {'size': 3, 'config': 'a.py'}
    result.settings['model'] = object()
    with pytest.raises(TypeError, match=r'results\.json: expected JSON values, got <object'):
        write_exports(tmp_path, result, ['results'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda d: d.pop('video'), 'video is missing'),
        (lambda d: d['video'].pop('fps'), 'video.fps is missing'),
        (lambda d: d['video'].update(fps=0), r'video.fps: expected float > 0.0, got 0'),
        (lambda d: d['video'].update(height='2'), 'video.height: expected int, got "2"'),
        (lambda d: d['tracks'][1].pop('score'), r'tracks\[1\].score is missing'),
        (lambda d: d['tracks'][1].update(id='b'), r'tracks\[1\].id: expected int, got "b"'),
        (lambda d: d['tracks'][1].update(id=1), r'tracks\[1\].id: expected an id of its own'),
        (lambda d: d['tracks'][0].update({'class': 4}), r'tracks\[0\].class: expected str | null'),
        (
            lambda d: d['tracks'][0]['sounding'].pop(),
            r'tracks\[0\].sounding: expected 12 entries, one per frame, got 11',
        ),
        (
            lambda d: d['tracks'][0]['boxes'].__setitem__(2, [1, 2]),
            r'tracks\[0\].boxes\[2\]: expected array of length 4, got a list of 2 elements',
        ),
        (
            lambda d: d['tracks'][0].update(sounding=[True] * 12, segmentations=[None] * 12),
            r'tracks\[0\].sounding: .* expected a mask in frame 0',
        ),
        (
            lambda d: d['tracks'][0]['segmentations'].__setitem__(3, {'size': [24, 32]}),
            r"tracks\[0\].segmentations\[3\]: an RLE lacks 'counts'",
        ),
        (
            lambda d: d['video'].update(width=33),
            r'tracks\[0\].segmentations\[\d+\]: RLE of size \[24, 32\] in a frame of \[24, 33\]',
        ),
        (
            lambda d: d['utterances'][0].update(track_id=90),
            r'utterances\[0\].track_id: expected the id of a track or null, got 90',
        ),
        (lambda d: d.update(schema_version=2), 'schema_version: expected 1, got 2; predict'),
        (lambda d: d.pop('schema_version'), 'schema_version: expected 1, got none; predict'),
    ],
)
def test_errors_name_file_and_field(path, change, message):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=f'^{path}: {message}') as error:
        read_results(path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (b'', 'expected a results.json of avis, got an empty file'),
        (b'[{"video_id": 1}]', 'expected object, got a list of 1 element'),
        (b'{"schema_version": 1,', 'got text that is not JSON'),
        (b'{"schema_version": NaN}', 'got text that is not JSON: NaN is no number'),
        (b'\x89PNG', 'got a PNG image'),
        (b'{"schema_version": 1, "settings": 3}', 'settings: expected object, got 3'),
        (b'[' * 200_000, 'got text that is not JSON'),
    ],
)
def test_other_files_are_refused(tmp_path, data, message):
    path = tmp_path / 'results.json'
    path.write_bytes(data)
    for read in (read_results, read_settings):
        with pytest.raises(ValueError, match=f'^{path}: .*{message}'):
            read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'results\.json does not exist'):
        read_results(tmp_path / 'results.json')


@pytest.mark.parametrize(
    'kind', [ResultsFile, VideoEntry, TrackEntry, SegmentEntry, UtteranceEntry]
)
def test_every_field_is_documented(kind):
    text = (ROOT / 'docs' / 'results.md').read_text()
    section = text[text.index('## results.json') : text.index('## Evaluate')]
    for field in msgspec.structs.fields(kind):
        assert f'`{field.encode_name}`' in section
