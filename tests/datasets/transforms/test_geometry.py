import numpy as np
import pytest
from PIL import Image

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.clip_geometry import ClipGeometry
from avis.datasets.transforms.geometry import (
    CenterCrop,
    RandomCrop,
    RandomFlip,
    RandomResizedCrop,
    ResizeClip,
)


def clip(height: int, width: int, frames: int = 3) -> dict:
    """Every frame is the same image; the label map marks its bright pixels."""
    image = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2] = 255
    images = np.broadcast_to(image[None, ..., None], (frames, height, width, 3)).copy()
    labels = np.broadcast_to(image == 255, (frames, height, width)).astype(np.uint8)
    return {
        'video_id': 'v',
        'frames': images,
        'gt_sem_seg': labels,
        'ori_shape': (height, width),
        'img_shape': (height, width),
    }


def same_in_every_frame(results: dict) -> bool:
    return all((results[key] == results[key][:1]).all() for key in ('frames', 'gt_sem_seg'))


def test_resize_equals_pillow() -> None:
    source = clip(60, 90)
    results = ResizeClip(size=(22, 34)).transform(source)
    expected = Image.fromarray(source['frames'][0]).resize((34, 22), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(results['frames'][2], expected)
    label = Image.fromarray(source['gt_sem_seg'][0]).resize((34, 22), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(results['gt_sem_seg'][2], label)
    assert results['img_shape'] == (22, 34)
    assert results['ori_shape'] == (60, 90)
    assert source['img_shape'] == (60, 90)


@pytest.mark.parametrize(
    ('shape', 'expected'), [((48, 80), (22, 36)), ((80, 48), (36, 22)), ((30, 30), (22, 22))]
)
def test_resize_keeps_aspect_ratio(shape, expected) -> None:
    results = ResizeClip(short_side=22).transform(clip(*shape))
    assert results['frames'].shape == (3, *expected, 3)
    assert results['gt_sem_seg'].shape == (3, *expected)


def test_clip_of_right_size_is_not_resized() -> None:
    source = clip(24, 24)
    results = ResizeClip(size=(24, 24)).transform(source)
    assert results['frames'] is source['frames']


@pytest.mark.parametrize('options', [{}, {'size': (2, 2), 'short_side': 2}])
def test_resize_needs_either_size_or_short_side(options) -> None:
    with pytest.raises(ValueError, match='either size'):
        ResizeClip(**options)


def test_resize_without_labels() -> None:
    source = clip(24, 24)
    del source['gt_sem_seg']
    assert 'gt_sem_seg' not in ResizeClip(size=(8, 8)).transform(source)


def test_center_crop_crops_the_center() -> None:
    source = clip(20, 33)
    results = CenterCrop(size=(20, 20)).transform(source)
    # (33 - 20) / 2 = 6.5 rounds to the even 6, as in the authors' Python.
    np.testing.assert_array_equal(results['frames'], source['frames'][:, :, 6:26])
    np.testing.assert_array_equal(results['gt_sem_seg'], source['gt_sem_seg'][:, :, 6:26])
    assert results['img_shape'] == (20, 20)


def test_crop_larger_than_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'\(20, 33\).*ResizeClip\(short_side=24\)'):
        CenterCrop(size=(24, 24)).transform(clip(20, 33))


def test_random_crop_uses_one_box_for_all_frames() -> None:
    worker_random().seed(0)
    crop = RandomResizedCrop(size=(64, 64), scale=(0.2, 0.6))
    shapes = []
    for _ in range(10):
        results = crop.transform(clip(64, 80))
        assert results['frames'].shape == (3, 64, 64, 3)
        assert results['img_shape'] == (64, 64)
        assert same_in_every_frame(results)
        # Labeled pixels are bright: image and label map were cropped the same way.
        inside = results['frames'][0, ..., 0][results['gt_sem_seg'][0] == 1]
        assert inside.size == 0 or inside.mean() > 240
        shapes.append(results['frames'].tobytes())
    assert len(set(shapes)) == 10


def test_random_crop_respects_area_and_ratio() -> None:
    worker_random().seed(0)
    crop = RandomResizedCrop(size=(8, 8), scale=(0.25, 0.5), ratio=(0.5, 2.0))
    boxes = [crop._draw_box(100, 100) for _ in range(300)]
    areas = np.array([h * w for _, _, (h, w) in boxes])
    ratios = np.array([w / h for _, _, (h, w) in boxes])
    assert 2400 < areas.min() < 2700
    assert 4700 < areas.max() < 5100
    assert 0.48 < ratios.min() < 0.6
    assert 1.7 < ratios.max() < 2.05
    assert all(top + h <= 100 and left + w <= 100 for top, left, (h, w) in boxes)


def test_random_crop_never_cuts_with_prob_0() -> None:
    source = clip(64, 80)
    results = RandomResizedCrop(size=(32, 32), prob=0).transform(source)
    np.testing.assert_array_equal(
        results['frames'], ResizeClip(size=(32, 32)).transform(source)['frames']
    )


@pytest.mark.parametrize(('prob', 'flip'), [(0, False), (1, True)])
def test_flip_applies_to_the_whole_clip(prob, flip) -> None:
    source = clip(6, 8)
    results = RandomFlip(prob=prob).transform(source)
    step = -1 if flip else 1
    np.testing.assert_array_equal(results['frames'], source['frames'][:, :, ::step])
    np.testing.assert_array_equal(results['gt_sem_seg'], source['gt_sem_seg'][:, :, ::step])
    assert results['flip'] is flip


def test_flip_follows_its_probability() -> None:
    worker_random().seed(0)
    flip = RandomFlip(prob=0.25)
    assert 0.2 < np.mean([flip.transform(clip(2, 2))['flip'] for _ in range(1000)]) < 0.3


@pytest.mark.parametrize(
    ('shape', 'options', 'expected'),
    [
        # Detectron2: shorter side 360, longer side rounded to the nearest, at most 1333.
        ((720, 1280), {'short_side': 360, 'max_long_side': 1333}, (360, 640)),
        ((720, 1281), {'short_side': 360, 'max_long_side': 1333}, (360, 641)),
        ((480, 854), {'short_side': 288, 'max_long_side': 768}, (288, 512)),
        ((720, 1280), {'short_side': 512, 'max_long_side': 768}, (432, 768)),
        ((1280, 720), {'short_side': 512, 'max_long_side': 768}, (768, 432)),
        ((100, 1000), {'short_side': 200, 'max_long_side': 333}, (33, 333)),
    ],
)
def test_longer_side_is_limited_by_max_long_side(shape, options, expected) -> None:
    resize = ResizeClip(rounding='nearest', **options)
    assert resize.choose_size(*shape) == expected


def test_one_of_several_short_sides_is_drawn_per_clip() -> None:
    worker_random().seed(0)
    resize = ResizeClip(short_side=(20, 24, 30), rounding='nearest')
    shapes = {resize.transform(clip(40, 60))['frames'].shape for _ in range(60)}
    assert shapes == {(3, 20, 30, 3), (3, 24, 36, 3), (3, 30, 45, 3)}


@pytest.mark.parametrize('size', [(33, 57), (20, 30), (90, 130)])
def test_torch_resizes_like_pillow(size) -> None:
    source = {'frames': clip(60, 90)['frames'], 'img_shape': (60, 90)}
    pillow, torch = (
        ResizeClip(size=size, backend=backend).transform(source)['frames'].astype(int)
        for backend in ('pillow', 'torch')
    )
    difference = np.abs(pillow - torch)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_options_of_resize_are_checked() -> None:
    wrong = {'rounding': 'up', 'backend': 'cuda', 'interpolation': 'nearest'}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name} to be one of .*, got '{value}'"):
            ResizeClip(short_side=2, **{name: value})


