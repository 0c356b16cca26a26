import numpy as np
import pytest

from avis.datasets import vis
from avis.datasets.aviseg import AVISeg
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.structures.labels import AVISEG_CLASSES
from avis.synthetic.generator import make_dataset
from tests.helpers.tiny_sets import write_video
from tests.helpers.tiny_vis import FRAMES, NAMES, SIZE, content, write_aviseg, write_json

PIPELINE = (LoadFrames(), LoadAudio(source='features'), LoadTracks(form='tracks'), PackAVInputs())


@pytest.fixture
def root(tmp_path):
    return write_aviseg(tmp_path / 'any' / 'folder')


def test_record_has_all_annotations(root) -> None:
    dataset = AVISeg(split='val', data_root=str(root))
    record = dataset.record(0)
    assert len(dataset) == 2
    assert record['video_id'] == 1
    assert record['video_name'] == '-a_1'
    assert record['frames'][2] == str(root / 'val/JPEGImages/-a_1/00002.jpg')
    assert record['audio'] == str(root / 'val/WAVAudios/-a_1.wav')
    assert record['features'] == str(root / 'val/FEATAudios/-a_1.npy')
    assert (record['fps'], record['length']) == (1.0, FRAMES)
    assert (record['height'], record['width']) == SIZE
    assert record['attributes'] == {'scene': 'Speaking'}
    assert [track['label'] for track in record['tracks']] == [0]
    assert [track['label'] for track in dataset.record(1)['tracks']] == [25]
    assert dataset.metainfo['classes'] == AVISEG_CLASSES
    assert dataset.extra['info'] == [{'year': 2024}]


def test_sample_has_frames_features_and_gt(root) -> None:
    data = AVISeg(split='test', data_root=str(root), pipeline=PIPELINE)[1]
    assert data['inputs']['frames'].shape == (FRAMES, 3, *SIZE)
    assert data['inputs']['audio'][:, 5].tolist() == [0, 1, 2]
    sample = data['data_samples']
    assert sample.video_name == NAMES[1]
    assert sample.gt_tracks.labels.tolist() == [25]
    assert sample.gt_tracks.crowd.tolist() == [False]
    assert sample.gt_tracks.sizes.tolist() == [112.0]
    assert sample.gt_tracks.masks[0].areas.tolist() == [112, 112, 0]


def test_test_split_without_gt_is_read(root) -> None:
    whole = content()
    del whole['annotations']
    write_json(root / 'test.json', whole)
    dataset = AVISeg(split='test', data_root=str(root), pipeline=PIPELINE)
    assert 'tracks' not in dataset.record(0)
    assert 'gt_tracks' not in dataset[0]['data_samples']


def test_frames_and_audio_of_video_files(root) -> None:
    (root / 'videos').mkdir()
    for name in NAMES:
        write_video(root / f'videos/{name}.mp4', frames=10 * FRAMES)
    dataset = AVISeg(
        split='test',
        data_root=str(root),
        video_dir='videos',
        audio_dir=None,
        pipeline=(LoadFrames(), LoadAudio(), PackAVInputs()),
    )
    record = dataset.record(0)
    assert record['frames'] == record['audio'] == str(root / 'videos/-a_1.mp4')
    data = dataset[0]
    assert data['inputs']['frames'].shape == (FRAMES, 3, 64, 64)
    assert data['inputs']['audio'].shape == (16000 * FRAMES,)


def test_masks_of_another_size_than_the_video_are_an_error(root) -> None:
    write_video(root / 'test/-a_1.mp4', frames=30)
    dataset = AVISeg(split='test', data_root=str(root), video_dir='test', pipeline=PIPELINE)
    with pytest.raises(ValueError, match=r'-a_1\.mp4: is \(64, 64\).* clip 1 states .*\(24, 32\)'):
        dataset[0]


def test_unofficial_category_name_is_a_warning(root, monkeypatch) -> None:
    categories = content()['categories']
    categories[14]['name'] = 'lawn_mower'
    write_json(root / 'val.json', content(categories=categories))
    lines = []
    monkeypatch.setattr(vis, 'print_log', lambda line, **_: lines.append(line))
    AVISeg(split='val', data_root=str(root))
    (line,) = lines
    assert "category that is officially 'lawn_mover': 15 is 'lawn_mower'" in line


def test_missing_folder_error_shows_the_layout(root) -> None:
    with pytest.raises(FileNotFoundError, match=r'(?s)nowhere does not exist.*JPEGImages/<video>'):
        AVISeg(split='val', data_root='nowhere')
    with pytest.raises(FileNotFoundError, match='WAV does not exist'):
        AVISeg(split='val', data_root=str(root), audio_dir='WAV')


def test_missing_features_error_names_the_tool(root) -> None:
    (root / 'test/FEATAudios/-a_1.npy').unlink()
    dataset = AVISeg(split='test', data_root=str(root), pipeline=PIPELINE)
    with pytest.raises(FileNotFoundError, match=r'-a_1\.npy.*extract_audio_features\.py'):
        dataset[0]


def test_synthetic_data_set_is_read(tmp_path) -> None:
    make_dataset(
        layout='aviseg', out=tmp_path, videos=2, splits=(1, 0, 1), size=(48, 64), seconds=4
    )
    pipeline = (LoadFrames(), LoadAudio(sample_rate=44100), LoadTracks(), PackAVInputs())
    data = AVISeg(split='train', data_root=str(tmp_path), pipeline=pipeline)[0]
    tracks = data['data_samples'].gt_tracks
    assert tracks.masks.shape[1:] == (4, 48, 64)
    assert data['inputs']['audio'].shape == (4 * 44100,)
    record = AVISeg(split='train', data_root=str(tmp_path)).record(0)
    stated = [track['area'] for track in record['tracks'] if track['id'] in tracks.ids.tolist()]
    drawn = [np.mean([m.sum() for m in masks if m.any()]) for masks in tracks.masks.numpy()]
    np.testing.assert_allclose(drawn, stated, rtol=0.03, atol=4)  # outlines are not exact
