import numpy as np
import pytest

from avis.visualization.tracks import draw_tracks, identity_color

FRAME = np.full((120, 200, 3), 100, np.uint8)


def mask_at(left, top, size=30):
    mask = np.zeros(FRAME.shape[:2], bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_masks_are_tinted_and_outlined_and_other_pixels_unchanged():
    before = FRAME.copy()
    drawn = draw_tracks(FRAME, {7: mask_at(20, 40)}, opacity=0.5)
    np.testing.assert_array_equal(FRAME, before)
    color = np.array(identity_color(7))
    assert (drawn[40, 20] == color).all()
    np.testing.assert_array_equal(drawn[55, 35], np.rint(50 + color / 2).astype(np.uint8))
    drawn[mask_at(20, 40)] = 100
    np.testing.assert_array_equal(drawn, FRAME)


def test_caption_is_above_its_mask_in_its_color():
    plain = draw_tracks(FRAME, {7: mask_at(20, 40)})
    drawn = draw_tracks(FRAME, {7: mask_at(20, 40)}, {7: 'person 7'})
    rows, columns = np.nonzero((drawn != plain).any(-1))
    assert rows.max() == 39
    assert rows.min() > 15
    assert columns.min() == 20
    assert (drawn[39, 22] == identity_color(7)).all()


@pytest.mark.parametrize(('left', 'top'), [(0, 0), (170, 90)])
def test_captions_stay_within_the_frame(left, top):
    drawn = draw_tracks(FRAME, {1: mask_at(left, top)}, {1: 'a long name of a class 1'})
    assert drawn.shape == FRAME.shape
    tiny = np.zeros((8, 8, 3), np.uint8)
    assert draw_tracks(tiny, {1: np.ones((8, 8), bool)}, {1: 'person'}).shape == tiny.shape


def test_blank_masks_are_not_drawn():
    blank = np.zeros(FRAME.shape[:2], bool)
    np.testing.assert_array_equal(draw_tracks(FRAME, {1: blank}, {1: 'person 1'}), FRAME)


def test_neighboring_identities_have_different_colors():
    colors = np.array([identity_color(number) for number in range(8)])
    distance = np.abs(colors[:, None] - colors[None]).sum(-1)
    assert distance[~np.eye(8, dtype=bool)].min() > 60


def test_mask_of_another_size_raises():
    with pytest.raises(ValueError, match=r'identity 3: expected a mask of .*, got \(2, 2\)'):
        draw_tracks(FRAME, {3: np.ones((2, 2), bool)})
