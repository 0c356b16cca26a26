"""VPO in its layout: records, mixed audio, labels and the check of its files."""

import shutil

import numpy as np
import pytest
import soundfile

from avis.datasets.checking import check_dataset
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms import LoadLabelMaps, LoadMixedAudio, RandomFlip
from avis.datasets.vpo import VPO
from avis.registry import DATASETS
from avis.utils.vpo_csv import read_vpo_images
from tests.helpers.tiny_sets import data_config, write_image, write_vpo

RATE = 16000


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_vpo(tmp_path_factory.mktemp('vpo'))


def records(root, subset, split):
    dataset = VPO(subset=subset, split=split, data_root=str(root))
    return [dataset.record(index) for index in range(len(dataset))]


def test_each_row_of_single_sources_is_a_record(root) -> None:
    first, second = records(root, 'ss', 'train')
    assert first['video_id'] == '000000000007_000000000021'
    assert first['frames'] == [f'{root}/VPO/VPO-SS/data/cat/000000000007.jpg']
    assert second['label_maps'] == [f'{root}/VPO/VPO-SS/mask/car/000000000007_000000000022.png']
    audio = f'{root}/vggsound_bench/VGGSound/audios/motor.wav'
    assert second['audio_sources'] == [{'audio': audio, 'position': 0.75}]


def test_rows_of_an_image_with_several_sources_are_one_record(root) -> None:
    (record,) = records(root, 'ms', 'train')
    assert record['attributes'] == {
        'subset': 'ms',
        'categories': ['cat', 'airplane'],
        'sources': 2,
    }
    assert [source['position'] for source in record['audio_sources']] == [0.25, 1.0]


def test_rows_without_several_instances_use_the_files_of_vpo_ms(root) -> None:
    one, several = records(root, 'msmi', 'train')
    assert one['frames'] == [f'{root}/VPO/VPO-MS/data/000000000005.jpg']
    assert one['label_maps'] == [f'{root}/VPO/VPO-MS/mask/000000000005.png']
    assert several['frames'] == [f'{root}/VPO/VPO-MSMI/data/000000000004.jpg']


def test_validation_rows_belong_to_the_test(root) -> None:
    names = [record['video_id'] for record in records(root, 'ss', 'test')]
    assert names == ['000000000008_000000000023', '000000000009_000000000024']


def test_mono_is_the_sum_of_the_middle_of_each_file(root) -> None:
    (record,) = records(root, 'ms', 'train')
    audio = LoadMixedAudio().transform({**record})['audio']
    meow, motor = (
        soundfile.read(source['audio'], dtype='float32')[0] for source in record['audio_sources']
    )
    middle = meow[56000:104000]
    repeated = np.concatenate([motor, motor[:RATE]])
    np.testing.assert_array_equal(audio, middle + repeated)


def test_stereo_weights_sources_by_their_position_and_flips_with_the_image(root) -> None:
    (record,) = records(root, 'ms', 'train')
    mono = LoadMixedAudio().transform({**record})['audio']
    loaded = LoadMixedAudio(stereo=True).transform({**record})
    left, right = loaded['audio']
    np.testing.assert_allclose(left + right, mono, atol=1e-6)
    alone = {**record, 'audio_sources': record['audio_sources'][1:]}  # at the right
    np.testing.assert_array_equal(LoadMixedAudio(stereo=True).transform(alone)['audio'][0], 0)
    image = np.zeros((1, 4, 6, 3), np.uint8)
    flipped = RandomFlip(prob=1.0).transform({**loaded, 'frames': image})
    np.testing.assert_array_equal(flipped['audio'], [right, left])
    later = LoadMixedAudio(stereo=True).transform({**record, 'flip': True})
    np.testing.assert_array_equal(later['audio'], flipped['audio'])


def test_config_loads_a_training_sample_with_classes_and_ignored_pixels(root) -> None:
    data = DATASETS.build(data_config('vpo', root).train_dataloader.dataset)[0]
    assert data['inputs']['frames'].shape == (1, 3, 512, 512)
    assert data['inputs']['audio'].shape == (3 * RATE,)
    labels = data['data_samples'].gt_sem_seg.sem_seg
    # A car (5) stays a car beside an airplane (1).
    assert labels.unique().tolist() == [0, 1, 5, 255]


def test_config_tests_at_the_size_of_the_image(root) -> None:
    data = DATASETS.build(data_config('vpo', root).test_dataloader.dataset)[0]
    assert data['inputs']['frames'].shape == (1, 3, 48, 80)


def test_unknown_id_in_a_mask_names_the_file(tmp_path) -> None:
    path = write_image(tmp_path / 'mask.png', np.full((4, 4), 7, np.uint8))
    with pytest.raises(BrokenDataError, match=r'mask.png: is no mask of VPO .*got \[7\]'):
        LoadLabelMaps(encoding='vpo_ids').read(str(path))


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('x,1,cat,meow,train,0.5', "image x: expected img_Id to be a number, got 'x'"),
        ('7,1,cat,meow,train,1.5', "image 7: expected audio_pos from 0 to 1, got '1.5'"),
        ('7,1,cat,meow,train,left', "image 7: expected audio_pos from 0 to 1, got 'left'"),
    ],
)
def test_unusable_row_raises(tmp_path, row, message) -> None:
    table = tmp_path / 'vpo_ss_data_stereo.csv'
    table.write_text(f'img_Id,ann_Ids,cateName,vgg_file,split,audio_pos\n{row}\n')
    with pytest.raises(ValueError, match=message):
        read_vpo_images(table, 'ss')


def test_unknown_subset_is_refused(root) -> None:
    with pytest.raises(ValueError, match=r"expected subset to be one of .*got 'mm'"):
        VPO(subset='mm', split='train', data_root=str(root))


def test_check_of_a_healthy_copy_finds_nothing(root, capsys) -> None:
    assert check_dataset(data_config('vpo', root)) == 0
    assert 'VPO train: 12202 images are reported for all splits' in capsys.readouterr().out


def test_check_of_a_broken_copy_names_every_file(root, tmp_path, capsys) -> None:
    copy = shutil.copytree(root, tmp_path / 'copy')
    (copy / 'vggsound_bench/VGGSound/audios/meow.wav').unlink()
    (copy / 'VPO/VPO-SS/mask/car/000000000007_000000000022.png').write_bytes(b'')
    (copy / 'VPO/VPO-SS/data/car/000000000009.jpg').unlink()
    table = copy / 'VPO/VPO-SS/vpo_ss_data_stereo.csv'
    table.write_text(table.read_text() + '7,25,cat,meow,extra,0.5,\n')
    assert check_dataset(data_config('vpo', copy)) > 0
    text = capsys.readouterr().out
    assert 'audios/meow.wav does not exist' in text
    assert '000000000007_000000000022.png: is an empty file' in text
    assert 'car/000000000009.jpg does not exist' in text
    assert "line 6 has split 'extra' and is not used" in text
