import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from avis.structures.masks import decode_rle, encode_mask, rle_from_json, rle_to_json, to_rle

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=6))


@given(MASKS)
def test_decode_rle_inverts_encode_mask(mask):
    rle = encode_mask(mask)
    assert rle['size'] == list(mask.shape)
    np.testing.assert_array_equal(decode_rle(rle), mask)


@given(MASKS, st.sampled_from([np.uint8, np.int64, np.float32]))
def test_every_non_zero_value_is_foreground(mask, kind):
    np.testing.assert_array_equal(decode_rle(encode_mask(mask.astype(kind) * 255)), mask)


def test_memory_order_of_mask_does_not_matter():
    mask = np.arange(12).reshape(3, 4) % 5 == 0
    assert encode_mask(np.asfortranarray(mask)) == encode_mask(mask)
    assert encode_mask(mask[:, ::-1][:, ::-1]) == encode_mask(mask)


@pytest.mark.parametrize('shape', [(4,), (1, 2, 2)])
def test_mask_of_wrong_dimensions_is_an_error(shape):
    with pytest.raises(ValueError, match=r'one mask of shape \(H, W\), got shape \('):
        encode_mask(np.zeros(shape))


@given(MASKS)
def test_to_rle_converts_all_coco_forms_to_the_same_mask(mask):
    height, width = mask.shape
    compressed = encode_mask(mask)
    # Uncompressed: lengths of the runs down the columns, the first one is background.
    edges = np.flatnonzero(np.diff(mask.ravel(order='F').astype(int), prepend=0))
    counts = np.diff([0, *edges, mask.size]).tolist()
    text = rle_to_json(compressed)
    for form in ({'size': [height, width], 'counts': counts}, text, compressed):
        got = to_rle(form, height, width)
        assert isinstance(got['counts'], bytes)
        np.testing.assert_array_equal(decode_rle(got), mask)


@given(MASKS)
def test_rle_survives_json(mask):
    rle = encode_mask(mask)
    assert rle_from_json(json.loads(json.dumps(rle_to_json(rle)))) == rle
    assert rle_from_json(rle_to_json(None)) is None


def test_polygon_parts_are_united():
    left = [0, 0, 2, 0, 2, 4, 0, 4]
    right = [3, 0, 5, 0, 5, 4, 3, 4]
    mask = decode_rle(to_rle([left, right], 4, 6))
    expected = np.zeros((4, 6), bool)
    expected[:, [0, 1, 3, 4]] = True
    np.testing.assert_array_equal(mask, expected)


def test_overlapping_polygon_parts_count_once():
    square = [0, 0, 2, 0, 2, 2, 0, 2]
    assert coco_mask.area(to_rle([square, square], 4, 4)) == 4


@pytest.mark.parametrize('polygon', [[0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3]])
def test_polygon_without_area_is_an_error(polygon):
    with pytest.raises(ValueError, match=rf'at least 3 points.*got {len(polygon)} numbers'):
        to_rle([polygon], 4, 4)


def test_rle_of_wrong_size_is_an_error():
    with pytest.raises(ValueError, match=r'RLE of size \[2, 3\] in a frame of \[4, 4\]'):
        to_rle(encode_mask(np.ones((2, 3))), 4, 4)
