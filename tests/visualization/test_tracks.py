import numpy as np
import pytest

from avis.visualization.colors import identity_color
from avis.visualization.tracks import check_track_style, draw_tracks

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


def test_silent_instances_have_a_thinner_outline_and_no_tint():
    frame = np.full((480, 640, 3), 100, np.uint8)
    mask = np.zeros((480, 640), bool)
    mask[200:400, 200:400] = True
    bold, thin = (draw_tracks(frame, {0: mask}, silent=silent) for silent in ((), (0,)))
    assert (thin[300, 300] == 100).all()
    assert (bold[300, 300] != 100).any()
    changed = [
        (image[300, 150:250] != 100).any(-1).sum()
        for image in (thin, draw_tracks(frame, {0: mask}, style='outline'))
    ]
    assert 0 < changed[0] < changed[1]


def test_box_is_drawn_around_the_mask_and_leaves_its_inside():
    mask = mask_at(20, 40) | mask_at(60, 60)
    drawn = draw_tracks(FRAME, {0: mask}, style='box')
    color = np.array(identity_color(0))
    for y, x in ((40, 20), (40, 89), (89, 20), (89, 89), (40, 70)):
        assert (drawn[y, x] == color).all()
    assert (drawn[55, 35] == 100).all()


def test_label_is_above_its_mask_in_its_color():
    plain = draw_tracks(FRAME, {7: mask_at(20, 40)})
    drawn = draw_tracks(FRAME, {7: mask_at(20, 40)}, {7: 'Ann'})
    rows, columns = np.nonzero((drawn != plain).any(-1))
    assert rows.min() > 15
    assert rows.max() < 40
    assert 20 < (columns.min() + columns.max()) / 2 < 50
    assert (drawn[rows.max(), columns.min()] == identity_color(7)).all()
    silent = draw_tracks(FRAME, {7: mask_at(20, 40)}, {7: 'Ann'}, silent=[7])
    assert (silent[rows.max(), columns.min()] == identity_color(7)).all()
    assert silent[rows.max(), columns.max()].max() < 60


@pytest.mark.parametrize(('left', 'top'), [(0, 0), (170, 90)])
def test_labels_stay_within_the_frame(left, top):
    drawn = draw_tracks(FRAME, {1: mask_at(left, top)}, {1: 'a long name of a class 1'})
    assert drawn.shape == FRAME.shape
    tiny = np.zeros((8, 8, 3), np.uint8)
    assert draw_tracks(tiny, {1: np.ones((8, 8), bool)}, {1: 'person'}).shape == tiny.shape


def test_label_does_not_change_the_head_region():
    for top in (0, 5, 40):
        plain = draw_tracks(FRAME, {7: mask_at(80, top, 60)})
        drawn = draw_tracks(FRAME, {7: mask_at(80, top, 60)}, {7: 'Annabel'})
        rows, columns = np.nonzero((drawn != plain).any(-1))
        head = (rows >= top) & (rows < top + 48) & (columns >= 80) & (columns < 140)
        assert len(rows)
        assert not head.any()


def test_blank_masks_are_not_drawn():
    blank = np.zeros(FRAME.shape[:2], bool)
    np.testing.assert_array_equal(draw_tracks(FRAME, {1: blank}, {1: 'person 1'}), FRAME)


def test_mask_of_another_size_raises():
    with pytest.raises(ValueError, match=r'identity 3: expected a mask of .*, got \(2, 2\)'):
        draw_tracks(FRAME, {3: np.ones((2, 2), bool)})


def test_wrong_style_or_opacity_raises():
    check_track_style('box', 1.0)
    with pytest.raises(ValueError, match=r"style as one of .*'box'.*, got 'blob'"):
        check_track_style('blob', 0.3)
    with pytest.raises(ValueError, match=r'opacity from 0 to 1, got 30'):
        check_track_style('mask', 30)
