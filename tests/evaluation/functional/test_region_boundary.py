import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_dilation

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.region_boundary import (
    boundary_f,
    crop_boundary,
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
def test_boundary_equals_a_loop_over_pixels(mask: np.ndarray) -> None:
    crop, image = crop_boundary(mask), np.zeros_like(mask)
    image[crop.top :, crop.left :][: crop.pixels.shape[0], : crop.pixels.shape[1]] = crop.pixels
    np.testing.assert_array_equal(image, boundary_image(mask))


@given(pred=MASKS, target=MASKS, radius=st.integers(1, 4))
def test_f_equals_dilation_by_a_disk(pred: np.ndarray, target: np.ndarray, radius: int) -> None:
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    found, gt = boundary_image(pred), boundary_image(target)
    if not (found.any() and gt.any()):
        expected = float(found.any() == gt.any())
    else:
        precision = (found & binary_dilation(gt, disk)).sum() / found.sum()
        recall = (gt & binary_dilation(found, disk)).sum() / gt.sum()
        total = precision + recall
        expected = 2 * precision * recall / total if total else 0
    assert boundary_f(pred, target, radius=radius) == pytest.approx(expected, abs=1e-12)


def test_tolerance_depends_on_the_diagonal() -> None:
    left, near, far = np.zeros((3, 300, 400), bool)  # a diagonal of 500 allows 4 pixels
    left[:, :100], near[:, :104], far[:, :105] = True, True, True
    assert (boundary_f(left, near), boundary_f(left, far)) == (1.0, 0.0)


def test_masks_without_boundary_match_each_other_only() -> None:
    blank, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert boundary_f(blank, full) == boundary_f(blank, blank) == 1
    assert boundary_f(np.eye(4, dtype=bool), full) == 0


def test_j_is_1_where_both_tracks_are_absent() -> None:
    got = score([[MASK, None, None]], [[MASK, BLANK, MASK]])
    assert (got['J-Mean'], got['J-Recall']) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert got['J&F'] == pytest.approx(2 / 3)


def test_missing_predictions_count_as_empty_tracks() -> None:
    assert score([[MASK, None], [MASK, MASK]], [])['J-Mean'] == pytest.approx(0.25)
    assert score([[MASK], [MASK]], [[MASK]])['J-Mean'] == pytest.approx(0.5)


def test_each_gt_track_is_paired_with_the_best_prediction() -> None:
    got = score([[MASK, MASK]], [[MASK, None], [None, MASK], [MASK, MASK]])
    assert (got['J-Mean'], got['F-Mean'], got['num_gt_tracks']) == (1, 1, 1)


def test_void_pixels_are_ignored() -> None:
    wide = RLE(size=[1, 2], counts=b'02')
    assert score([[MASK]], [[wide]])['J-Mean'] == pytest.approx(0.5)
    assert score([[MASK]], [[wide]], void=np.array([[1]]))['J-Mean'] == pytest.approx(1)


def test_decay_compares_the_first_with_the_last_quarter() -> None:
    got = score([[MASK] * 8], [[MASK] * 4 + [None] * 4])
    assert (got['J-Decay'], got['F-Decay']) == (pytest.approx(1), pytest.approx(1))


def test_official_decay_of_long_videos_compares_other_frames() -> None:
    gt, pred = [[MASK] * 400], [[MASK] * 299 + [None] * 101]
    assert score(gt, pred, protocol='corrected')['J-Decay'] == pytest.approx(1)
    assert score(gt, pred)['J-Decay'] == pytest.approx(0)


def test_scores_without_gt_are_nan() -> None:
    got = score([], [[MASK]])
    assert np.isnan([got['J-Mean'], got['F-Mean'], got['J&F'], got['J-Decay']]).all()


def test_invalid_input_raises() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2\) and \(2, 1\)'):
        boundary_f(np.ones((1, 2), bool), np.ones((2, 1), bool))
    empty = VideoOverlap.from_rles(TrackMasks([]), TrackMasks([]), size=(1, 2), num_frames=0)
    with pytest.raises(ValueError, match='at least one frame'):
        score_region_boundary(empty, read, read)
