import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.structures.masks import encode_mask, to_rle
from avis.structures.packed_masks import PackedMasks
from tests.helpers.tiny_vis import box_mask, loose_rle, polygon, rle

numbers = st.floats(-50, 50, allow_nan=False)
polygons = st.lists(st.lists(numbers, min_size=6, max_size=12).map(lambda p: p[: len(p) // 2 * 2]))


@given(masks=st.lists(st.none() | polygons, max_size=6))
def test_packed_polygons_are_unchanged(masks) -> None:
    packed = PackedMasks(masks)
    assert len(packed) == len(masks)
    for got, mask in zip(packed, masks, strict=True):
        assert (got is None) == (mask is None)
        assert mask is None or [part.tolist() for part in got] == mask


@pytest.mark.parametrize('form', [rle, loose_rle, encode_mask])
def test_every_rle_is_compressed(form) -> None:
    packed = PackedMasks([None, form(box_mask())])
    assert packed[1] == encode_mask(box_mask())
    assert packed.size == (24, 32)
    assert packed.present.tolist() == [False, True]


def test_polygon_draws_the_same_mask_after_packing() -> None:
    packed = PackedMasks([polygon()])
    assert to_rle(packed[0], 24, 32) == to_rle(polygon(), 24, 32) == encode_mask(box_mask())


def test_packed_masks_is_a_sequence() -> None:
    packed = PackedMasks([None, polygon(), None])
    assert packed[-1] is None
    assert [mask is None for mask in packed[1:]] == [False, True]
    with pytest.raises(IndexError):
        packed[3]
    assert len(PackedMasks([])) == 0


@pytest.mark.parametrize(
    'mask',
    [
        [],
        [[1, 1, 5, 5, 9, 9]],
        [[1, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2]],
        {'size': [24, 32], 'counts': [24 * 32]},
    ],
)
def test_blank_lists_masks_without_area(mask) -> None:
    assert PackedMasks([polygon(), mask]).blank == [1]


@pytest.mark.parametrize(
    ('mask', 'problem'),
    [
        ([[1, 2, 3, 4]], r'\[1\]: a polygon needs at least 3 points'),
        ([[1, 2, 3, 4, 5, 6, 7]], r'\[1\]: a polygon needs at least 3 points as x, y pairs'),
        ([[1, 2, 3, 4, 5, float('nan')]], r'\[1\]: expected finite coordinates .* got nan'),
        ({'counts': [24 * 32]}, r"\[1\]: an RLE lacks 'size'"),
        (
            {'size': [24, 33], 'counts': [24 * 33]},
            r'\[1\]: expected an RLE of size \[24, 32\] as in earlier frames, got \[24, 33\]',
        ),
        (7, r'\[1\]: '),
        ([['a', 'b', 'c', 'd', 'e', 'f']], r'\[1\]: '),
    ],
)
def test_invalid_mask_is_an_error_with_its_frame(mask, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        PackedMasks([rle(box_mask()), mask])


def test_two_hours_of_polygons_pickle_as_few_arrays() -> None:
    rng = np.random.default_rng(0)
    outlines = [[outline] for outline in rng.random((7200, 200)).round(2).tolist()]
    data = pickle.dumps(PackedMasks(outlines))
    assert len(data) < 7200 * 200 * 8 * 1.1
    # Unpickling takes one step per opcode: the nested lists take 1.5 million.
    assert sum(1 for _ in pickletools.genops(data)) < 200
    assert pickle.loads(data)[7199][0].tolist() == outlines[7199][0]
