import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.youtube_vis import count_video, score_videos
from avis.structures.masks import encode_mask
from tests.helpers.small_videos import CLASSES, draw_video, seeds

FULL, HALF, BLANK = (encode_mask(np.arange(4)[None] < n) for n in (4, 2, 0))


def score(*videos: VideoOverlap, protocol: str = 'official', order=None) -> dict[str, float]:
    counted = [
        count_video(video, video_id=number, classes=CLASSES, protocol=protocol)
        for number, video in enumerate(videos)
    ]
    counted = pickle.loads(pickle.dumps([counted[n] for n in order or range(len(counted))]))
    return score_videos(counted)


def overlap(gt: list, pred: list, scores: list[float]) -> VideoOverlap:
    return VideoOverlap.from_rles(
        TrackMasks(gt, labels=[1] * len(gt)),
        TrackMasks(pred, labels=[1] * len(pred), scores=scores),
        size=(1, 4),
        num_frames=1,
    )


def test_the_reported_numbers() -> None:
    got = score(overlap([[FULL], [HALF]], [[FULL], [BLANK], [FULL]], [0.9, 0.8, 0.7]))
    # The first prediction takes the first truth; the last one passes 0.5 with the second.
    assert got['AP50'] == pytest.approx(100 * (51 + 50 * 2 / 3) / 101)
    assert got['AP75'] == pytest.approx(100 * 51 / 101)
    assert got['AP'] == pytest.approx((got['AP50'] + 9 * got['AP75']) / 10)
    assert [got[f'AR{limit}'] for limit in (1, 10, 100)] == pytest.approx([50, 55, 55])
    assert (got['AP_s'], got['AR_s']) == (got['AP'], got['AR100'])
    assert (got['AP_m'], got['AP_l'], got['AR_l']) == (-1, -1, -1)


def test_blank_tracks_are_none_in_the_corrected_protocol() -> None:
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


def test_an_empty_data_set_is_undefined() -> None:
    empty = overlap([], [], [])
    assert set(score(empty).values()) == {-1}
    assert np.isnan(list(score(empty, protocol='corrected').values())).all()


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match=r'got \[\]'):
        score_videos([])
    video = overlap([], [], [])
    mixed = [
        count_video(video, video_id=1, classes=CLASSES, protocol=p)
        for p in ('official', 'corrected')
    ]
    with pytest.raises(ValueError, match=r"got \['corrected', 'official'\]"):
        score_videos(mixed)
