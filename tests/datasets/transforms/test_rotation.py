"""Rotation of a clip by sorted angles: frames, and masks that are polygons."""

import numpy as np
import pytest

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.clip_geometry import ClipGeometry
from avis.datasets.transforms.geometry import RandomFlip
from avis.datasets.transforms.rotation import RandomRotation
from avis.datasets.transforms.tracks import LoadTracks
from avis.structures.masks import encode_mask

BOX = [[20.0, 30.0, 70.0, 30.0, 70.0, 50.0, 20.0, 50.0]]  # x, y of the corners


def clip(mask=BOX, frames: int = 4) -> dict:
    image = np.zeros((80, 100, 3), np.uint8)
    image[30:50, 20:70] = 255
    return {
        'video_id': 'v',
        'length': 1,
        'frame_ids': np.zeros(frames, int),
        'height': 80,
        'width': 100,
        'frames': np.stack([image] * frames),
        'tracks': [{'id': 1, 'label': 0, 'masks': [mask]}],
        'geometry': ClipGeometry.identity(frames, (80, 100)),
    }


def test_masks_turn_with_the_frames() -> None:
    for seed in range(3):
        worker_random().seed(seed)
        turned = LoadTracks(form='dense').transform(RandomRotation().transform(clip()))
        masks, bright = turned['gt_tracks']['masks'][0], turned['frames'][..., 0] > 127
        assert (masks & bright).sum() / (masks | bright).sum() > 0.97
        assert (masks[0] != masks[-1]).any()


def test_angles_are_sorted_in_either_direction_around_the_middle() -> None:
    worker_random().seed(0)
    directions = set()
    for _ in range(20):
        angles, center = RandomRotation().draw(5)
        steps = np.diff(angles)
        directions.add(int(np.sign(steps.sum())))
        assert (steps >= 0).all() or (steps <= 0).all()
        assert np.abs(angles).max() <= 15
        assert ((center >= 0.4) & (center <= 0.6)).all()
    assert directions == {-1, 1}


def test_quarter_turn_is_counterclockwise(monkeypatch) -> None:
    rotation = RandomRotation()
    monkeypatch.setattr(rotation, 'draw', lambda _: (np.array([90.0]), np.array([0.5, 0.5])))
    turned = rotation.transform(clip(frames=1))
    rows, columns = np.nonzero(turned['frames'][0, ..., 0] > 127)
    # Around (50, 40), x from 20 to 70 becomes y from 70 to 20, and y from 30 to 50 x from 40 to 60.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 69, 40, 59)


def test_rotation_is_the_last_step_and_needs_polygons() -> None:
    turned = RandomRotation().transform(clip())
    with pytest.raises(ValueError, match='put RandomRotation after'):
        RandomFlip(prob=1.0).transform(turned)
    rle = encode_mask(np.ones((80, 100), bool))
    with pytest.raises(ValueError, match='expected masks as polygons'):
        LoadTracks(form='dense').transform(RandomRotation().transform(clip(rle)))
