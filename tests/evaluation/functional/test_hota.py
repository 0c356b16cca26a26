import numpy as np
import pytest
from pycocotools import mask as coco_mask

from avis.evaluation.functional.hota import ALPHAS, HOTACounts, align_tracks, count_hota
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask

# One row of ten pixels: the first n of them.
ROWS = {n: encode_mask(np.arange(10)[None] < n) for n in range(11)}
FULL, BLANK = ROWS[10], ROWS[0]


def score(gt: list, pred: list) -> dict:
    video = VideoOverlap.from_rles(
        TrackMasks(gt), TrackMasks(pred), size=(1, 10), num_frames=len((gt or pred)[0])
    )
    return count_hota(video).scores()


def test_thresholds_equal_those_of_the_paper() -> None:
    np.testing.assert_allclose(ALPHAS, np.arange(1, 20) / 20, rtol=0, atol=1e-15)


@pytest.mark.parametrize('pixels', range(1, 11))
def test_a_pair_passes_the_thresholds_up_to_its_iou(pixels: int) -> None:
    got = score([[FULL]], [[ROWS[pixels]]])
    passed = np.arange(1, 20) / 20 <= pixels / 10 + 1e-12
    np.testing.assert_array_equal(got['HOTA_TP'], passed)
    np.testing.assert_array_equal(got['HOTA_FP'], ~passed)
    np.testing.assert_array_equal(got['HOTA_FN'], ~passed)
    np.testing.assert_allclose(got['LocA'], np.where(passed, pixels / 10, 1))


def test_swap_after_half_of_the_video_reduces_association() -> None:
    left, right = ROWS[5], encode_mask(np.arange(10)[None] >= 5)
    got = score([[left, left], [right, right]], [[left, right], [right, left]])
    # Each pair is matched once and has two masks per track: 1 / (2 + 2 - 1).
    assert (got['DetA'][0], got['AssA'][0]) == (1, pytest.approx(1 / 3))
    assert (got['AssRe'][0], got['AssPr'][0]) == (0.5, 0.5)
    assert got['HOTA'][0] == pytest.approx(np.sqrt(1 / 3))


def test_alignment_decides_where_masks_compete() -> None:
    # In frame 1 the second prediction fits better, but the first fits the other frames.
    got = score([[FULL] * 4], [[ROWS[9]] * 4, [None, FULL, None, None]])
    assert (got['HOTA_TP'][0], got['HOTA_FP'][0], got['AssA'][0]) == (4, 1, 1)


def plain_alignment(gt: list, pred: list) -> np.ndarray:
    """Alignment frame by frame on the arrays of pycocotools, as in TrackEval."""
    overlap, n_gt, n_pred = np.zeros((len(gt), len(pred))), 0, 0
    for masks, found in zip(zip(*gt, strict=True), zip(*pred, strict=True), strict=True):
        has_gt, has_pred = (np.array([m is not None for m in side]) for side in (masks, found))
        n_gt, n_pred = n_gt + has_gt[:, None], n_pred + has_pred
        if has_gt.any() and has_pred.any():
            lists = [[m for m in side if m is not None] for side in (masks, found)]
            iou = coco_mask.iou(*lists, [0] * len(lists[1]))
            both = iou.sum(0)[None] + iou.sum(1)[:, None] - iou
            share = np.divide(iou, both, out=np.zeros_like(iou), where=both > 0)
            overlap[np.ix_(has_gt, has_pred)] += share
    return overlap / (n_gt + n_pred - overlap)


@pytest.mark.parametrize(('num_gt', 'num_pred'), [(3, 7), (9, 5), (4, 12), (11, 11), (17, 9)])
def test_alignment_equals_trackeval_to_the_last_bit(num_gt: int, num_pred: int) -> None:
    rng = np.random.default_rng(num_gt)

    def draw(number: int) -> list:
        masks = rng.random((number, 6, 8, 9)) < rng.uniform(0.2, 0.9, (number, 1, 1, 1))
        given = rng.random((number, 6)) < 0.8
        given[:, 0] = True
        return [
            [encode_mask(m) if g else None for m, g in zip(*track, strict=True)]
            for track in zip(masks, given, strict=True)
        ]

    gt, pred = draw(num_gt), draw(num_pred)
    video = VideoOverlap.from_rles(TrackMasks(gt), TrackMasks(pred), size=(8, 9), num_frames=6)
    np.testing.assert_array_equal(align_tracks(video), plain_alignment(gt, pred))


def test_blank_masks_are_false_positives() -> None:
    got = score([[FULL, None]], [[FULL, BLANK]])
    assert (got['HOTA_FP'][0], got['AssPr'][0], got['AssA'][0]) == (1, 0.5, 0.5)


@pytest.mark.parametrize(('gt', 'pred'), [([[FULL]], []), ([], [[FULL]]), ([[None]], [[None]])])
def test_hota_is_0_and_loca_is_1_without_matches(gt: list, pred: list) -> None:
    got = score(gt, pred)
    assert got['HOTA'].sum() == got['DetA'].sum() == got['AssA'].sum() == 0
    assert (got['LocA'] == 1).all()
    assert got['HOTA_FN'][0] + got['HOTA_FP'][0] == (gt != [[None]])


def test_zero_counts_have_hota_0_and_loca_1() -> None:
    got = HOTACounts().scores()
    assert (float(got['HOTA(0)']), float(got['LocA(0)']), float(got['HOTALocA(0)'])) == (0, 1, 0)
