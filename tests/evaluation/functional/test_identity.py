from itertools import permutations

import numpy as np
import pytest
from hypothesis import given

from avis.evaluation.functional.identity import IdentityCounts, count_identity
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import RLE
from tests.helpers.small_videos import SmallVideo, small_videos

A, B = RLE(size=[1, 2], counts=b'011'), RLE(size=[1, 2], counts=b'11')
BOTH = RLE(size=[1, 2], counts=b'02')


def count(gt: list, pred: list) -> IdentityCounts:
    video = VideoOverlap.from_rles(
        TrackMasks(gt), TrackMasks(pred), size=(1, 2), num_frames=len((gt or pred)[0])
    )
    return count_identity(video)


def test_gt_track_is_paired_with_the_longest_match_only() -> None:
    got = count([[A] * 5], [[A, A, A, None, None], [None, None, None, A, A]])
    assert got == IdentityCounts(IDTP=3, IDFN=2, IDFP=2)
    assert float(got.scores()['IDF1']) == pytest.approx(0.6)


def test_an_iou_of_one_half_is_enough() -> None:
    assert count([[BOTH]], [[A]]).IDTP == 1
    assert count([[A]], [[B]]).IDTP == 0


def test_video_with_one_empty_side_has_no_idtp() -> None:
    assert count([[A, A]], []) == IdentityCounts(IDFN=2)
    assert count([], [[A, A]]) == IdentityCounts(IDFP=2)
    assert float(IdentityCounts().scores()['IDF1']) == 0


@given(video=small_videos)
def test_assignment_is_optimal(video: SmallVideo) -> None:
    overlap = video.overlap()
    frames = (overlap.iou >= 0.5).sum(axis=0)
    size = max(frames.shape)
    square = np.zeros((size, size), int)
    square[: frames.shape[0], : frames.shape[1]] = frames
    best = max(square[np.arange(size), list(order)].sum() for order in permutations(range(size)))
    got = count_identity(overlap)
    assert best == got.IDTP
    assert overlap.gt.num_masks == got.IDTP + got.IDFN
    assert overlap.pred.num_masks == got.IDTP + got.IDFP
