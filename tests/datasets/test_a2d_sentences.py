import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from avis.datasets.a2d_sentences import A2DSentences
from avis.datasets.checking import check_dataset
from avis.datasets.readers import stored_masks
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.stored_masks import read_h5_mask
from avis.registry import DATASETS
from tests.helpers.tiny_sets import data_config, number_shown, square, truncate, write_video

SIZE = (64, 64)  # of write_video
MASKS = 'text_annotations/a2d_annotation_with_instances'
ROWS = ['v1,1,dog', 'v1,2,"bird, red"', 'v2,1,cat', 'v2,1 (copy),cat', 'v3,1,ball']


def write_masks(path: Path, ids: list[int]) -> None:
    """Instance k is a square that is k to the right; a single one has no leading axis."""
    path.parent.mkdir(parents=True, exist_ok=True)
    masks = np.stack([square(SIZE, k).T > 0 for k in ids]).astype(np.uint8)
    with h5py.File(path, 'w') as file:
        file['instance'] = np.array([ids], float).T
        file['reMask'] = masks if len(ids) > 1 else masks[0]
        file['reBBox'] = np.zeros((4, len(ids)))


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    """Train: v1 with frames 2 and 12 of 12, instance 2 in frame 2 only; test: v2; v3 is missed."""
    root = tmp_path_factory.mktemp('a2d')
    (root / 'Release/clips320H').mkdir(parents=True)
    for name in ('v1', 'v2'):
        write_video(root / f'Release/clips320H/{name}.mp4', 12, audio=False)
    lines = [f'{name},1,0:00,0:01,64,64,12,2,{split}\n' for name, split in (('v1', 0), ('v2', 1))]
    (root / 'Release/videoset.csv').write_text(''.join(lines))
    write_masks(root / MASKS / 'v1/00002.h5', [1, 2])
    write_masks(root / MASKS / 'v1/00012.h5', [1])
    write_masks(root / MASKS / 'v2/00006.h5', [1])
    text = root / 'text_annotations'
    (text / 'a2d_annotation.txt').write_text('\n'.join(['video_id,instance_id,query', *ROWS]))
    (text / 'a2d_missed_videos.txt').write_text('v3\n')
    return root


def test_record_is_a_clip_of_the_video_around_the_annotated_frame(root) -> None:
    dataset = A2DSentences(data_root=str(root), split='train', window=4)
    records = [dataset.record(index) for index in range(len(dataset))]
    assert [record['video_id'] for record in records] == [
        f'v_v1_f_{frame}_i_{instance}' for instance in (1, 2) for frame in (2, 12)
    ]
    assert [record['expression'] for record in records] == ['dog'] * 2 + ['bird, red'] * 2
    first, last = records[0], records[1]
    assert first['frame_ids'].tolist() == [0, 0, 1, 2]
    assert last['frame_ids'].tolist() == [9, 10, 11, 11]
    assert (first['fps'], first['length'], first['height']) == (10, 12, 64)
    assert first['label_maps'][1] == {'h5': f'{root}/{MASKS}/v1/00002.h5', 'instance': 1}
    assert sum(mask is not None for mask in first['label_maps']) == 1


def test_clip_and_mask_are_loaded(root) -> None:
    data = DATASETS.build(data_config('a2d_sentences', root).test_dataloader.dataset)[0]
    sample = data['data_samples']
    assert data['inputs']['frames'].shape == (8, 3, 256, 256)
    frames = data['inputs']['frames'][:, :, ::4, ::4].permute(0, 2, 3, 1).numpy()
    assert [number_shown(frame) for frame in frames] == list(range(1, 9))
    assert sample.labeled_frames.tolist() == [False] * 4 + [True] + [False] * 3
    np.testing.assert_array_equal(sample.gt_sem_seg.sem_seg[4], square(SIZE, 1) > 0)


def test_frame_without_the_instance_has_no_label(root) -> None:
    data = DATASETS.build(data_config('a2d_sentences', root).train_dataloader.dataset)
    assert [data[index]['data_samples'].labeled_frames.any() for index in range(4)] == [
        *(True, True, True, False)
    ]


def test_check_of_a_healthy_and_of_a_broken_copy(root, tmp_path, capsys) -> None:
    assert check_dataset(data_config('a2d_sentences', root)) == 0
    text = capsys.readouterr().out
    assert 'A2DSentences test: Rows whose instance is not a number, not used: 1.' in text
    assert '2 sentences of 5 in the file; published are 6655 of all splits.' in text
    copy = shutil.copytree(root, tmp_path / 'copy')
    truncate(copy / MASKS / 'v1/00012.h5')
    assert check_dataset(data_config('a2d_sentences', copy)) > 0
    assert '00012.h5: is not a readable HDF5 file' in capsys.readouterr().out
    (copy / MASKS / 'v2/00006.h5').rename(copy / MASKS / 'v2/00013.h5')
    with pytest.raises(BrokenDataError, match=r'00013\.h5: expected a frame from 1 to 12'):
        A2DSentences(data_root=str(copy), split='test')


def test_table_with_other_columns_raises(root, tmp_path) -> None:
    copy = shutil.copytree(root, tmp_path / 'copy')
    (copy / 'Release/videoset.csv').write_text('v1,1,0\n')
    with pytest.raises(ValueError, match=r'videoset\.csv: line 1: expected 9 columns, got 3'):
        A2DSentences(data_root=str(copy), split='test')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'instance': [1]}, 'expected instance and reMask'),
        ({'instance': [1, 2], 'reMask': np.zeros((3, 4, 4))}, r'reMask is \(3, 4, 4\), expected'),
    ],
)
def test_file_with_other_masks_raises(tmp_path, content, message) -> None:
    with h5py.File(tmp_path / 'a.h5', 'w') as file:
        for key, value in content.items():
            file[key] = value
    with pytest.raises(BrokenDataError, match=message):
        read_h5_mask(tmp_path / 'a.h5', 1)


def test_missing_h5py_names_its_extra(monkeypatch) -> None:
    def fail(name: str, **more: str) -> None:
        raise ImportError(f'{more["by"]} needs {name}; install it: {more["install"]}')

    monkeypatch.setattr(stored_masks, 'require', fail)
    with pytest.raises(ImportError, match=r"A2D Sentences needs h5py.*pip install 'avis\[a2d\]'"):
        read_h5_mask('a.h5', 1)
