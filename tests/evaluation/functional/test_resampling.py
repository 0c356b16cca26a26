"""Resampled scores equal those of scoring every draw by itself."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from avis.evaluation.functional import aviseg, youtube_vis
from avis.evaluation.functional.avsbench import pool_clips, score_clip
from avis.evaluation.functional.avss import pool_classes, score_frames
from avis.evaluation.functional.bootstrap import draw_videos
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.resampling import (
    resample_aviseg,
    resample_avsbench,
    resample_avss,
    resample_youtube_vis,
)
from avis.structures.masks import encode_mask

PROTOCOLS = ('official', 'corrected')
CLASSES = range(5)


def make_videos(count: int, *, seed: int = 0) -> list[VideoOverlap]:
    """Videos with up to three tracks of each side; scores never tie."""
    rng = np.random.default_rng(seed)

    def tracks(number: int, scores: bool) -> TrackMasks:
        masks = rng.random((number, 4, 10, 40)) < rng.uniform(0.5, 0.9, (number, 1, 1, 1))
        rles = [[encode_mask(m) if rng.random() < 0.8 else None for m in t] for t in masks]
        labels = rng.integers(0, 3, number).tolist()
        return TrackMasks(rles, labels=labels, scores=rng.random(number) if scores else None)

    return [
        VideoOverlap.from_rles(
            tracks(int(rng.integers(0, 3)), False),
            tracks(int(rng.integers(0, 4)), True),
            size=(10, 40),
            num_frames=4,
        )
        for _ in range(count)
    ]


def compare(resampled: dict, expected: list[dict], undefined: float) -> None:
    """Compare all draws; ``undefined`` marks scores that are NaN when resampled."""
    for key in resampled:
        wanted = np.array([row[key] for row in expected], float)
        wanted[wanted == undefined] = np.nan
        np.testing.assert_allclose(resampled[key], wanted, rtol=0, atol=1e-9, err_msg=key)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_aviseg(protocol: str) -> None:
    videos = [
        aviseg.count_aviseg(video, name=f'{10 - n:02d}', classes=CLASSES, protocol=protocol)
        for n, video in enumerate(make_videos(10))
    ]
    videos = [
        video for video in videos if not any(p.tracks.as_first for p in video.classes.values())
    ]
    draws = draw_videos(len(videos), resamples=30)
    draws[0] = next(
        n for n, video in enumerate(videos) if not video.classes or n == len(videos) - 1
    )
    resampled = resample_aviseg(videos, draws, num_classes=len(CLASSES))
    expected = [
        aviseg.score_aviseg([videos[n] for n in draw], classes=CLASSES).summary() for draw in draws
    ]
    compare(resampled, expected, undefined=-100)
    counts = {f'FA{kind}_{name}' for kind in 'nsm' for name in ('count', 'all')}
    assert resampled.keys() == expected[0].keys() - counts


def test_first_prediction_leaves_its_gt_track_free_in_every_draw() -> None:
    mask = encode_mask(np.ones((4, 4), bool))
    twice = TrackMasks([[mask], [mask]], scores=[0.9, 0.8])
    video = VideoOverlap.from_rles(TrackMasks([[mask]]), twice, size=(4, 4), num_frames=1)
    counted = aviseg.count_aviseg(video, name='a', classes=[0])
    resampled = resample_aviseg([counted], np.zeros((2, 1), int), num_classes=1)
    assert aviseg.score_aviseg([counted], classes=[0]).summary()['AR_all'] == pytest.approx(200)
    np.testing.assert_allclose(resampled['AR_all'], 200)


def test_no_fsla_if_the_official_evaluator_stops() -> None:
    left, right = (encode_mask(np.eye(4)[k : k + 1].repeat(4, 0) > 0) for k in (0, 3))
    gt = TrackMasks([[left, left], [right, right]], labels=[0, 1])
    pred = TrackMasks([[None, right], [left, left], [right, right]], labels=[0, 0, 1])
    video = VideoOverlap.from_rles(gt, pred, size=(4, 4), num_frames=2)
    counted = aviseg.count_aviseg(video, name='a', classes=[0, 1])
    resampled = resample_aviseg([counted], np.zeros((2, 1), int), num_classes=2)
    assert counted.error is not None
    assert 'FA' not in resampled
    assert 'HOTA' in resampled


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_youtube_vis(protocol: str) -> None:
    videos = [
        youtube_vis.count_youtube_vis(video, video_id=20 - n, classes=CLASSES, protocol=protocol)
        for n, video in enumerate(make_videos(8, seed=1))
    ]
    draws = draw_videos(len(videos), resamples=30)
    expected = [youtube_vis.score_youtube_vis([videos[n] for n in draw]) for draw in draws]
    compare(resample_youtube_vis(videos, draws), expected, undefined=-1)


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('batch_size', [1, 3])
def test_avsbench(protocol: str, batch_size: int) -> None:
    rng = np.random.default_rng(0)
    gt = rng.random((7, 3, 6, 6)) < rng.choice([0, 0.5], (7, 3, 1, 1))  # some are silent
    frames = rng.integers(1, 4, 7)
    clips = [
        score_clip(rng.random((count, 6, 6)), clip[:count])
        for clip, count in zip(gt, frames, strict=True)
    ]
    assert sum((~clip.sounding).all() for clip in clips) > 1
    draws = draw_videos(len(clips), resamples=20)
    expected = [
        pool_clips([clips[n] for n in draw], protocol=protocol, batch_size=batch_size)
        for draw in draws
    ]
    resampled = resample_avsbench(clips, draws, protocol=protocol, batch_size=batch_size)
    compare(resampled, [vars(scores) for scores in expected], undefined=-1)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_avss(protocol: str) -> None:
    rng = np.random.default_rng(0)
    clips = [score_frames(*rng.integers(0, 5, (2, 3, 6, 6))).sums() for _ in range(5)]
    draws = draw_videos(len(clips), resamples=20)
    expected = [pool_classes([clips[n] for n in draw], protocol=protocol) for draw in draws]
    resampled = resample_avss(clips, draws, protocol=protocol)
    assert resampled.keys() == {'miou', 'miou_noBg', 'F_score', 'F_score_noBg'}
    compare(resampled, [vars(scores) for scores in expected], undefined=-1)


def count_calls(function: Callable[[], object]) -> int:
    """Number of calls that a function makes, which does not depend on machine and load."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ('call', 'c_call')

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def test_1000_draws_make_fewer_calls_than_one_scoring() -> None:
    videos = [
        aviseg.count_aviseg(video, name=str(n), classes=CLASSES, protocol='corrected')
        for n, video in enumerate(make_videos(40))
    ]
    one = count_calls(lambda: aviseg.score_aviseg(videos, classes=CLASSES))
    draws = draw_videos(40)
    assert len(draws) == 1000
    calls = count_calls(lambda: resample_aviseg(videos, draws, num_classes=len(CLASSES)))
    assert calls < one
