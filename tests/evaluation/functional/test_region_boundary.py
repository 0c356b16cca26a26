import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_dilation

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.region_boundary import (
    boundary_box,
    boundary_f,
    score_region_boundary,
)
from avis.structures.masks import RLE

MASK, BLANK = RLE(size=[1, 2], counts=b'011'), RLE(size=[1, 2], counts=b'2')
MASKS = arrays(bool, (11, 13))


def read(track: int, frame: int) -> np.ndarray:
    return np.array([[True, False]])


def score(gt: list, pred: list, **kwargs) -> dict:
    num_frames = len((gt or pred)[0])
    video = VideoOverlap.from_rles(
        TrackMasks(gt), TrackMasks(pred), size=(1, 2), num_frames=num_frames
    )
    return score_region_boundary(video, read, read, **kwargs)


def boundary_image(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from the right, lower or lower right neighbor, one by one."""
    image = np.zeros_like(mask)
    height, width = mask.shape
    for y, x in np.ndindex(height, width):
        below, right = min(y + 1, height - 1), min(x + 1, width - 1)
        image[y, x] = any(mask[y, x] != mask[p] for p in ((y, right), (below, x), (below, right)))
    return image


@given(mask=MASKS)
def test_boundaries_equal_a_search_pixel_by_pixel(mask: np.ndarray) -> None:
    box, image = boundary_box(mask), np.zeros_like(mask)
    image[box.top :, box.left :][: box.pixels.shape[0], : box.pixels.shape[1]] = box.pixels
    np.testing.assert_array_equal(image, boundary_image(mask))


@given(pred=MASKS, target=MASKS, radius=st.integers(1, 4))
def test_f_equals_dilation_by_a_disk(pred: np.ndarray, target: np.ndarray, radius: int) -> None:
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    found, true = boundary_image(pred), boundary_image(target)
    if not (found.any() and true.any()):
        expected = float(found.any() == true.any())
    else:
        precision = (found & binary_dilation(true, disk)).sum() / found.sum()
        recall = (true & binary_dilation(found, disk)).sum() / true.sum()
        total = precision + recall
        expected = 2 * precision * recall / total if total else 0
    assert boundary_f(pred, target, radius=radius) == pytest.approx(expected, abs=1e-12)


def test_the_tolerance_follows_the_diagonal() -> None:
    left, near, far = np.zeros((3, 300, 400), bool)  # a diagonal of 500 allows 4 pixels
    left[:, :100], near[:, :104], far[:, :105] = True, True, True
    assert (boundary_f(left, near), boundary_f(left, far)) == (1.0, 0.0)


def test_masks_without_a_boundary_agree_with_each_other_only() -> None:
    blank, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert boundary_f(blank, full) == boundary_f(blank, blank) == 1
    assert boundary_f(np.eye(4, dtype=bool), full) == 0


def test_absent_pairs_agree() -> None:
    got = score([[MASK, None, None]], [[MASK, BLANK, MASK]])
    assert (got['J-Mean'], got['J-Recall']) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert got['J&F'] == pytest.approx(2 / 3)


def test_predictions_that_lack_in_number_are_always_absent_ones() -> None:
    assert score([[MASK, None], [MASK, MASK]], [])['J-Mean'] == pytest.approx(0.25)
    assert score([[MASK], [MASK]], [[MASK]])['J-Mean'] == pytest.approx(0.5)


def test_each_gt_has_its_own_prediction() -> None:
    got = score([[MASK, MASK]], [[MASK, None], [None, MASK], [MASK, MASK]])
    assert (got['J-Mean'], got['F-Mean'], got['num_gt_tracks']) == (1, 1, 1)


def test_pixels_that_do_not_count_are_left_out() -> None:
    wide = RLE(size=[1, 2], counts=b'02')
    assert score([[MASK]], [[wide]])['J-Mean'] == pytest.approx(0.5)
    assert score([[MASK]], [[wide]], void=np.array([[1]]))['J-Mean'] == pytest.approx(1)


def test_decay_compares_the_first_with_the_last_quarter() -> None:
    got = score([[MASK] * 8], [[MASK] * 4 + [None] * 4])
    assert (got['J-Decay'], got['F-Decay']) == (pytest.approx(1), pytest.approx(1))


def test_decay_of_long_videos_compares_other_frames_officially() -> None:
    gt, pred = [[MASK] * 400], [[MASK] * 299 + [None] * 101]
    assert score(gt, pred, protocol='corrected')['J-Decay'] == pytest.approx(1)
    assert score(gt, pred)['J-Decay'] == pytest.approx(0)


def test_nothing_true_is_nothing_to_score() -> None:
    got = score([], [[MASK]])
    assert np.isnan([got['J-Mean'], got['F-Mean'], got['J&F'], got['J-Decay']]).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2\) and \(2, 1\)'):
        boundary_f(np.ones((1, 2), bool), np.ones((2, 1), bool))
    empty = VideoOverlap.from_rles(TrackMasks([]), TrackMasks([]), size=(1, 2), num_frames=0)
    with pytest.raises(ValueError, match='at least one frame'):
        score_region_boundary(empty, read, read)
