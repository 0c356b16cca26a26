import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avis.structures.mask_track import MaskTrack
from avis.structures.masks import encode_mask

CLIPS = st.integers(0, 4).flatmap(lambda t: arrays(bool, (t, 3, 5)))


@given(CLIPS)
def test_to_dense_inverts_from_dense(masks):
    track = MaskTrack.from_dense(masks)
    np.testing.assert_array_equal(track.to_dense(), masks)
    np.testing.assert_array_equal(track.areas, masks.sum((1, 2)))
    assert len(track) == len(masks)
    for frame, mask in enumerate(masks):
        np.testing.assert_array_equal(track.dense(frame), mask)


@given(CLIPS)
def test_empty_masks_become_none(masks):
    track = MaskTrack.from_dense(masks)
    assert [rle is None for rle in track.rles] == (~masks.any((1, 2))).tolist()
    absent = [None if rle is None else rle for rle in track.rles]
    assert MaskTrack(3, 5, absent) == track


@given(CLIPS, st.integers(0, 4))
def test_extending_by_windows_equals_the_whole(masks, cut):
    track = MaskTrack.from_dense(masks[:cut]) if cut else MaskTrack(3, 5)
    track.extend(MaskTrack.from_dense(masks[cut:]).rles)
    assert track == MaskTrack.from_dense(masks)


def test_boxes_are_x_y_width_height():
    masks = np.zeros((2, 3, 5), bool)
    masks[0, 1:3, 2:5] = True
    np.testing.assert_array_equal(MaskTrack.from_dense(masks).boxes, [[2, 1, 3, 2], [0] * 4])


def test_track_without_frames_has_empty_arrays():
    track = MaskTrack(3, 5)
    assert track.to_dense().shape == (0, 3, 5)
    assert track.boxes.shape == (0, 4)
    assert track.areas.shape == (0,)


def test_tracks_do_not_share_their_frames():
    first, second = MaskTrack(1, 1), MaskTrack(1, 1)
    first.extend([None])
    assert len(second) == 0


def test_given_list_is_not_changed():
    blank = [encode_mask(np.zeros((1, 2)))]
    assert MaskTrack(1, 2, blank).rles == [None]
    assert blank[0] is not None


def test_rle_of_wrong_size_is_an_error_with_its_frame():
    with pytest.raises(ValueError, match=r'frame 1: expected an RLE of size .3, 5., got .2, 2.'):
        MaskTrack(3, 5, [None, encode_mask(np.ones((2, 2)))])


@pytest.mark.parametrize('shape', [(3, 5), (1, 1, 3, 5)])
def test_masks_of_wrong_dimensions_are_an_error(shape):
    with pytest.raises(ValueError, match=r'masks of shape \(T, H, W\), got shape'):
        MaskTrack.from_dense(np.zeros(shape))


def test_to_json_returns_strings_and_none():
    track = MaskTrack.from_dense(np.array([np.eye(2), np.zeros((2, 2))]))
    assert track.to_json() == [{'size': [2, 2], 'counts': '0120'}, None]
