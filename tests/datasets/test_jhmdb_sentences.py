import json
import shutil

import numpy as np
import pytest
from scipy.io import savemat

from avis.datasets.checking import check_dataset
from avis.datasets.jhmdb_sentences import JHMDBSentences
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.stored_masks import read_mat_mask
from avis.registry import DATASETS
from tests.helpers.tiny_sets import data_config, square, truncate, write_jhmdb

SIZE = (48, 80)
LIST = 'jhmdb_sentences_samples_metadata.json'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_jhmdb(tmp_path_factory.mktemp('jhmdb'))


def test_clip_is_cut_to_the_frames_with_masks(root) -> None:
    dataset = JHMDBSentences(data_root=str(root), window=4)
    record = dataset.record(1)
    assert record['video_id'] == 'v_a_(b)!_+@_f_6'
    assert [path[-9:] for path in record['frames']] == [
        f'{number:05d}.png' for number in (4, 5, 6, 6)
    ]
    masks = record['label_maps']
    assert [mask is not None for mask in masks] == [False, False, True, False]
    assert masks[2] == {'mat': f'{root}/puppet_mask/wave/a_(b)!_+@/puppet_mask.mat', 'frame': 5}
    assert record['expression'] == 'man in white'
    assert record['audio'] is None
    first = dataset.record(0)
    assert [path[-9:-4] for path in first['frames']] == ['00001', '00001', '00001', '00002']


def test_config_loads_a_sample(root) -> None:
    data = DATASETS.build(data_config('jhmdb_sentences', root).test_dataloader.dataset)[2]
    sample = data['data_samples']
    assert data['inputs']['frames'].shape == (8, 3, 256, 256)
    assert not data['inputs']['audio'].any()
    assert sample.labeled_frames.tolist() == [False] * 4 + [True] + [False] * 3
    np.testing.assert_array_equal(sample.gt_sem_seg.sem_seg[4], square(SIZE, 2) > 0)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({4: ' '}, r'\[1\]: expected a frame from 1 to 6 and a sentence'),
        (
            {1: './jhmdb_sentences/Rename_Images/wave/a/00009.png'},
            r'\[1\]: expected a frame from 1',
        ),
        ({3: None}, r'\[1\]: expected \[video, frame, masks'),
    ],
)
def test_unusable_row_of_the_list_is_named(root, tmp_path, change, message) -> None:
    rows = json.loads((root / LIST).read_text())
    for cell, value in change.items():
        rows[1][cell] = value
    for folder in ('Rename_Images', 'puppet_mask'):
        (tmp_path / folder).mkdir()
    (tmp_path / LIST).write_text(json.dumps(rows))
    with pytest.raises(ValueError, match=message):
        JHMDBSentences(data_root=str(tmp_path))


def test_check_of_a_healthy_and_of_a_broken_copy(root, tmp_path, capsys) -> None:
    assert check_dataset(data_config('jhmdb_sentences', root)) == 0
    text = capsys.readouterr().out
    assert 'JHMDBSentences test: 3 frames of 2 videos; published are 928 videos.' in text
    assert 'a partial set, 3 of 2784 videos are complete' in text
    copy = shutil.copytree(root, tmp_path / 'copy')
    truncate(copy / 'puppet_mask/wave/a_(b)!_+@/puppet_mask.mat')
    (copy / 'Rename_Images/brush_hair/c/00003.png').unlink()
    assert check_dataset(data_config('jhmdb_sentences', copy)) > 1
    text = capsys.readouterr().out
    assert 'puppet_mask.mat: is not a readable MATLAB file' in text
    assert 'brush_hair/c/00003.png does not exist' in text


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'other': np.zeros((2, 2, 3))}, 'expected a variable part_mask'),
        ({'part_mask': np.zeros((2, 2, 3))}, 'has masks of 3 frames, expected one of frame 4'),
        ({'part_mask': np.zeros((1, 2, 2, 2))}, r'is float64 \(1, 2, 2, 2\), expected numbers'),
    ],
)
def test_mat_file_without_the_mask_raises(tmp_path, content, message) -> None:
    savemat(tmp_path / 'a.mat', content)
    with pytest.raises(BrokenDataError, match=message):
        read_mat_mask(tmp_path / 'a.mat', 3)


def test_mat_file_of_a_single_frame_is_read(tmp_path) -> None:
    savemat(tmp_path / 'a.mat', {'part_mask': np.eye(3, dtype=np.uint8)})
    np.testing.assert_array_equal(read_mat_mask(tmp_path / 'a.mat', 0), np.eye(3))
