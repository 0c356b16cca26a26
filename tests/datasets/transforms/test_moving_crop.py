import dataclasses

import numpy as np
import pytest

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.clip_geometry import ClipGeometry
from avis.datasets.transforms.moving_crop import CropPath, RandomMovingCrop


def clip(height: int = 60, width: int = 100, frames: int = 5) -> dict:
    """Every pixel encodes its row and its column."""
    rows, columns = np.indices((height, width))
    image = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    return {
        'video_id': 'v',
        'frames': np.broadcast_to(image, (frames, *image.shape)).copy(),
        'gt_sem_seg': np.broadcast_to(rows.astype(np.uint8), (frames, height, width)),
        'img_shape': (height, width),
        'geometry': ClipGeometry.identity(frames, (height, width)),
    }


def crop(**options) -> RandomMovingCrop:
    return RandomMovingCrop(**{'short_sides': [60], 'crop_range': (20, 40), 'prob': 1, **options})


def test_box_moves_along_a_path_and_differs_between_clips() -> None:
    worker_random().seed(1)
    starts, directions = set(), set()
    for _ in range(40):
        results = crop().transform(clip())
        tops, lefts = results['frames'][:, 0, 0, :2].astype(int).T
        steps = np.diff([tops, lefts])
        directions.add(int(np.sign(steps.sum())))
        assert (steps >= 0).all() or (steps <= 0).all()  # both axes in the same direction
        starts.add((tops[0], lefts[0], tops[-1], lefts[-1]))
        np.testing.assert_array_equal(results['gt_sem_seg'], results['frames'][..., 0])
    assert len(starts) > 30
    assert directions == {-1, 1}


def test_corners_are_at_sorted_fractions_rounded_half_to_even() -> None:
    path = CropPath(
        size=(20, 30), first=(0, 10), second=(10, 15), fractions=np.array([1, 0.25, 0.5]), reverse=0
    )
    # 10 - 10 x and 15 - 5 x at x = 0.25, 0.5, 1: 7.5 rounds to 8, 12.5 to 12.
    assert path.corners().tolist() == [[8, 14], [5, 12], [0, 10]]
    turned = dataclasses.replace(path, reverse=True)
    assert turned.corners().tolist() == [[0, 10], [5, 12], [8, 14]]


def test_second_position_is_between_the_first_and_the_end() -> None:
    worker_random().seed(2)
    paths = [crop().draw_path(5, (60, 100)) for _ in range(2000)]
    first, second, size = (
        np.array([getattr(p, k) for p in paths]) for k in ('first', 'second', 'size')
    )
    last = np.array([60, 100]) - size
    assert (first >= 0).all()
    assert ((first <= second) & (second <= last)).all()
    assert (first == last).any(axis=0).all()
    assert (second == last).any(axis=0).all()
    # Uniform over the frame, and over the rest of it: both means are 1/2.
    rest = (second - first + 0.5) / (last - first + 1)
    for share in ((first + 0.5) / (last + 1), rest):
        error = share.std(axis=0) / np.sqrt(len(paths))
        assert (np.abs(share.mean(axis=0) - 0.5) < 4 * error).all()
    assert abs(np.mean([path.reverse for path in paths]) - 0.5) < 4 * 0.5 / np.sqrt(len(paths))


def test_longer_side_is_limited_before_the_crop() -> None:
    results = crop(crop_range=(2000, 2000)).transform(clip(10, 600))
    assert results['img_shape'] == (22, 1333)


def test_crop_sizes_are_in_range_and_clipped_to_the_frame() -> None:
    worker_random().seed(0)
    shapes = {crop(crop_range=(30, 80)).transform(clip())['img_shape'] for _ in range(300)}
    heights, widths = map(set, zip(*shapes, strict=True))
    assert (min(heights), max(heights)) == (30, 60)
    assert (min(widths), max(widths)) == (30, 80)
    assert crop(crop_range=(384, 600)).transform(clip())['frames'].shape == (5, 60, 100, 3)


def test_clip_is_resized_before_cropping() -> None:
    results = crop(short_sides=[30], crop_range=(1000, 1000)).transform(clip())
    assert results['img_shape'] == (30, 50)
    assert results['geometry'].size == (30, 50)


def test_geometry_maps_masks_to_the_frames() -> None:
    worker_random().seed(3)
    results = crop().transform(clip())
    for frame in range(5):
        rows, columns = results['geometry'].sources(frame)
        np.testing.assert_array_equal(rows, results['frames'][frame, :, 0, 0])
        np.testing.assert_array_equal(columns, results['frames'][frame, 0, :, 1])


def test_prob_and_crop_range_are_respected() -> None:
    source = clip()
    assert crop(prob=0).transform(source)['frames'] is source['frames']
    with pytest.raises(ValueError, match=r'two ascending lengths, got \(600, 384\)'):
        crop(crop_range=(600, 384))


def test_clip_of_one_frame_is_cropped() -> None:
    assert crop().transform(clip(frames=1))['frames'].shape[0] == 1
