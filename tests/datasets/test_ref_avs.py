import shutil

import numpy as np
import pytest

from avis.datasets.checking import check_dataset
from avis.datasets.ref_avs import RefAVS
from avis.registry import DATASETS
from avis.utils.ref_avs_csv import read_ref_avs_rows
from tests.helpers.tiny_sets import data_config, square, write_ref_avs


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_ref_avs(tmp_path_factory.mktemp('ref_avs'))


def records(root, split):
    dataset = RefAVS(split=split, data_root=str(root))
    return [dataset.record(index) for index in range(len(dataset))]


def test_record_has_the_expression_and_the_masks_of_its_object(root) -> None:
    first, second = records(root, 'val')
    assert first['expression'] == 'The object on the left.'
    assert second['expression'] == 'The "last" one, to sound'
    assert first['video_id'] == first['video_name'] == '-val_0_10000_hair-dryer_1'
    assert first['frames'][9] == f'{root}/media/-val_0_10000/frames/9.jpg'
    assert first['audio'] == f'{root}/media/-val_0_10000/audio.wav'
    assert first['label_maps'][9] == f'{root}/gt_mask/-val_0_10000/fid_3/00009.png'
    assert (first['length'], first['fps']) == (10, 1.0)
    assert first['attributes'] == {
        'clip': '-val_0_10000',
        'object': 'hair-dryer',
        'split': 'val',
        'null': False,
    }


def test_null_references_have_clips_of_their_own(root) -> None:
    (null,) = records(root, 'test_n')
    assert null['attributes']['null']
    assert null['frames'][0] == f'{root}/media/null_c--test-n_0_10000/frames/0.jpg'
    assert null['label_maps'][0] == f'{root}/gt_mask/null_c--test-n_0_10000/fid_0/00000.png'
    assert [r['attributes']['null'] for r in records(root, 'train')] == [False, False, True]


def test_repeated_uids_get_ids_of_their_own(root) -> None:
    names = [record['video_id'] for record in records(root, 'test_u')]
    assert names == ['-test-u_0_10000_hair-dryer_1', '-test-u_0_10000_hair-dryer_1~2']


def test_split_test_has_all_three_test_splits(root) -> None:
    splits = [record['attributes']['split'] for record in records(root, 'test')]
    assert splits == ['test_s'] * 2 + ['test_u'] * 2 + ['test_n']


def test_config_loads_a_training_sample(root) -> None:
    data = DATASETS.build(data_config('ref_avs', root).train_dataloader.dataset)[0]
    sample = data['data_samples']
    assert data['inputs']['frames'].shape == (10, 3, 256, 256)
    assert data['inputs']['audio'].shape == (160000,)
    assert sample.expression == 'The object on the left.'
    assert sample.gt_sem_seg.sem_seg.shape == (10, 256, 256)


def test_config_tests_with_labels_of_the_size_of_the_files(root) -> None:
    data = DATASETS.build(data_config('ref_avs', root).test_dataloader.dataset)[0]
    assert data['inputs']['frames'].shape == (10, 3, 256, 256)
    labels = data['data_samples'].gt_sem_seg.sem_seg
    np.testing.assert_array_equal(labels[1], square((48, 80), 1) > 0)


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('v,v_0_1_cat_1,train,0,', r'line 2 ends early or is empty'),
        ('v,cat,train,0,The cat.', r"expected uid to be <clip>_<object>_<number>, got 'cat'"),
    ],
)
def test_unusable_row_raises(tmp_path, row, message) -> None:
    table = tmp_path / 'metadata.csv'
    table.write_text(f'vid,uid,split,fid,exp\n{row}\n')
    with pytest.raises(ValueError, match=message):
        read_ref_avs_rows(table)


def test_missing_folder_shows_the_layout(tmp_path) -> None:
    (tmp_path / 'metadata.csv').write_text('vid,uid,split,fid,exp\n')
    with pytest.raises(FileNotFoundError, match=r'(?s)media does not exist.*fid_<fid>'):
        RefAVS(split='val', data_root=str(tmp_path))


def test_check_of_a_healthy_copy_names_it_partial(root, capsys) -> None:
    assert check_dataset(data_config('ref_avs', root)) == 0
    text = capsys.readouterr().out
    assert 'RefAVS train: a partial set, 3 of 14113 videos are complete (0.0%)' in text
    assert "RefAVS train: Rows of split 'TODO', not used: 1." in text
    assert 'RefAVS train: 3 videos, published are 14113.' in text


def test_check_of_a_broken_copy_names_every_file(root, tmp_path, capsys) -> None:
    copy = shutil.copytree(root, tmp_path / 'copy')
    clip = '-test-s_0_10000'
    (copy / f'gt_mask/{clip}/fid_3/00004.png').unlink()
    shutil.rmtree(copy / 'media/-val_0_10000/frames')
    (copy / 'media/null_c--train_0_10000/audio.wav').write_bytes(b'')
    table = copy / 'metadata.csv'
    table.write_text(table.read_text().replace('The object on the left.', 'NO.'))
    assert check_dataset(data_config('ref_avs', copy)) > 0
    text = capsys.readouterr().out
    assert f'{clip}/fid_3/00004.png does not exist' in text
    assert 'frames does not exist, so the frames of a video are missing' in text
    assert 'null_c--train_0_10000/audio.wav' in text
    assert "RefAVS test: Expressions of objects that are 'NO.' and describe nothing: 2." in text
