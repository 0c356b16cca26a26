import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.youtube_vis import count_youtube_vis, score_youtube_vis
from avis.structures.masks import encode_mask
from tests.helpers.small_videos import CLASSES, draw_video, seeds

FULL, HALF, BLANK = (encode_mask(np.arange(4)[None] < n) for n in (4, 2, 0))


def score(*videos: VideoOverlap, protocol: str = 'official', order=None) -> dict[str, float]:
    counted = [
        count_youtube_vis(video, video_id=number, classes=CLASSES, protocol=protocol)
        for number, video in enumerate(videos)
    ]
    counted = pickle.loads(pickle.dumps([counted[n] for n in order or range(len(counted))]))
    return score_youtube_vis(counted)


def overlap(gt: list, pred: list, scores: list[float]) -> VideoOverlap:
    return VideoOverlap.from_rles(
        TrackMasks(gt, labels=[1] * len(gt)),
        TrackMasks(pred, labels=[1] * len(pred), scores=scores),
        size=(1, 4),
        num_frames=1,
    )


def test_summary_of_one_video() -> None:
    got = score(overlap([[FULL], [HALF]], [[FULL], [BLANK], [FULL]], [0.9, 0.8, 0.7]))
    # The first prediction matches the first gt track; the last one has IoU 0.5 with the second.
    assert got['AP50'] == pytest.approx(100 * (51 + 50 * 2 / 3) / 101)
    assert got['AP75'] == pytest.approx(100 * 51 / 101)
    assert got['AP'] == pytest.approx((got['AP50'] + 9 * got['AP75']) / 10)
    assert [got[f'AR{limit}'] for limit in (1, 10, 100)] == pytest.approx([50, 55, 55])
    assert (got['AP_s'], got['AR_s']) == (got['AP'], got['AR100'])
    assert (got['AP_m'], got['AP_l'], got['AR_l']) == (-1, -1, -1)


def test_corrected_ignores_blank_tracks() -> None:
    video = overlap([[FULL]], [[BLANK], [FULL]], [0.9, 0.8])
    assert score(video)['AP'] == pytest.approx(50)
    corrected = score(video, protocol='corrected')
    assert corrected['AP'] == pytest.approx(100)
    assert np.isnan(corrected['AP_l'])


@settings(max_examples=30)
@given(seed=seeds, shuffle=st.randoms(use_true_random=False))
def test_order_of_videos_does_not_matter_and_scores_stay_in_bounds(
    seed: int, shuffle: random.Random
) -> None:
    videos = [draw_video(seed + number).overlap() for number in range(3)]
    got = score(*videos)
    assert got == score(*videos, order=shuffle.sample(range(3), 3))
    assert all(value == -1 or 0 <= value <= 100 for value in got.values())
    assert got['AR1'] <= got['AR10'] <= got['AR100']


def test_scores_of_an_empty_data_set_are_undefined() -> None:
    empty = overlap([], [], [])
    assert set(score(empty).values()) == {-1}
    assert np.isnan(list(score(empty, protocol='corrected').values())).all()


def test_invalid_videos_raise() -> None:
    with pytest.raises(ValueError, match=r'got \[\]'):
        score_youtube_vis([])
    video = overlap([], [], [])
    mixed = [
        count_youtube_vis(video, video_id=1, classes=CLASSES, protocol=p)
        for p in ('official', 'corrected')
    ]
    with pytest.raises(ValueError, match=r"got \['corrected', 'official'\]"):
        score_youtube_vis(mixed)
