import numpy as np
import pytest
from hypothesis import given

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.track_map import (
    AREA_RANGES,
    EXACT_RULES,
    TRACKEVAL_RULES,
    YOUTUBE_VIS_RULES,
    average_classes_found,
    match_tracks,
    score_matches,
    track_iou,
)
from avis.structures.masks import encode_mask
from tests.helpers.small_videos import CLASSES, SmallVideo, small_videos

# One row of twenty pixels: the first n of them.
ROWS = {n: encode_mask(np.arange(20)[None] < n) for n in range(21)}
FULL, BLANK = ROWS[20], ROWS[0]


def overlap(gt: list, pred: list, scores: list, **gt_fields) -> VideoOverlap:
    return VideoOverlap.from_rles(
        TrackMasks(gt, **gt_fields),
        TrackMasks(pred, scores=scores),
        size=(1, 20),
        num_frames=len((gt or pred)[0]),
    )


def score(*videos: VideoOverlap, rules=EXACT_RULES, **kwargs) -> dict:
    return score_matches([match_tracks(video, 0, rules=rules) for video in videos], **kwargs)


@given(video=small_videos)
def test_track_iou_is_computed_over_the_whole_video(video: SmallVideo) -> None:
    shared = np.einsum('pthw,gthw->pg', video.pred.astype(int), video.gt.astype(int))
    volumes = video.pred.sum(axis=(1, 2, 3))[:, None] + video.gt.sum(axis=(1, 2, 3)) - shared
    np.testing.assert_array_equal(track_iou(video.overlap()), shared / np.maximum(volumes, 1))


def plain_matches(video: VideoOverlap, label: int, threshold: float) -> list[bool]:
    """Whether each prediction is matched, best score first, by definition."""
    iou, used, found = track_iou(video), set(), []
    pred = [p for p in range(len(video.pred)) if video.pred.labels[p] == label]
    for p in sorted(pred, key=lambda track: -video.pred.scores[track]):
        free = [g for g in range(len(video.gt)) if video.gt.labels[g] == label]
        free = [g for g in free if g not in used and iou[p, g] >= threshold]
        best = max(free, key=lambda track: iou[p, track], default=None)
        found.append(best is not None)
        used.add(best)
    return found


@given(video=small_videos)
def test_matches_equal_a_plain_loop(video: SmallVideo) -> None:
    whole = video.overlap()
    for label in CLASSES:
        matches = match_tracks(whole, label)
        assert (np.diff(matches.scores) <= 0).all()
        for column, threshold in enumerate(EXACT_RULES.thresholds):
            expected = plain_matches(whole, label, threshold)
            assert matches.matched[0, :, column].tolist() == expected


def test_precision_is_made_monotone_and_sampled_at_101_recalls() -> None:
    hit, miss = ([[FULL]], [[FULL]]), ([[FULL]], [[ROWS[1]]])
    # By score: hit, miss, hit of three gt tracks.
    videos = [overlap(*pair, [s]) for pair, s in ((hit, 0.9), (miss, 0.8), (hit, 0.7))]
    got = score(*videos)
    # Recalls up to 1/3 (34 samples) at precision 1, up to 2/3 (33) at 2/3, the rest at 0.
    np.testing.assert_allclose(got['AP_all'], (34 + 33 * 2 / 3) / 101)
    np.testing.assert_allclose(got['AR_all'], 2 / 3)


def test_an_iou_of_19_of_20_fails_at_the_last_accumulated_threshold() -> None:
    video = overlap([[FULL]], [[ROWS[19]]], [1.0])
    rules = (EXACT_RULES, YOUTUBE_VIS_RULES, TRACKEVAL_RULES)
    assert [score(video, rules=r)['AP_all'][-1] for r in rules] == [
        pytest.approx(1),
        pytest.approx(1),
        0,
    ]


def test_later_gt_track_of_equal_iou_is_matched() -> None:
    left, right = ROWS[10], encode_mask(np.arange(20)[None] >= 10)
    # FULL overlaps both by one half; the free one decides whether the second prediction matches.
    for gt, found in (([[left], [right]], True), ([[right], [left]], False)):
        matches = match_tracks(overlap(gt, [[FULL], [left]], [0.9, 0.8]), 0)
        assert matches.matched[0, :, 0].tolist() == [True, found]