def test_every_step_updates_the_geometry() -> None:
    """Labels looked up by the geometry equal those transformed with the frames."""
    worker_random().seed(5)
    source = clip(60, 90)
    source['geometry'] = ClipGeometry.identity(3, (60, 90))
    results = source
    for step in (
        ResizeClip(size=(120, 180)),
        CenterCrop(size=(80, 110)),
        RandomFlip(prob=1),
        RandomResizedCrop(size=(50, 60), scale=(0.3, 0.9)),
    ):
        results = step.transform(results)
    assert results['geometry'].size == results['img_shape'] == (50, 60)
    rows, columns = results['geometry'].sources(1)
    looked_up = source['gt_sem_seg'][1][rows][:, columns]
    assert (looked_up == results['gt_sem_seg'][1]).mean() > 0.97  # two roundings against one
    assert 0.02 < looked_up.mean() < 0.98


def test_random_crop_is_one_box_of_all_frames() -> None:
    frames = np.arange(2 * 6 * 8, dtype=np.uint8).reshape(2, 6, 8, 1).repeat(3, 3)
    step, corners = RandomCrop(size=(4, 4)), set()
    for seed in range(20):
        worker_random().seed(seed)
        cropped = step.transform({'video_id': 'a', 'frames': frames})['frames']
        top, left = divmod(int(cropped[0, 0, 0, 0]), 8)
        corners.add((top, left))
        np.testing.assert_array_equal(cropped, frames[:, top : top + 4, left : left + 4])
    assert len(corners) > 5
    with pytest.raises(ValueError, match='RandomCrop expected frames of at least'):
        step.transform({'video_id': 'a', 'frames': frames[:, :3]})


@pytest.mark.parametrize('backend', ['pillow', 'torch'])
def test_bicubic_differs_from_bilinear_and_keeps_flat_frames(backend) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), dtype=np.uint8)
    flat = np.full_like(frames, 77)
    sizes = {'size': (12, 17), 'backend': backend}
    cubic = ResizeClip(**sizes, interpolation='bicubic')
    linear = ResizeClip(**sizes).transform({'video_id': 'a', 'frames': frames})['frames']
    assert (cubic.transform({'video_id': 'a', 'frames': frames})['frames'] != linear).any()
    assert (cubic.transform({'video_id': 'a', 'frames': flat})['frames'] == 77).all()
