import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.structures.masks import decode_rle, to_rle
from avis.synthetic.polygons import mask_to_polygons


def rasterize(mask):
    height, width = mask.shape
    return decode_rle(to_rle(mask_to_polygons(mask), height, width))


@given(seed=st.integers(0, 10_000), holes=st.integers(0, 6))
def test_polygons_rasterize_to_the_same_mask(seed, holes):
    rng = np.random.default_rng(seed)
    mask = np.zeros((60, 80), np.uint8)
    for value, count, reach in ((1, 4, 25), (0, holes, 6)):
        for _ in range(count):
            center = tuple(rng.integers(0, (80, 60)).tolist())
            axes = tuple(rng.integers(1, reach, 2).tolist())
            cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, value, -1)
    mask[int(rng.integers(60)), int(rng.integers(80))] = 1  # a single pixel
    np.testing.assert_array_equal(rasterize(mask > 0), mask > 0)


def test_hole_is_part_of_its_polygon():
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[6:9, 6:9] = mask[12:15, 11:16] = False
    assert len(mask_to_polygons(mask)) == 1
    np.testing.assert_array_equal(rasterize(mask), mask)


@pytest.mark.parametrize('parts', [1, 2, 3])
def test_each_connected_part_is_one_polygon(parts):
    mask = np.zeros((10, 30), bool)
    for part in range(parts):
        mask[2:8, 10 * part + 1 : 10 * part + 7] = True
    assert len(mask_to_polygons(mask)) == parts


def test_empty_mask_has_no_polygon():
    assert mask_to_polygons(np.zeros((5, 5), bool)) == []
