import numpy as np
import pytest

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.clip_geometry import ClipGeometry
from avis.datasets.transforms.moving_crop import RandomMovingCrop


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


def test_box_moves_linearly_and_differs_between_clips() -> None:
    worker_random().seed(1)
    starts = set()
    for _ in range(20):
        results = crop().transform(clip())
        tops, lefts = results['frames'][:, 0, 0, :2].astype(int).T
        for corners in (tops, lefts):
            assert np.abs(np.diff(corners, n=2)).max() <= 1  # even up to rounding
        starts.add((tops[0], lefts[0], tops[-1], lefts[-1]))
        np.testing.assert_array_equal(results['gt_sem_seg'], results['frames'][..., 0])
    assert len(starts) > 15


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
