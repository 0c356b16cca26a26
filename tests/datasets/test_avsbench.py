import shutil
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from avis.apis.config import load_config
from avis.datasets.avsbench import AVSBenchMS3, AVSBenchS4, AVSBenchSemantic
from avis.datasets.transforms.clip import frame_ids_of
from avis.registry import DATASETS
from avis.structures.labels import AVSBENCH_CATEGORIES, AVSS_CLASSES
from tests.helpers.tiny_sets import square, write_audio, write_avss, write_ms3, write_s4

BASES = 'configs/_base_/datasets'


@pytest.fixture(scope='module')
def s4(tmp_path_factory) -> str:
    return str(write_s4(tmp_path_factory.mktemp('s4')))


@pytest.fixture(scope='module')
def ms3(tmp_path_factory) -> str:
    return str(write_ms3(tmp_path_factory.mktemp('ms3')))


@pytest.fixture(scope='module')
def avss(tmp_path_factory) -> str:
    return str(write_avss(tmp_path_factory.mktemp('avss')))


def from_config(name: str, split: str, data_root: str, **options):
    """Build the data set of a base config with other files."""
    cfg = load_config(f'{BASES}/{name}.py')
    return DATASETS.build({**cfg[f'{split}_dataloader'].dataset, 'data_root': data_root, **options})


def test_s4_record(s4) -> None:
    dataset = AVSBenchS4(split='val', data_root=s4, audio='wav')
    record = dataset.record(1)
    assert len(dataset) == 2
    assert record['video_id'] == record['video_name'] == 'val1'
    root = f'{s4}/s4_data'
    assert record['frames'][4] == f'{root}/visual_frames/val/dog_barking/val1/val1_5.png'
    assert record['label_maps'][0] == f'{root}/gt_masks/val/dog_barking/val1/val1_1.png'
    assert record['audio'] == f'{root}/audio_wav/val/dog_barking/val1.wav'
    assert (record['length'], record['fps']) == (5, 1.0)
    assert record['attributes'] == {'category': 'dog_barking', 'start': '12'}
    assert dataset.test_mode
    log_mel = AVSBenchS4(split='val', data_root=s4).record(0)
    assert log_mel['audio'] == f'{root}/audio_log_mel/val/dog_barking/val0.pkl'


def test_s4_labels_only_the_first_frame_of_training_clips(s4) -> None:
    train = AVSBenchS4(split='train', data_root=s4)
    assert not train.test_mode
    assert [path is not None for path in train.record(0)['label_maps']] == [True] + [False] * 4
    assert all(AVSBenchS4(split='test', data_root=s4).record(0)['label_maps'])


def test_s4_keeps_or_excludes_categories(tmp_path) -> None:
    root = str(write_s4(tmp_path))
    table = tmp_path / 's4_meta_data.csv'
    table.write_text(table.read_text().replace('test1,12,dog_barking', 'test1,12,race_car'))

    def names(**options) -> list[str]:
        dataset = AVSBenchS4(split='test', data_root=root, **options)
        assert (dataset.published is None) == bool(options)
        return [dataset.record(index)['video_id'] for index in range(len(dataset))]

    assert names() == ['test0', 'test1']
    assert names(categories=['race_car']) == ['test1']
    assert names(excluded_categories=['race_car']) == ['test0']
    with pytest.raises(ValueError, match=r"some of \['dog_barking', 'race_car'\], got \['cars'\]"):
        names(categories=['cars'])
    with pytest.raises(ValueError, match=r'expected at least one category, got categories=\[\]'):
        names(categories=[])


def test_config_of_unseen_categories_trains_and_tests_on_different_ones() -> None:
    config = load_config('configs/avs/tpavi/ablations/tpavi_r50_s4_unseen.py')
    unseen = config.test_dataloader.dataset.categories
    assert set(unseen) < set(AVSBENCH_CATEGORIES)
    for loader in (config.train_dataloader, config.val_dataloader):
        assert loader.dataset.excluded_categories == unseen
        assert 'categories' not in loader.dataset


def test_ms3_record(ms3) -> None:
    record = AVSBenchMS3(split='train', data_root=ms3).record(0)
    root = f'{ms3}/ms3_data'
    assert record['frames'][0] == f'{root}/visual_frames/train0/train0.mp4_1.png'
    assert record['label_maps'][4] == f'{root}/gt_masks/train/train0/train0_5.png'
    assert record['audio'] == f'{root}/audio_log_mel/train/train0.pkl'


