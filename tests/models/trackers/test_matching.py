import numpy as np
import pytest

from avis.models.trackers.matching import cosine_similarity_matrix, mask_iou, match, tube_iou
from tests.helpers.tracker_scenes import box_rle


def test_matching_maximizes_the_sum():
    assert match(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.5) == [(0, 1), (1, 0)]


def test_threshold_is_inclusive():
    assert match(np.array([[0.49, 0.0], [0.0, 0.5]]), 0.5) == [(1, 1)]


def test_forbidden_pairs_and_empty_inputs_match_nothing():
    assert match(np.full((2, 2), -np.inf), -1.0) == []
    assert match(np.zeros((0, 3)), 0.0) == []
    assert match(np.zeros((3, 0)), 0.0) == []


def test_weak_pairs_do_not_displace_a_good_one():
    # The sum over all pairs would be greater with (0, 1) and (1, 0); both are below the threshold.
    assert match(np.array([[0.7, 0.45], [0.45, 0.0]]), 0.5) == [(0, 0)]


def test_cosine_of_zeros_is_zero():
    found = cosine_similarity_matrix(np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(found, [[0.5**0.5], [0.0]], rtol=1e-6)


def test_iou_of_masks():
    iou = mask_iou([box_rle((0, 0))], [box_rle((4, 0)), box_rle((20, 0))])
    np.testing.assert_allclose(iou, [[4 / 12, 0]])
    assert mask_iou([], [box_rle((0, 0))]).shape == (0, 1)


def test_iou_of_tracks_sums_over_frames():
    first = [[box_rle((0, 0)), box_rle((0, 0)), None]]
    second = [[box_rle((4, 0)), None, None], [None, None, box_rle((0, 0))], [None] * 3]
    iou, seen = tube_iou(first, second)
    # 32 common pixels of 64 + 64 in the first frame; the second frame adds 64 to the union.
    assert iou[0] == pytest.approx([32 / (96 + 64), 0, 0])
    assert seen.tolist() == [[True, True, False]]
