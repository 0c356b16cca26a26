"""YouMVOS in its layout: steps between frames, shots, audio and the check of its files."""

import shutil

import pytest

from avis.datasets.checking import check_dataset
from avis.datasets.youmvos import YouMVOS
from avis.registry import DATASETS
from avis.utils.youmvos_files import annotated_frame_range, read_shots
from tests.helpers.tiny_sets import data_config, write_youmvos

NAME = 'movie_trailer_-train_____'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_youmvos(tmp_path_factory.mktemp('youmvos'))


def test_record_has_the_annotated_frames_and_the_audio_of_the_video(root) -> None:
    record = YouMVOS(split='train', data_root=str(root)).record(0)
    assert record['video_name'] == NAME
    assert record['frames'][1] == f'{root}/JPEGImages/{NAME}/00005.jpg'
    assert (record['length'], record['fps']) == (7, 6.0)  # the last of eight is missing
    assert record['audio'] == f'{root}/videos/{NAME}.mp4'
    assert record['attributes'] == {
        'genre': 'movie_trailer',
        'step': 4,
        'shots': [[0, 7, True], [8, 19, True], [20, 31, False]],
        'no_eval': False,
    }


def test_frames_of_invalid_shots_have_no_labels(root) -> None:
    maps = YouMVOS(split='train', data_root=str(root)).record(0)['instance_maps']
    assert maps[4] == f'{root}/Annotations/{NAME}/00017.png'
    assert maps[5:] == [None, None]


def test_config_keeps_ids_over_cuts(root) -> None:
    data = DATASETS.build(data_config('youmvos', root).test_dataloader.dataset)[0]
    tracks = data['data_samples'].gt_tracks
    assert tracks.ids.tolist() == [1, 3]
    assert [track.areas[:5].astype(bool).tolist() for track in tracks.masks] == [
        [True] * 5,
        [False, False, True, True, True],
    ]
    assert data['data_samples'].labeled_frames.tolist() == [True] * 5 + [False] * 2
    assert len(data['inputs']['audio']) == round(7 / 6 * 16000)


def test_config_loads_a_training_clip(root) -> None:
    data = DATASETS.build(data_config('youmvos', root).train_dataloader.dataset)[0]
    assert data['inputs']['frames'].shape == (5, 3, 360, 600)


@pytest.mark.parametrize(('fps', 'step'), [(23.976, 4), (25, 5), (27, 3), (29.97, 5)])
def test_step_follows_from_the_frame_rate(fps, step) -> None:
    frames = annotated_frame_range({'fps': fps, 'num_frame': 11}, None, 'video')
    assert frames == range(0, 11, step)


def test_unknown_frame_rate_and_unusable_shots_are_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r'video: expected a step .*, got fps 60'):
        annotated_frame_range({'fps': 60, 'num_frame': 11}, None, 'video')
    path = tmp_path / 'shot.txt'
    path.write_text('0 7 4 0\n8 19\n')
    with pytest.raises(ValueError, match=r'line 2: expected first frame, last frame and flag'):
        read_shots(path)


def test_video_without_properties_is_named(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / 'copy')
    (copy / 'yt_test.txt').write_text('sports_aaaaaaaaaaa\n')
    with pytest.raises(
        ValueError, match=r"video 'sports_aaaaaaaaaaa' of yt_test.txt: expected fps"
    ):
        YouMVOS(split='test', data_root=str(copy))


def test_check_of_a_healthy_copy_names_it_partial(root, capsys) -> None:
    assert check_dataset(data_config('youmvos', root), splits=['test']) == 0
    text = capsys.readouterr().out
    assert 'YouMVOS test: a partial set, 1 of 30 videos are complete' in text
    assert 'iccv_*.txt have 140, 30 and 30' in text


def test_check_of_a_broken_copy_names_every_file(root, tmp_path, capsys) -> None:
    copy = shutil.copytree(root, tmp_path / 'copy')
    (copy / f'JPEGImages/{NAME}/00005.jpg').unlink()
    (copy / f'Annotations/{NAME}/00001.png').write_bytes(b'')
    (copy / f'Annotations/{NAME}/no_eval.txt').write_text('')
    (copy / f'videos/{NAME}.mp4').unlink()
    assert check_dataset(data_config('youmvos', copy), splits=['train']) > 0
    text = capsys.readouterr().out
    assert '00005.jpg does not exist' in text
    assert '00001.png' in text
    assert 'Videos with a file no_eval.txt, which is not used: 1.' in text
    assert 'Videos without a file to read audio from: 1.' in text
