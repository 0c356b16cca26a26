"""Prior images: labels, files, generators, and the steps of the pipelines."""

import cv2
import numpy as np
import pytest
from combo import JitterEachImage, LoadPriorImages, RandomCropOrPad
from combo.make_prior_images import make_prior_images
from combo.prior_images import (
    color_regions,
    color_segments,
    find_generator,
    label_segments,
    write_prior_image,
)
from mmengine.config import Config

from avis.datasets import AVSBenchMS3
from avis.datasets.readers.images import read_image
from avis.datasets.transforms import LoadFrames, PackAVInputs, PadFrames, RandomFlip, ResizeClip
from avis.datasets.transforms.clip import worker_random
from avis.synthetic.generator import make_dataset
from tests.helpers.tiny_transformers import save_sam

REPLACE = {'visual_frames': 'pre_SAM_mask'}


def squares() -> list[np.ndarray]:
    masks = [np.zeros((8, 8), bool) for _ in range(3)]
    masks[0][:] = True
    masks[1][2:6, 2:6] = True
    masks[2][3:5, 3:8] = True
    return masks


def halves(image: np.ndarray) -> list[np.ndarray]:
    left = np.zeros(image.shape[:2], bool)
    left[:, : image.shape[1] // 2] = True
    return [left]


def test_smallest_segment_is_on_top():
    labels = label_segments(squares(), (8, 8))
    assert labels[3, 7] == labels[4, 4] == 1
    assert labels[2, 2] == 2
    assert labels[0, 0] == 3
    assert not label_segments([], (8, 8)).any()


def test_file_has_the_colors_of_the_labels(tmp_path):
    labels = label_segments(squares(), (8, 8))
    path = tmp_path / 'folder' / 'a.png'
    write_prior_image(path, labels, None)
    assert np.array_equal(read_image(path), color_segments(labels))
    write_prior_image(path, labels, 16)
    assert np.array_equal(read_image(path), color_segments(labels).repeat(2, 0).repeat(2, 1))


def test_color_regions_are_the_shapes_of_an_image():
    image = np.full((48, 64, 3), 200, np.uint8)
    cv2.rectangle(image, (8, 8), (24, 24), (40, 40, 200), -1)
    cv2.circle(image, (48, 32), 8, (40, 40, 200), -1)
    masks = color_regions(image)
    assert len(masks) == 3
    labels = label_segments(masks, image.shape[:2])
    assert len({labels[0, 0], labels[16, 16], labels[32, 48]}) == 3


def test_generator_of_another_module_is_found_by_name():
    assert find_generator('regions') is color_regions
    assert find_generator('combo.prior_images:color_regions') is color_regions
    with pytest.raises(ValueError, match='expected the generator regions, sam:MODEL'):
        find_generator('other')


def test_segment_anything_of_transformers_makes_a_prior_image(tmp_path):
    generate = find_generator(f'sam:{save_sam(tmp_path / "sam")}')
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    masks = generate(image)
    assert masks
    assert all(mask.shape == (32, 48) and mask.dtype == bool for mask in masks)
    labels = label_segments(masks, image.shape[:2])
    write_prior_image(tmp_path / 'a.png', labels, None)
    assert np.array_equal(read_image(tmp_path / 'a.png'), color_segments(labels))
    assert labels.any()


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    make_dataset(layout='avsbench_ms3', out=folder, videos=3, splits=(1, 1, 1), size=(32, 32))
    return folder / 'Multi-sources'


def test_written_files_are_read_again(root):
    steps = [{'type': LoadFrames}, {'type': LoadPriorImages, 'replace': REPLACE}]
    dataset = {'type': AVSBenchMS3, 'data_root': str(root), 'audio': 'wav', 'pipeline': steps}
    loaders = {
        f'{split}_dataloader': {'dataset': {**dataset, 'split': split}}
        for split in ('train', 'val')
    }
    cfg = Config(loaders)
    generator = f'{__name__}:halves'
    assert make_prior_images(cfg, generator, splits=['train', 'val']) == (10, 0)
    assert make_prior_images(cfg, generator, splits=['train']) == (0, 5)
    built = AVSBenchMS3(**{k: v for k, v in dataset.items() if k != 'type'}, split='train')
    priors = built[0]['prior_images']
    assert priors.shape == built[0]['frames'].shape
    assert (priors[:, :, :16] == color_segments(np.ones((1, 1), np.uint8))).all()
    assert (priors[:, :, 16:] == color_segments(np.zeros((1, 1), np.uint8))).all()


def test_steps_take_either_files_or_a_generator():
    for arguments in ({}, {'replace': REPLACE, 'generator': 'regions'}):
        with pytest.raises(ValueError, match='takes either replace or generator'):
            LoadPriorImages(**arguments)
    with pytest.raises(ValueError, match="expected 'visual_frames' in the path"):
        LoadPriorImages(replace=REPLACE).path_of('frames/a.png')


def results() -> dict:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    return {
        'frames': frames,
        'prior_images': frames.copy(),
        'gt_sem_seg': frames[..., 0] // 128,
        'length': 3,
        'video_id': 'a',
    }


@pytest.mark.parametrize(
    'step',
    [
        ResizeClip(size=(6, 6)),
        RandomFlip(prob=1.0),
        RandomCropOrPad(size=(6, 16)),
        PadFrames(num_frames=4),
    ],
    ids=lambda step: type(step).__name__,
)
def test_prior_images_are_transformed_as_frames(step):
    out = step.transform(results())
    assert not np.array_equal(out['frames'], results()['frames'])
    assert np.array_equal(out['frames'], out['prior_images'])
    packed = PackAVInputs().transform({**out, 'img_shape': out['frames'].shape[1:3]})
    assert packed['inputs']['prior_images'].equal(packed['inputs']['frames'])


def test_padding_is_gray_and_has_no_label():
    out = RandomCropOrPad(size=(6, 16)).transform(results())
    assert out['img_shape'] == (6, 16)
    assert (out['frames'][:, :, 12:] == 128).all()
    assert (out['gt_sem_seg'][:, :, 12:] == 255).all()
    assert out['gt_sem_seg'][:, :, :12].max() <= 1


def test_each_image_has_a_jitter_of_its_own():
    same = {**results(), 'frames': np.full((4, 6, 6, 3), (90, 120, 60), np.uint8)}
    same['prior_images'] = same['frames'].copy()
    worker_random().seed(0)
    out = JitterEachImage().transform(same)
    images = np.concatenate([out['frames'], out['prior_images']])
    colors = {tuple(image[0, 0]) for image in images}
    assert len(colors) > 4
    assert all((image == image[0, 0]).all() for image in images)
    off = JitterEachImage(brightness=0, contrast=(1, 1), saturation=(1, 1), hue=0)
    assert np.abs(off.transform(same)['frames'].astype(int) - same['frames']).max() <= 2
