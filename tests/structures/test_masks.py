import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from avis.structures.masks import (
    blank_rle,
    check_boxes,
    decode_rle,
    encode_mask,
    rle_from_json,
    rle_to_json,
    to_rle,
    to_rles,
)
from avis.structures.run_lengths import find_wrong_runs, runs_of

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


def compress(runs: list[int]) -> bytes:
    """The counts of any runs, negative ones too, as pycocotools would write them."""
    text = bytearray()
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = value != (-1 if digit & 16 else 0)
            text.append(48 + digit + 32 * more)
    return bytes(text)


RUNS = st.lists(st.integers(0, 40), min_size=1, max_size=9).filter(sum)


@given(RUNS)
def test_runs_of_inverts_compression(runs):
    assert runs_of(compress(runs)) == runs
    pixels = sum(runs)
    rle = {'size': [1, pixels], 'counts': compress(runs)}
    flat = np.concatenate([np.full(run, index % 2) for index, run in enumerate(runs)])
    # Runs of 0 pixels are removed: pycocotools would stop where two masks have one.
    assert to_rle(rle, 1, pixels) == encode_mask(flat[None])
    assert to_rles([rle, None, rle], 1, pixels)[::2] == [encode_mask(flat[None])] * 2


@given(st.lists(st.lists(st.integers(-3, 40), min_size=1, max_size=9), min_size=1), st.integers(1))
def test_many_rles_are_checked_as_each_alone(rles, pixels):
    wrong, _ = find_wrong_runs([compress(runs) for runs in rles], pixels)
    assert wrong.tolist() == [min(runs) < 0 or sum(runs) != pixels for runs in rles]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.integers(1, 100))
def test_any_bytes_are_valid_or_refused(counts, pixels):
    wrong, _ = find_wrong_runs(counts, pixels)
    for text, is_wrong in zip(counts, wrong, strict=True):
        runs = runs_of(text)
        assert is_wrong == (runs is None or min(runs) < 0 or sum(runs) != pixels)


FULL = encode_mask(np.eye(20, 30))


@pytest.mark.parametrize(
    ('mask', 'problem'),
    [
        (
            {'size': [20, 30], 'counts': FULL['counts'][:-1]},
            'no compressed RLE, or an incomplete one',
        ),
        ({'size': [20, 30], 'counts': FULL['counts'] * 2}, 'exactly 20 x 30 = 600 pixels, got'),
        ({'size': [20, 30], 'counts': [5, 3]}, 'exactly 20 x 30 = 600 pixels, got runs of 8'),
        ({'size': [20, 30], 'counts': compress([5, 3])}, '600 pixels, got runs of 8'),
        ({'size': [20, 30], 'counts': compress([10, 1000])}, '600 pixels, got runs of 1010'),
        ({'size': [20, 30], 'counts': compress([-5, 605])}, '0 or more pixels .* got one of -5'),
        ({'size': [20, 30], 'counts': [-5, 605]}, '0 or more pixels .* got one of -5'),
        ({'size': [20, 30], 'counts': [2**40]}, '600 pixels'),
        ({'size': [20, 30], 'counts': compress([2**32 + 600])}, '600 pixels'),
        ({'size': [20, 30], 'counts': []}, '600 pixels, got runs of 0'),
        ({'size': [20, 30], 'counts': ''}, 'no compressed RLE'),
        ({'size': [20, 30], 'counts': '~~~~'}, 'no compressed RLE, or an incomplete one'),
        ({'size': [20, 30], 'counts': 'P'}, 'no compressed RLE, or an incomplete one'),
        ({'size': [20, 30], 'counts': '\u00e9\u65e5'}, 'no compressed RLE'),
        ({'size': [20, 30], 'counts': [300.0, 300]}, 'expected integers .* got 300.0'),
        ({'size': [20, 30], 'counts': [True, 599]}, 'expected integers .* got True'),
        ({'size': [20, 30], 'counts': [float('nan')]}, 'expected integers .* got nan'),
        ({'size': [20, 30], 'counts': None}, 'expected counts of an RLE as text .* got None'),
        ({'size': [20, 30], 'counts': 600}, 'expected counts of an RLE as text .* got 600'),
        ({'size': [20, 30]}, "lacks 'counts'"),
        ({'size': None, 'counts': [600]}, r'expected the size of an RLE .* got None'),
        ({'size': [20], 'counts': [600]}, r'expected the size of an RLE .* got \[20\]'),
        ({'size': [20.0, 30], 'counts': [600]}, r'expected the size of an RLE'),
        ({'size': [30, 20], 'counts': [600]}, r'RLE of size \[30, 20\] in a frame of \[20, 30\]'),
        (72, 'expected an RLE with size and counts, or a list of polygons, got 72'),
        ('0', "list of polygons, got '0'"),
        ([1, 2, 3, 4, 5, 6], 'expected polygons as lists x, y, x, y, ..., got 1'),
        ([[1, 1, 9, 1, 9, None]], 'expected finite coordinates of a polygon, got None'),
        ([[1, 1, 9, 1, 9, '9']], "expected finite coordinates of a polygon, got '9'"),
        ([[1, 1, 9, 1, 9, True]], 'expected finite coordinates of a polygon, got True'),
        ([[1, 1, 9, 1, 9, float('inf')]], 'expected finite coordinates of a polygon, got inf'),
        ([[1, 1, float('nan'), 1, 9, 9]], 'expected finite coordinates of a polygon, got nan'),
        ([[1, 1, 10**400, 1, 9, 9]], 'expected finite coordinates of a polygon, got 1000'),
        (
            [[3, 2, 1e9, 2, 12, 10]],
            r'between -300 and 300 in a frame of \[20, 30\], got 1e\+?09|1000',
        ),
        ([[3, 2, -301, 2, 12, 10]], 'between -300 and 300 .* got -301'),
        ([[-299, 0, 299, 19, 299, 0] * 200], 'a polygon of 600 points has an outline of'),
    ],
)
def test_invalid_mask_is_an_error(mask, problem):
    with pytest.raises(ValueError, match=problem):
        to_rle(mask, 20, 30)
    with pytest.raises(ValueError, match=problem):
        to_rles([None, FULL, mask], 20, 30)


def test_polygon_that_leaves_the_frame_is_clipped():
    mask = decode_rle(to_rle([[-100, 5, 200, 5, 200, 10, -100, 10]], 20, 30))
    np.testing.assert_array_equal(np.flatnonzero(mask.any(axis=1)), range(5, 10))
    assert mask[5:10].all()


def test_empty_list_is_a_blank_mask():
    assert to_rle([], 4, 6) == blank_rle(4, 6) == encode_mask(np.zeros((4, 6)))


@pytest.mark.parametrize(
    'box',
    [7, '0', [1, 2, 3], [1, 2, 3, '4'], [1, 2, 3, float('nan')], [1, 2, 1e9, 4], [0, 0, -1, 2]],
)
def test_invalid_box_is_an_error(box):
    check_boxes([None, [0.5, 1, 2, 3]], 4, 6)
    with pytest.raises(ValueError, match=r'^\[1\]: expected'):
        check_boxes([None, box], 4, 6)
