import numpy as np
import pytest

from avis.evaluation.functional.hota import ALPHAS, HOTACounts, count_hota
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask

# One row of ten pixels: the first n of them.
ROWS = {n: encode_mask(np.arange(10)[None] < n) for n in range(11)}
FULL, BLANK = ROWS[10], ROWS[0]


def score(truth: list, pred: list) -> dict:
    video = VideoOverlap.from_rles(
        TrackMasks(truth), TrackMasks(pred), size=(1, 10), num_frames=len((truth or pred)[0])
    )
    return count_hota(video).scores()


def test_thresholds_are_those_of_the_paper() -> None:
    np.testing.assert_allclose(ALPHAS, np.arange(1, 20) / 20, rtol=0, atol=1e-15)


@pytest.mark.parametrize('pixels', range(1, 11))
def test_a_pair_passes_the_thresholds_up_to_its_iou(pixels: int) -> None:
    got = score([[FULL]], [[ROWS[pixels]]])
    passed = np.arange(1, 20) / 20 <= pixels / 10 + 1e-12
    np.testing.assert_array_equal(got['HOTA_TP'], passed)
    np.testing.assert_array_equal(got['HOTA_FP'], ~passed)
    np.testing.assert_array_equal(got['HOTA_FN'], ~passed)
    np.testing.assert_allclose(got['LocA'], np.where(passed, pixels / 10, 1))


def test_a_swap_halfway_halves_association() -> None:
    left, right = ROWS[5], encode_mask(np.arange(10)[None] >= 5)
    got = score([[left, left], [right, right]], [[left, right], [right, left]])
    # Of each pair: matched once, two masks each, so 1 / (2 + 2 - 1).
    assert (got['DetA'][0], got['AssA'][0]) == (1, pytest.approx(1 / 3))
    assert (got['AssRe'][0], got['AssPr'][0]) == (0.5, 0.5)
    assert got['HOTA'][0] == pytest.approx(np.sqrt(1 / 3))


def test_alignment_decides_where_masks_compete() -> None:
    # In frame 1 the second prediction fits better, but the first follows the truth elsewhere.
    got = score([[FULL] * 4], [[ROWS[9]] * 4, [None, FULL, None, None]])
    assert (got['HOTA_TP'][0], got['HOTA_FP'][0], got['AssA'][0]) == (4, 1, 1)


def test_blank_masks_are_wrong_detections() -> None:
    got = score([[FULL, None]], [[FULL, BLANK]])
    assert (got['HOTA_FP'][0], got['AssPr'][0], got['AssA'][0]) == (1, 0.5, 0.5)


@pytest.mark.parametrize(('truth', 'pred'), [([[FULL]], []), ([], [[FULL]]), ([[None]], [[None]])])
def test_nothing_matched_is_0_and_located_perfectly(truth: list, pred: list) -> None:
    got = score(truth, pred)
    assert got['HOTA'].sum() == got['DetA'].sum() == got['AssA'].sum() == 0
    assert (got['LocA'] == 1).all()
    assert got['HOTA_FN'][0] + got['HOTA_FP'][0] == (truth != [[None]])


def test_zero_counts_have_the_same_scores() -> None:
    got = HOTACounts().scores()
    assert (float(got['HOTA(0)']), float(got['LocA(0)']), float(got['HOTALocA(0)'])) == (0, 1, 0)
