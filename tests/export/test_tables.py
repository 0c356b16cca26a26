"""CSV, RTTM and MOTChallenge files are read back by other readers."""

import csv
import io

import numpy as np
import pytest

from avis.avtracker.asr.transcript_file import read_rttm
from avis.evaluation.functional.clear import count_clear
from avis.evaluation.functional.hota import count_hota
from avis.evaluation.functional.identity import count_identity
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.export import video_segments, write_exports
from avis.export.names import unique_labels
from avis.structures.video_result import VideoResult
from tests.helpers.trackeval_results import trackeval_mot
from tests.helpers.video_results import FRAMES, ODD_NAMES, SIZE, make_result


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline='')))


@pytest.fixture
def odd() -> VideoResult:
    return make_result(ODD_NAMES, name='two words', fps=30000 / 1001)


def test_speakers_are_read_back_with_any_name(odd, tmp_path):
    path = write_exports(tmp_path, odd, ['speakers'])['speakers']
    with path.open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    expected = video_segments(odd)
    assert [row['speaker'] for row in rows] == [track.name for track, _ in expected]
    for key in ('start', 'end', 'confidence'):
        values = [getattr(segment, key) for _, segment in expected]
        assert [float(row[key]) for row in rows] == pytest.approx(values, abs=1e-6)


def test_rttm_is_read_back_with_unique_names(odd, tmp_path):
    path = write_exports(tmp_path, odd, ['rttm'])['rttm']
    assert path.name == 'two words.rttm'
    text = path.read_text(encoding='utf-8')
    assert {len(line.split(' ')) for line in text.splitlines()} == {10}
    segments = read_rttm(text, odd.name)
    labels = unique_labels(odd.tracks)
    assert len(set(labels.values())) == len(ODD_NAMES)
    expected = video_segments(odd)
    assert [segment.speaker for segment in segments] == [labels[track.id] for track, _ in expected]
    times = np.array([segment.timestamp for segment in segments], float)
    np.testing.assert_allclose(times, [segment[:2] for _, segment in expected], atol=2e-6)


def test_labels_without_blanks_stay_apart():
    labels = unique_labels(make_result(['Ann Lee', 'Ann_Lee', 'Ann\tLee', '', '<NA>']).tracks)
    assert [*labels.values()] == ['Ann_Lee', 'Ann_Lee_2', 'Ann_Lee_3', 'speaker_4', 'speaker_5']


def test_boxes_are_those_of_the_masks(odd, tmp_path):
    path = write_exports(tmp_path, odd, ['boxes'])['boxes']
    rows = read_csv(path.read_bytes().decode())
    assert len(rows) == sum(track.visible.sum() for track in odd.tracks)
    for row in rows:
        track, frame = odd.tracks[int(row['id']) - 1], int(row['frame'])
        assert row['name'] == track.name
        assert float(row['time']) == pytest.approx(frame / odd.fps, abs=1e-6)
        assert row['speaking'] == str(int(track.sounding[frame]))
        x, y, width, height = (int(row[key]) for key in ('x', 'y', 'width', 'height'))
        mask = np.zeros(SIZE, bool)
        mask[y : y + height, x : x + width] = True
        np.testing.assert_array_equal(mask, track.masks.dense(frame))


def test_mot_counts_frames_and_pixels_from_one(tmp_path):
    result = make_result(['Ann'])
    path = write_exports(tmp_path, result, ['mot'])['mot']
    lines = [line.split(',') for line in path.read_text().splitlines()]
    track = result.tracks[0]
    assert [int(line[0]) for line in lines] == (np.flatnonzero(track.visible) + 1).tolist()
    boxes = np.array(lines, float)[:, 2:6] - [1, 1, 0, 0]
    np.testing.assert_array_equal(boxes, track.masks.boxes[track.visible])
    assert {tuple(line[6:]) for line in lines} == {('0.51', '-1', '-1', '-1')}


@pytest.mark.parametrize('seed', [0, 1])
def test_trackeval_scores_mot_files_as_avis_scores_the_tracks(seed, tmp_path):
    gt, pred = make_result(['Ann', 'Ben', 'Cal']), make_result(['Ann', 'Ben', 'Cal'], seed=seed)
    texts = [
        write_exports(tmp_path / side, result, ['mot'])['mot'].read_text()
        for side, result in (('gt', gt), ('pred', pred))
    ]
    # The masks are rectangles, so that they overlap as their boxes do.
    masks = [TrackMasks([track.masks.rles for track in result.tracks]) for result in (gt, pred)]
    video = VideoOverlap.from_rles(*masks, size=SIZE, num_frames=FRAMES)
    expected = {
        'HOTA': float(count_hota(video).scores()['HOTA'].mean()),
        'MOTA': float(count_clear(video).scores()['MOTA']),
        'IDF1': float(count_identity(video).scores()['IDF1']),
    }
    assert trackeval_mot(tmp_path, *texts, FRAMES) == pytest.approx(expected)
    if seed == 0:
        assert expected == {'HOTA': 1.0, 'MOTA': 1.0, 'IDF1': 1.0}
    else:
        assert 0.3 < expected['HOTA'] < 0.9


def test_a_result_without_tracks_makes_empty_files(tmp_path):
    result = VideoResult('empty', 25.0, FRAMES, *SIZE)
    paths = write_exports(tmp_path, result)
    assert paths['speakers'].read_text() == 'start,end,speaker,confidence\n'
    assert paths['rttm'].read_text() == paths['mot'].read_text() == ''
    assert read_csv(paths['boxes'].read_text()) == []