@pytest.mark.parametrize(('split', 'labeled'), [('train', [1, 5, 10]), ('test', [5, 5, 10])])
def test_avss_record(avss, split, labeled) -> None:
    dataset = AVSBenchSemantic(split=split, data_root=avss)
    records = [dataset.record(i) for i in range(len(dataset))]
    assert [record['length'] for record in records] == [5, 5, 10]
    assert [10 - record['label_maps'].count(None) for record in records] == [
        10 - (record['length'] - n) for record, n in zip(records, labeled, strict=True)
    ]
    assert records[2]['frames'][9] == f'{avss}/v2/v2_{split}/frames/9.jpg'
    assert records[0]['label_maps'][0] == f'{avss}/v1s/v1s_{split}/labels_rgb/0.png'
    assert records[1]['audio'] == f'{avss}/v1m/v1m_{split}/audio.wav'
    assert records[2]['attributes'] == {'subset': 'v2'}


def test_data_sets_have_their_classes() -> None:
    assert len(AVSS_CLASSES) == 71
    assert (AVSS_CLASSES[17], AVSS_CLASSES[70]) == ('dog', 'woman')
    assert len(AVSBENCH_CATEGORIES) == 23
    # Pascal VOC's person, sheep and monitor, and the last one by hand: 70 = 0b1000110.
    palette = AVSBenchSemantic.METAINFO['palette']
    assert [palette[k] for k in (15, 17, 20)] == [[192, 128, 128], [128, 64, 0], [0, 64, 128]]
    assert palette[70] == [32, 128, 128]


@pytest.mark.parametrize('audio', ['wav', 'log_mel'])
def test_s4_config_loads_a_clip(s4, audio) -> None:
    data = from_config('avsbench_s4', 'train', s4, audio=audio)[0]
    frames, sample = data['inputs']['frames'], data['data_samples']
    assert frames.shape == (5, 3, 224, 224)
    assert data['inputs']['audio'].shape == ((80000,) if audio == 'wav' else (5, 96, 64))
    assert sample.gt_sem_seg.sem_seg.shape == (5, 224, 224)
    assert sample.labeled_frames.tolist() == [True] + [False] * 4
    assert frames[:, 0].float().mean(dim=(1, 2)).tolist() == [10, 30, 50, 70, 90]
    expected = np.kron(square((64, 64), 0) > 0, np.ones((7, 7)))[1::2, 1::2]  # 64 to 224, nearest
    np.testing.assert_array_equal(sample.gt_sem_seg.sem_seg[0], expected)
    assert sample.ori_shape == (64, 64)


def test_test_size_512_is_set_in_one_place(ms3) -> None:
    cfg = load_config(f'{BASES}/avsbench_ms3.py')
    cfg.train_dataloader.dataset.pipeline.resize.size = (512, 512)
    cfg.train_dataloader.dataset.data_root = ms3
    data = DATASETS.build(cfg.train_dataloader.dataset)[0]
    assert data['inputs']['frames'].shape == (5, 3, 512, 512)
    assert data['data_samples'].gt_sem_seg.sem_seg.shape == (5, 512, 512)
    assert data['data_samples'].labeled_frames.all()


@pytest.mark.parametrize('split', ['train', 'val'])
def test_avss_clips_are_padded_to_ten_frames(avss, split) -> None:
    dataset = from_config('avss', split, avss)
    short, several, full = (dataset[i] for i in range(3))
    for data in (short, several, full):
        assert data['inputs']['frames'].shape == (10, 3, 224, 224)
    seconds = [len(data['inputs']['audio']) / 16000 for data in (short, several, full)]
    assert seconds == [5, 5, 10]  # without silence: VGGish sees where the audio ends
    assert [int(d['data_samples'].valid_frames.sum()) for d in (short, several, full)] == [5, 5, 10]
    first = 1 if split == 'train' else 5
    labeled = [int(d['data_samples'].labeled_frames.sum()) for d in (short, several, full)]
    assert labeled == [first, 5, 10]
    assert short['inputs']['frames'][5:].max() == 0
    classes = full['data_samples'].gt_sem_seg.sem_seg.unique().tolist()
    assert classes == [0, 17]


def test_avss_crops_for_training_and_resizes_for_testing(avss) -> None:
    train = from_config('avss', 'train', avss)[2]['inputs']['frames'][0]
    test = from_config('avss', 'test', avss)[2]['inputs']['frames'][0]
    # Blue counts the 80 columns; the center crop of 48 x 80 keeps columns 16 to 63 (JPEG: +-3).
    assert train[2, 0, [0, -1]].tolist() == pytest.approx([16, 63], abs=4)
    assert test[2, 0, [0, -1]].tolist() == pytest.approx([0, 79], abs=4)


def test_two_workers_load_the_same_samples_as_none(s4) -> None:
    dataset = from_config('avsbench_s4', 'test', s4)
    loader = DataLoader(dataset, batch_size=2, num_workers=2, collate_fn=pseudo_collate)
    (batch,) = list(loader)
    assert len(batch['inputs']['frames']) == len(batch['data_samples']) == 2
    for index in range(2):
        torch.testing.assert_close(
            batch['inputs']['frames'][index], dataset[index]['inputs']['frames']
        )


