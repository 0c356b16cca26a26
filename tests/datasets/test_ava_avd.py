"""AVA-AVD: parts of movies with their turns, and the face tracks of the same videos."""

from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.datasets import vis
from avis.datasets.ava import AVAActiveSpeaker
from avis.datasets.ava_avd import AVAAVD
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.utils.ava_csv import write_face_rows
from avis.utils.mp4 import write_mp4

RTTM = (
    'SPEAKER v_c_01 1 2.5 1.0 <NA> <NA> spk01 <NA> <NA>\n'
    'SPEAKER v_c_01 1 1.5 0.5 <NA> <NA> spk02 <NA> <NA>\n'
)


@pytest.fixture
def root(tmp_path) -> Path:
    for folder in ('split', 'rttms', 'labs', 'tracks', 'videos'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'split/val.list').write_text('v_c_01\n')
    (tmp_path / 'rttms/v_c_01.rttm').write_text(RTTM)
    (tmp_path / 'labs/v_c_01.lab').write_text('1.5 2.0 speech\n2.5 3.5 speech\n')
    box = (0.1, 0.1, 0.6, 0.6)
    rows = [
        ['v', f'{1 + k / 10:.2f}', *box, 'SPEAKING_AUDIBLE', f'v:{track}', speaker]
        for track, speaker in ((1, 'spk01'), (2, 'other'))
        for k in range(3)
    ]
    write_face_rows(tmp_path / 'tracks/v-activespeaker.csv', rows)
    images = (np.full((32, 48, 3), 6 * k, np.uint8) for k in range(40))
    write_mp4(tmp_path / 'videos/v.mp4', images, fps=10, audio=np.zeros(64000, np.int16))
    (tmp_path / 'videos/v.mp4').rename(tmp_path / 'videos/v.mkv')
    return tmp_path


def test_record_starts_with_the_first_turn(root) -> None:
    data = AVAAVD(split='val', data_root=str(root), fps=10.0)
    record = data.record(0)
    assert (record['video_id'], record['start'], record['length']) == ('v_c_01', 1.5, 20)
    assert record['frames'] == record['audio'] == str(root / 'videos/v.mkv')
    assert record['attributes']['turns'] == [(2.5, 3.5, 'spk01'), (1.5, 2.0, 'spk02')]
    assert record['attributes']['speech'] == [(1.5, 2.0), (2.5, 3.5)]
    assert data.published == 54


def test_part_opens_at_its_start(root) -> None:
    pipeline = (OpenVideo(), PackVideo())
    inputs = AVAAVD(split='val', data_root=str(root), fps=10.0, pipeline=pipeline)[0]['inputs']
    assert len(inputs['frames']) == 20
    assert abs(int(inputs['frames'][0].mean()) - 90) < 5  # frame 15 of the video


def test_faces_have_the_speaker_of_the_ninth_column(root) -> None:
    options = {'data_root': str(root), 'ann_file': 'tracks', 'faces': 'videos'}
    tracks = AVAActiveSpeaker(split='val', **options)
    attributes = [tracks.record(index)['attributes'] for index in range(2)]
    assert attributes == [{'entity': 'v:1', 'speaker': 'spk01'}, {'entity': 'v:2'}]


def test_results_that_count_from_the_part_are_shifted_by_an_offset(root) -> None:
    pred = root / 'pred.rttm'
    pred.write_text(RTTM.replace(' 2.5 ', ' 1.0 ').replace(' 1.5 ', ' 0.0 '))
    (root / 'offsets.txt').write_text('v_c_01 1.5\n')
    offsets = root / 'offsets.txt'
    assert evaluate('diarization', root / 'rttms', pred, offsets=offsets)['summary']['DER'] == 0
    assert evaluate('diarization', root / 'rttms', pred)['summary']['DER'] > 50
    offsets.write_text('v_c_01 soon\n')
    with pytest.raises(ValueError, match=r"offsets\.txt: line 1: expected a finite number, got 's"):
        evaluate('diarization', root / 'rttms', pred, offsets=offsets)


def test_parts_without_list_and_second_videos_are_reported(root, monkeypatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(vis, 'print_log', lambda line, **_: lines.append(line))
    (root / 'rttms/w_c_01.rttm').write_text(RTTM)
    (root / 'videos/v.webm').write_bytes(b'')
    assert AVAAVD(split='val', data_root=str(root)).unlisted_videos() == ['w_c_01']
    assert '1 x second file of a video, not used' in lines[0]


@pytest.mark.parametrize(
    ('file', 'text', 'message'),
    [
        ('split/val.list', 'v\n', r"val\.list: expected names of parts .*, got 'v'"),
        ('rttms/v_c_01.rttm', 'SPEAKER v 1 x 1 <NA> <NA> a <NA> <NA>\n', r'rttm: line 1: '),
        (
            'rttms/v_c_01.rttm',
            RTTM.replace('v_c', 'w_c', 1),
            r'expected the turns of one',
        ),
        ('labs/v_c_01.lab', '1.5 x\n', r'v_c_01\.lab: line 1: expected start and end in seconds'),
    ],
)
def test_wrong_files_name_file_and_line(root, file, text, message) -> None:
    (root / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        AVAAVD(split='val', data_root=str(root))


def test_missing_files_show_the_layout(root) -> None:
    with pytest.raises(FileNotFoundError, match=r'train\.list does not exist(?s:.*)rttms/<part>'):
        AVAAVD(split='train', data_root=str(root))
    (root / 'rttms/v_c_01.rttm').unlink()
    with pytest.raises(FileNotFoundError, match=r'v_c_01\.rttm does not exist, but its part is'):
        AVAAVD(split='val', data_root=str(root))
    with pytest.raises(ValueError, match=r'AVAAVD: expected fps above 0, got 0'):
        AVAAVD(split='val', data_root=str(root), fps=0)
