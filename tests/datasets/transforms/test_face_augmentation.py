"""Augmentation of face tracks. Exact values: tests/models/test_asd_goldens.py."""

import numpy as np
import pytest

from avis.datasets.transforms.face_augmentation import AugmentFaces
from avis.engine.randomness import fixed_randomness

FACES = np.random.default_rng(0).integers(0, 256, (2, 20, 20)).astype(np.uint8)


def test_all_frames_change_in_one_of_four_ways() -> None:
    same = np.repeat(FACES[:1], 3, axis=0)
    kinds = set()
    for seed in range(40):
        with fixed_randomness(seed):
            changed = AugmentFaces().transform({'faces': same})['faces']
        assert changed.shape == same.shape
        assert changed.dtype == np.uint8
        assert (changed == changed[:1]).all()
        if np.array_equal(changed, same):
            kinds.add('none')
        elif np.array_equal(changed, same[:, :, ::-1]):
            kinds.add('flip')
        else:
            kinds.add('rotate' if changed[0, 0, 0] == 0 else 'crop')
    assert kinds == {'none', 'flip', 'crop', 'rotate'}


def test_smallest_change_is_none() -> None:
    for seed in range(8):
        with fixed_randomness(seed):
            changed = AugmentFaces(min_scale=1, max_angle=0).transform({'faces': FACES})['faces']
        flipped = np.array_equal(changed, FACES[:, :, ::-1])
        assert flipped or np.array_equal(changed, FACES)


def test_faces_must_be_loaded() -> None:
    with pytest.raises(ValueError, match='AugmentFaces expected faces, got none'):
        AugmentFaces().transform({'video_id': 'v'})
