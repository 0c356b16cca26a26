"""AVA-ActiveSpeaker: face tracks from crops and from videos, in both dialects of the csv files."""

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.io import wavfile

from avis.datasets import vis
from avis.datasets.ava import AVAActiveSpeaker
from avis.datasets.checking import check_dataset
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.faces import LoadFaces
from avis.datasets.transforms.packing import PackAVInputs
from avis.synthetic.generator import make_dataset
from avis.utils.ava_csv import COLUMNS, SPEECH_LABELS, read_face_rows

PIPELINE = (LoadFaces(), LoadAudio(max_padding=None), PackAVInputs())


@pytest.fixture(scope='module')
def synthetic(tmp_path_factory) -> Path:
    options = {'videos': 2, 'seconds': 2, 'size': (96, 128), 'video_fps': 30}
    out = tmp_path_factory.mktemp('ava')
    return make_dataset(layout='ava', out=out, splits=(1, 1, 0), **options).root


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    """Logged messages."""
    lines: list[str] = []
    monkeypatch.setattr(vis, 'print_log', lambda line, **_: lines.append(line))
    return lines


def write_csv(path: Path, rows: list[tuple], header: bool = False) -> Path:
    """Rows of video, time, entity and label, with one box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [','.join([*COLUMNS, 'label_id', 'instance_id'])] if header else []
    for video, time, entity, label in rows:
        cells = [video, time, 0.1, 0.1, 0.5, 0.6, SPEECH_LABELS[label], entity]
        table.append(','.join(map(str, [*cells, label, 1] if header else cells)))
    path.write_text('\n'.join(table) + '\n')
    return path


def make_root(root: Path, rows: list[tuple], name: str = 'csv/train/v-activespeaker.csv') -> Path:
    write_csv(root / name, rows, header='orig' in name)
    for kind in ('videos', 'audios'):
        (root / f'clips_{kind}' / 'train').mkdir(parents=True, exist_ok=True)
    return root


def track(entity: str, times, video: str = 'v', label: int = 1) -> list[tuple]:
    return [(video, f'{time:.2f}', entity, label) for time in times]


def test_record_has_times_boxes_and_labels_of_a_track(tmp_path, lines):
    rows = track('v:1', 900 + np.arange(4) / 25) + track('v:2', [901.0, 901.04], label=2)
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows[::-1])))
    record = data.record(1)
    assert (record['video_id'], record['video_name'], record['fps']) == ('v:1', 'v', 25.0)
    assert record['frames'] == str(tmp_path / 'clips_videos/train/v/v:1')
    assert record['audio'] == str(tmp_path / 'clips_audios/train/v/v:1.wav')
    assert record['start'] == 0.0  # the audio file is that of the track
    np.testing.assert_array_equal(record['frame_times'], [900.0, 900.04, 900.08, 900.12])
    np.testing.assert_array_equal(record['face_boxes'], [[0.1, 0.1, 0.5, 0.6]] * 4)
    assert record['speaking'].tolist() == [1, 1, 1, 1]
    assert data.record(0)['speaking'].tolist() == [2, 2]
    assert data.metainfo['classes'] == SPEECH_LABELS
    assert lines == []


@pytest.mark.parametrize('name', ['csv/train_orig.csv', 'csv/ava_activespeaker_train_v1.0/v.csv'])
def test_csv_of_a_split_and_other_folder_are_found(tmp_path, name):
    rows = track('v:1', [900.0, 900.04]) + track('w:1', [900.0], 'w', 0)
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows, name)))
    assert [data.record(index)['video_name'] for index in range(2)] == ['v', 'w']


@pytest.mark.parametrize('fps', [24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0, 12.0])
def test_frame_rate_is_estimated_from_rounded_times(tmp_path, fps):
    rows = [row for k in range(3) for row in track(f'v:{k}', 900 + 7 * k + np.arange(99) / fps)]
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows)))
    assert len(data) == 3
    assert data.record(0)['fps'] == pytest.approx(fps, rel=2e-3)


def test_track_with_missing_frames_is_divided(tmp_path, lines):
    times = 900 + np.arange(12) / 30
    rows = track('v:1', np.delete(times, [4, 8]))
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows)))
    records = [data.record(index) for index in range(len(data))]
    assert [record['video_id'] for record in records] == ['v:1', 'v:1#2', 'v:1#3']
    assert [record['length'] for record in records] == [4, 3, 3]
    assert {record['attributes']['entity'] for record in records} == {'v:1'}
    assert [record['start'] for record in records] == pytest.approx([0, 0.17, 0.3])
    (line,) = lines
    file = tmp_path / 'csv/train/v-activespeaker.csv'
    assert line == f'AVAActiveSpeaker (train): 1 x track with missing frames, divided: {file}: v:1'


def test_repeated_rows_are_counted_and_left_out(tmp_path, lines):
    rows = track('v:1', [900.0, 900.04, 900.04, 900.08])
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows)))
    assert data.record(0)['length'] == 3
    assert '1 x row with the time of another one, left out' in lines[0]


def test_same_entity_of_two_videos_is_two_tracks(tmp_path):
    rows = track('shared:1', [900.0, 900.04]) + track('shared:1', [900.0, 900.04], 'w')
    data = AVAActiveSpeaker(split='train', data_root=str(make_root(tmp_path, rows)))
    assert len(data) == 2


def test_copy_of_a_csv_in_the_folder_is_an_error(tmp_path):
    root = make_root(tmp_path, track('v:1', [900.0, 900.04]))
    write_csv(root / 'csv/train/v-activespeaker (1).csv', track('v:1', [900.0]))
    with pytest.raises(ValueError, match=r"entity 'v:1' of video 'v' is in .*\. Keep one copy"):
        AVAActiveSpeaker(split='train', data_root=str(root))


def test_missing_folders_show_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'csv/train does not exist(?s:.*)clips_videos/'):
        AVAActiveSpeaker(split='train', data_root=str(tmp_path))
    root = make_root(tmp_path, track('v:1', [900.0]))
    with pytest.raises(FileNotFoundError, match='videos/trainval does not exist'):
        AVAActiveSpeaker(split='train', data_root=str(root), faces='videos')
    (root / 'csv/train/v-activespeaker.csv').unlink()
    with pytest.raises(FileNotFoundError, match='csv/train contains no csv file'):
        AVAActiveSpeaker(split='train', data_root=str(root))
    with pytest.raises(ValueError, match=r"split must be one of \('train', 'val'\), got 'test'"):
        AVAActiveSpeaker(split='test', data_root=str(root))
    with pytest.raises(ValueError, match=r"expected faces to be one of .*, got 'frames'"):
        AVAActiveSpeaker(split='train', data_root=str(root), faces='frames')


def test_crops_are_gray_faces_with_the_audio_of_the_track(tmp_path):
    root = make_root(tmp_path, track('v:1', [900.0, 900.04, 900.08]))
    folder = root / 'clips_videos/train/v/v:1'
    folder.mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 255, (30, 20, 3), np.uint8)
    for name in ('900.00', '900.04', '900.08'):
        cv2.imwrite(str(folder / f'{name}.jpg'), image)
    (root / 'clips_audios/train/v').mkdir()
    samples = np.arange(1280, dtype=np.int16)
    wavfile.write(root / 'clips_audios/train/v/v:1.wav', 16000, samples)
    data = AVAActiveSpeaker(split='train', data_root=str(root), pipeline=PIPELINE)
    item = data[0]
    gray = cv2.cvtColor(cv2.imread(str(folder / '900.00.jpg')), cv2.COLOR_BGR2GRAY)
    expected = cv2.resize(gray, (112, 112))
    np.testing.assert_array_equal(item['inputs']['faces'][0], expected)
    assert item['inputs']['faces'].shape == (3, 112, 112)
    # The audio ends at the time of the last frame; nothing is appended.
    np.testing.assert_array_equal(item['inputs']['audio'] * 32768, samples)
    sample = item['data_samples']
    assert sample.gt_speaking.tolist() == [1, 1, 1]
    assert sample.gt_speaking.dtype == torch.int64
    assert sample.frame_times.tolist() == [900.0, 900.04, 900.08]
    (folder / '900.04.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'900\.04\.jpg does not exist'):
        data[0]


def test_faces_cut_from_videos_equal_the_crops(synthetic, tmp_path):
    shutil.copytree(synthetic, tmp_path / 'ava')
    root = tmp_path / 'ava'
    for video in (root / 'videos/trainval').iterdir():
        video.rename(video.with_suffix('.mkv'))  # the suffix differs from video to video
    for split in ('train', 'val'):
        crops, cut = (
            AVAActiveSpeaker(split=split, data_root=str(root), faces=faces, pipeline=PIPELINE)
            for faces in ('crops', 'videos')
        )
        assert len(crops) == len(cut) > 0
        for index in range(len(crops)):
            first, second = crops[index], cut[index]
            assert first['data_samples'].video_id == second['data_samples'].video_id
            assert first['data_samples'].fps == second['data_samples'].fps == 30.0
            frames = [item['inputs']['faces'].float() for item in (first, second)]
            assert (frames[0] - frames[1]).abs().mean() < 6  # both are compressed
            audio = [item['inputs']['audio'] for item in (first, second)]
            length = len(audio[0])
            assert len(audio[1]) - length in range(1600)
            assert torch.corrcoef(torch.stack([audio[0], audio[1][:length]]))[0, 1] > 0.99


def test_second_file_of_a_video_is_counted(synthetic, tmp_path, lines):
    shutil.copytree(synthetic, tmp_path / 'ava')
    video = next((tmp_path / 'ava/videos/trainval').iterdir())
    shutil.copy(video, video.with_suffix('.webm'))
    AVAActiveSpeaker(split='val', data_root=str(tmp_path / 'ava'), faces='videos')
    assert '1 x second file of a video, not used' in lines[0]


def test_chosen_frames_have_their_labels_and_times(synthetic):
    data = AVAActiveSpeaker(split='train', data_root=str(synthetic))
    record = data.record(0)
    loaded = LoadFaces().transform({**record, 'frame_ids': np.arange(3, 8)})
    assert loaded['faces'].shape == (5, 112, 112)
    np.testing.assert_array_equal(loaded['speaking'], record['speaking'][3:8])
    np.testing.assert_array_equal(loaded['frame_times'], record['frame_times'][3:8])


def test_box_without_pixels_names_video_and_time(synthetic):
    data = AVAActiveSpeaker(split='train', data_root=str(synthetic), faces='videos')
    record = data.record(0)
    boxes = np.tile([0.5, 0.2, 0.4, 0.6], (record['length'], 1))
    with pytest.raises(ValueError, match=r'\.mp4: the face at 0\.00 s has the box .*no pixel of'):
        LoadFaces().transform({**record, 'face_boxes': boxes})


def test_load_faces_needs_a_face_track():
    results = {'video_id': 'v', 'frames': 'v.mp4', 'length': 2}
    with pytest.raises(ValueError, match="LoadFaces expected a face track with 'frame_times'"):
        LoadFaces().transform(results)


def test_csv_rows_of_the_synthetic_set_are_all_used(synthetic, caplog):
    with caplog.at_level(logging.WARNING):
        data = AVAActiveSpeaker(split='train', data_root=str(synthetic))
    rows = read_face_rows(next((synthetic / 'csv/train').iterdir()))
    assert sum(data.record(index)['length'] for index in range(len(data))) == len(rows)
    assert not caplog.records


@pytest.mark.parametrize('faces', ['crops', 'videos'])
def test_check_finds_no_problem_in_a_complete_set(synthetic, faces, capsys) -> None:
    options = {'data_root': str(synthetic), 'faces': faces, 'pipeline': PIPELINE}
    data = {'type': AVAActiveSpeaker, 'split': 'val', **options}
    assert check_dataset({'val_dataloader': {'dataset': data}}, workers=1) == 0
    assert 'No problems found' in capsys.readouterr().out


def test_check_names_every_missing_or_broken_file(synthetic, tmp_path, capsys) -> None:
    root = tmp_path / 'ava'
    shutil.copytree(synthetic, root)
    folders = sorted((root / 'clips_videos/val').glob('*/*'))
    crops = sorted(folders[0].iterdir())
    crops[3].unlink()
    crops[5].write_bytes(b'no image')
    wav = next((root / 'clips_audios/val').rglob('*.wav'))
    wav.unlink()
    (root / 'clips_videos/val/unknown').mkdir()
    data = {'type': AVAActiveSpeaker, 'data_root': str(root), 'split': 'val', 'pipeline': PIPELINE}
    assert check_dataset({'val_dataloader': {'dataset': data}}, workers=1) == 3
    printed = capsys.readouterr().out
    assert f'{crops[3]} does not exist' in printed
    assert f'{crops[5]}: is not a readable image' in printed
    assert f'{wav} does not exist' in printed
    assert '1 videos on disk are in no annotation: unknown' in printed


def test_check_names_a_missing_video(synthetic, tmp_path, capsys) -> None:
    root = tmp_path / 'ava'
    shutil.copytree(synthetic, root)
    for video in (root / 'videos/trainval').iterdir():
        video.unlink()
    options = {'data_root': str(root), 'faces': 'videos', 'pipeline': PIPELINE}
    data = {'type': AVAActiveSpeaker, 'split': 'val', **options}
    assert check_dataset({'val_dataloader': {'dataset': data}}, workers=1) > 0
    assert 'videos/trainval' in capsys.readouterr().out
