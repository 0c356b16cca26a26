import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.clear import CLEARCounts, count_clear
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import RLE
from tests.helpers.small_videos import SmallVideo, small_videos

A, B = RLE(size=[1, 2], counts=b'011'), RLE(size=[1, 2], counts=b'11')
BOTH = RLE(size=[1, 2], counts=b'02')


def count(gt: list, pred: list) -> CLEARCounts:
    video = VideoOverlap.from_rles(
        TrackMasks(gt), TrackMasks(pred), size=(1, 2), num_frames=len((gt or pred)[0])
    )
    return count_clear(video)


def test_switch_is_a_change_from_the_last_match() -> None:
    got = count([[A] * 5], [[A, None, None, A, None], [None, None, A, None, A]])
    assert (got.CLR_TP, got.CLR_FN, got.IDSW) == (4, 1, 3)


def test_pair_of_the_previous_frame_is_kept() -> None:
    # A covers half of BOTH: the pair of IoU 0.5 is kept although the second prediction is perfect.
    got = count([[A, BOTH]], [[A, A], [None, BOTH]])
    assert (got.CLR_TP, got.CLR_FP, got.IDSW, got.MOTP_sum) == (2, 1, 0, 1.5)
    got = count([[BOTH]], [[A], [BOTH]])
    assert (got.CLR_TP, got.MOTP_sum) == (1, 1)


def test_frames_without_prediction_keep_the_pairs() -> None:
    got = count([[A, BOTH, BOTH]], [[A, None, A], [None, None, BOTH]])
    assert (got.CLR_TP, got.IDSW, got.MOTP_sum) == (2, 0, 1.5)


@pytest.mark.parametrize(
    ('matched', 'kind'), [(9, 'MT'), (8, 'PT'), (2, 'PT'), (1, 'ML'), (0, 'ML')]
)
def test_tracks_are_classified_by_share_of_matched_frames(matched: int, kind: str) -> None:
    got = count([[A] * 10], [[A] * matched + [B] * (10 - matched)])
    assert {name: getattr(got, name) for name in ('MT', 'PT', 'ML')} == {
        'MT': 0,
        'PT': 0,
        'ML': 0,
        kind: 1,
    }


def test_fragments_count_new_matches_after_a_gap() -> None:
    got = count([[A] * 6], [[A, B, A, A, B, A]])
    assert (got.Frag, got.IDSW) == (2, 0)


def test_video_with_one_empty_side_counts_as_in_trackeval() -> None:
    missed, false_positives = count([[A, A]], []), count([], [[A, A]])
    assert missed == CLEARCounts(CLR_FN=2, ML=1)
    assert false_positives == CLEARCounts(CLR_FP=2)
    assert (
        float(missed.scores_of_video()['MLR'])
        == float(false_positives.scores_of_video()['MLR'])
        == 1
    )
    assert float(false_positives.scores_of_video()['FP_per_frame']) == 0
    assert float(false_positives.scores()['MLR']) == 0


def plain_clear(video: VideoOverlap) -> tuple[int, int]:
    """Matches and switches, frame by frame, by definition."""
    last, previous, matches, switches = {}, {}, 0, 0
    for frame in range(video.num_frames):
        gt = np.flatnonzero(video.gt.present[:, frame])
        pred = np.flatnonzero(video.pred.present[:, frame])
        if not (len(gt) and len(pred)):
            continue
        iou = video.iou[frame][np.ix_(gt, pred)]
        kept = np.array([[previous.get(g) == p for p in pred] for g in gt])
        weight = np.where(iou >= 0.5 - 1e-15, iou + 1000 * kept, 0)
        pairs = [
            (gt[row], pred[column])
            for row, column in zip(*linear_sum_assignment(-weight), strict=True)
            if weight[row, column] > 0
        ]
        switches += sum(g in last and last[g] != p for g, p in pairs)
        matches += len(pairs)
        previous = dict(pairs)
        last |= previous
    return matches, switches


@given(video=small_videos)
def test_counts_equal_a_plain_loop_over_frames(video: SmallVideo) -> None:
    overlap = video.overlap()
    got = count_clear(overlap)
    if overlap.gt.num_masks and overlap.pred.num_masks:
        assert plain_clear(overlap) == (got.CLR_TP, got.IDSW)
    assert overlap.gt.num_masks == got.CLR_TP + got.CLR_FN
    assert overlap.pred.num_masks == got.CLR_TP + got.CLR_FP
    assert overlap.gt.ever_present.sum() == got.MT + got.PT + got.ML