def test_data_set_can_be_pickled_for_spawned_workers(s4) -> None:
    dataset = from_config('avsbench_s4', 'test', s4, skip_broken=True)
    copy = ForkingPickler.loads(ForkingPickler.dumps(dataset))
    assert copy[1]['data_samples'].video_id == 'test1'


def test_types_may_be_strings(s4) -> None:
    dataset = DATASETS.build(
        {
            'type': 'AVSBenchS4',
            'data_root': s4,
            'split': 'val',
            'pipeline': [{'type': 'SampleFrames', 'mode': 'first', 'num_frames': 2}],
        }
    )
    assert frame_ids_of(dataset[0]).tolist() == [0, 1]


@pytest.mark.parametrize('cls', [AVSBenchS4, AVSBenchMS3, AVSBenchSemantic])
def test_unknown_split_is_an_error(cls) -> None:
    with pytest.raises(ValueError, match=rf"{cls.__name__}: split must be one of .*got 'dev'"):
        cls(split='dev')


@pytest.mark.parametrize('cls', [AVSBenchS4, AVSBenchMS3, AVSBenchSemantic])
def test_missing_data_root_error_shows_the_layout(cls, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere does not exist') as caught:
        cls(split='train', data_root=str(tmp_path / 'nowhere'))
    assert cls.LAYOUT in str(caught.value)


def test_missing_csv_and_folders_are_errors_with_path(tmp_path) -> None:
    root = write_s4(tmp_path, {'train': 1})
    for lost in ('s4_data/audio_wav', 's4_data/gt_masks', 's4_meta_data.csv'):
        path = root / lost
        (path.unlink if path.is_file() else lambda p=path: shutil.rmtree(p))()
        with pytest.raises(FileNotFoundError, match=f'{lost} does not exist'):
            AVSBenchS4(split='train', data_root=str(root), audio='wav')
    avss = write_avss(tmp_path / 'avss')
    shutil.rmtree(avss / 'v1m')
    with pytest.raises(FileNotFoundError, match='v1m does not exist'):
        AVSBenchSemantic(split='val', data_root=str(avss))


def test_missing_form_of_audio_error_names_the_other(ms3) -> None:
    with pytest.raises(FileNotFoundError, match=r"audio_wav does not exist.*Set audio='log_mel'"):
        AVSBenchMS3(split='train', data_root=ms3, audio='wav')


def test_ms3_reads_wav_files(tmp_path) -> None:
    root = write_ms3(tmp_path, {'train': 1})
    write_audio(root / 'ms3_data/audio_wav/train/train0.wav', 5)
    data = from_config('avsbench_ms3', 'train', str(root), audio='wav')[0]
    assert data['inputs']['audio'].shape == (80000,)


def test_unknown_form_of_audio_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"AVSBenchS4: expected audio to be one of .*got 'mp3'"):
        AVSBenchS4(split='train', audio='mp3')


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        (b'', 'expected a csv, got an empty file'),
        (b'name,split\na,train\n', 'expected the columns'),
        (b'video,start,category,split\na,1,dog,train\nb,2,d', 'line 3 ends early'),
        (b'video,start,category,split\na,1,,train\n', 'line 2 ends early or is empty'),
        (b'\xff\xfe\x00broken', 'expected a csv'),
        (
            b'version https://git-lfs.github.com/spec/v1\n',
            'expected a csv, got a pointer of Git LFS',
        ),
        (b'<!DOCTYPE html>', 'expected a csv, got a web page'),
        (b'video,start,category,split\n"a', 'expected a csv'),
        (
            b'video,start,category,split\na,1,dog,test\n',
            r"expected rows of split 'train'.*of \['test'\]",
        ),
    ],
)
def test_broken_csv_is_an_error_with_its_path(tmp_path, content, problem) -> None:
    root = write_s4(tmp_path, {'train': 1})
    (root / 's4_meta_data.csv').write_bytes(content)
    with pytest.raises(ValueError, match=problem) as caught:
        AVSBenchS4(split='train', data_root=str(root))
    assert 's4_meta_data.csv' in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        ('vid,uid,split\na,a,train\n', r"columns \['uid', 'label', 'split'\], got \['vid'"),
        ('uid,split,label\na,train,v3\n', "clip 'a' has label 'v3', expected one of"),
    ],
)
def test_broken_metadata_is_an_error_with_its_path(tmp_path, content, problem) -> None:
    (tmp_path / 'metadata.csv').write_text(content)
    with pytest.raises(ValueError, match=problem):
        AVSBenchSemantic(split='train', data_root=str(tmp_path))


def test_byte_order_mark_and_blank_lines_are_ignored(tmp_path) -> None:
    root = write_s4(tmp_path, {'train': 2})
    text = (root / 's4_meta_data.csv').read_text()
    (root / 's4_meta_data.csv').write_text('\ufeff' + text + '\n\n', encoding='utf-8')
    assert len(AVSBenchS4(split='train', data_root=str(root))) == 2