def test_gt_tracks_are_matched_before_crowds_of_higher_iou() -> None:
    video = overlap([[ROWS[15]], [FULL]], [[FULL], [FULL]], [1.0, 0.9], crowd=[False, True])
    matches = match_tracks(video, 0)
    assert matches.ignored[0, :, 0].tolist() == [False, True]
    assert matches.ignored[0, :, -1].tolist() == [True, False]


def test_crowds_are_matched_once_in_trackeval_only() -> None:
    video = overlap([[FULL]], [[FULL], [FULL]], [1.0, 0.9], crowd=[True])
    for rules, ignored in ((TRACKEVAL_RULES, [True, False]), (YOUTUBE_VIS_RULES, [True, True])):
        assert match_tracks(video, 0, rules=rules).ignored[0, :, 0].tolist() == ignored


@pytest.mark.parametrize(
    ('size', 'counted'),
    [(128**2 - 1, 's'), (128**2, 'sm'), (256**2, 'ml'), (256**2 + 1, 'l'), (0, 's')],
)
def test_gt_track_counts_in_the_ranges_of_its_size(size: float, counted: str) -> None:
    matches = match_tracks(overlap([[FULL]], [[FULL]], [1.0], sizes=[size]), 0)
    names = [name[-1] for name in AREA_RANGES]
    expected = [1] + [int(name in counted) for name in names[1:]]
    assert matches.num_gt.tolist() == expected
    # The prediction is small; where the gt track does not count, the prediction is ignored.
    assert matches.ignored[:, 0, 0].tolist() == [not number for number in expected]


def test_unmatched_predictions_outside_of_the_range_are_ignored() -> None:
    matches = match_tracks(overlap([], [[FULL]], [1.0]), 0)
    assert matches.ignored[:, 0, 0].tolist() == [False, False, True, True]
    assert not matches.matched.any()


def test_scores_with_one_empty_side() -> None:
    blank, missed, false_positive = (
        overlap(gt, pred, [1.0] * len(pred))
        for gt, pred in (([[BLANK]], []), ([[FULL]], []), ([], [[FULL]]))
    )
    assert score(missed)['AP_all'].tolist() == score(missed)['AR_all'].tolist() == [0.0] * 10
    assert np.isnan(score(false_positive)['AP_all']).all()
    assert score(blank)['AR_area_s'].sum() == 0
    assert np.isnan(score_matches([None])['AP_all']).all()


def test_equal_scores_keep_the_order_of_videos() -> None:
    hit, miss = overlap([[FULL]], [[FULL]], [0.5]), overlap([[FULL]], [[ROWS[1]]], [0.5])
    assert score(hit, miss)['AP_all'][0] == pytest.approx(51 / 101)
    assert score(miss, hit)['AP_all'][0] == pytest.approx(51 / 101 / 2)


def test_max_detections_limits_predictions_per_video() -> None:
    video = overlap([[FULL]], [[ROWS[1]], [FULL]], [0.9, 0.8])
    assert score(video, max_detections=1)['AR_all'][0] == 0
    assert score(video, max_detections=2)['AR_all'][0] == 1


def test_as_first_leaves_the_gt_track_free() -> None:
    later = overlap([[FULL]], [[ROWS[1]], [FULL], [FULL]], [0.1, 0.9, 0.8])
    first = overlap([[FULL]], [[FULL], [FULL], [ROWS[1]]], [0.9, 0.8, 0.1])
    assert match_tracks(first, 0).as_first.matched[0, :, 0].tolist() == [True, True, False]
    assert match_tracks(first, 0).matched[0, :, 0].tolist() == [True, False, False]
    as_first = match_tracks(later, 0).as_first
    assert as_first.matched[0, :, 0].tolist() == [True, False, False]
    assert match_tracks(overlap([[FULL]], [[FULL]], [1.0]), 0).as_first is None


def test_average_over_classes_leaves_out_nan() -> None:
    assert average_classes_found([]) == {}
    known = {'AP_all': np.array([0.5])}
    got = average_classes_found([known, {'AP_all': np.array([np.nan])}])
    assert got['AP_all'].tolist() == [0.5]
