from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.avtrack import (
    REGION_SUMMARY,
    SUMMARY,
    AVTrackCounts,
    MaskReaders,
    average_avtrack,
    failed_video,
    score_avtrack,
)
from avis.evaluation.functional.counts import OfficialEvaluatorError
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask
from tests.helpers.instance_goldens import (
    GOLDEN,
    AVTrackCase,
    avtrack_cases,
    compare,
    read_json,
)
from tests.helpers.small_videos import draw_video, seeds

EXPECTED = read_json(GOLDEN / 'avtrack' / 'expected.json')
COUNTS = {
    'num_gt_dets': 'GT_Dets',
    'num_tracker_dets': 'Dets',
    'num_gt_ids': 'GT_IDs',
    'num_tracker_ids': 'IDs',
}


def score_case(case: AVTrackCase, protocol: str, *, region_boundary: bool = False) -> AVTrackCounts:
    """Score one video of the golden from merged label maps."""
    if case.persons is None and protocol == 'official':
        return failed_video(case.name, 'no prediction folder', protocol=protocol)
    try:
        images = case.merged
        size = case.gt.shape[1:]
        video = VideoOverlap.from_label_maps(zip(case.gt, images, strict=True), size=size)
    except (IndexError, ValueError) as error:
        return failed_video(
            case.name, str(error), protocol=protocol, region_boundary=region_boundary
        )
    masks = MaskReaders(
        gt=lambda track, frame: case.gt[frame] == video.gt.ids[track],
        pred=lambda track, frame: images[frame] == video.pred.ids[track],
    )
    return score_avtrack(
        video,
        name=case.name,
        protocol=protocol,
        masks=masks if region_boundary else None,
        num_folders=len(case.persons or []),
    )


@pytest.fixture(scope='module')
def cases() -> list[AVTrackCase]:
    return list(avtrack_cases())


@pytest.mark.parametrize(
    ('protocol', 'region_boundary', 'key'),
    [
        ('official', False, 'official'),
        ('official', True, 'official_with_jf'),
        ('corrected', True, 'intended'),
    ],
)
def test_every_video_equals_the_authors_scorer(cases, protocol, region_boundary, key) -> None:
    assert len(cases) == EXPECTED['num_videos_in_mean']
    for case in cases:
        video = score_case(case, protocol, region_boundary=region_boundary)
        expected = dict(EXPECTED['per_video'][case.name][key])
        if 'error' in expected:
            assert video.failure
            assert set(video.summary.values()) == {0.0}
            continue
        for name, field in COUNTS.items():
            if name in expected:
                assert video.details['Count'][field] == expected.pop(name), case.name
        compare(video.summary, expected, f'{case.name} {key}')
        message = EXPECTED['per_video'][case.name].get('message')
        if protocol == 'official' and message and 'boolean index' not in message:
            assert message.removeprefix(f'Error evaluating {case.name}: ') in video.failure


def test_every_field_equals_trackeval(cases) -> None:
    full = read_json(GOLDEN / 'avtrack' / 'expected_full.json.gz')
    compared = 0
    for case in cases:
        video = score_case(case, 'official', region_boundary=True)
        expected = full.get(case.name, {})
        for metric, fields in expected.get('official_detail', {}).items():
            compare(video.details[metric], fields, f'{case.name} {metric}')
            compared += len(fields)
        if 'official_jf_detail' in expected:
            compare(video.details['JAndF'], expected['official_jf_detail'], case.name)
    assert compared > 300


def test_means_equal_the_authors_scorer(cases) -> None:
    official = [score_case(case, 'official') for case in cases]
    compare(average_avtrack(official), EXPECTED['official_mean'], 'official')
    corrected = [score_case(case, 'corrected') for case in cases]
    compare(average_avtrack(corrected), EXPECTED['intended_mean_unclamped'], 'intended')
    clamped = [
        replace(video, summary={name: max(value, 0) for name, value in video.summary.items()})
        for video in corrected
    ]
    compare(average_avtrack(clamped), EXPECTED['intended_mean_clamped'], 'intended, clamped')


def test_official_mean_with_jf_raises_for_a_failed_video(cases) -> None:
    videos = [score_case(case, 'official', region_boundary=True) for case in cases]
    with pytest.raises(OfficialEvaluatorError, match=r'solo_C_01.*corrected') as error:
        average_avtrack(videos)
    assert error.value.cause == EXPECTED['official_mean_with_jf_enabled']['error']
    failed = next(video for video in videos if video.failure)
    assert set(average_avtrack([failed, *videos])) == set(SUMMARY)


def test_corrected_mean_of_jf_leaves_out_videos_without_gt_masks(cases) -> None:
    videos = [score_case(case, 'corrected', region_boundary=True) for case in cases]
    known = [v.summary['J-Mean'] for v in videos if not np.isnan(v.summary['J-Mean'])]
    assert len(known) == len(videos) - 1  # sile_K_01 has no gt mask
    assert average_avtrack(videos)['J-Mean'] == pytest.approx(np.mean(known))


def test_rles_and_label_maps_have_equal_scores(cases) -> None:
    for case in cases:
        if not case.persons or case.name == 'size_L_01':
            continue
        levels = np.setdiff1d(case.gt, [0])
        gt = [[encode_mask(image == level) for image in case.gt] for level in levels]
        persons = [
            [None if mask is None else encode_mask(mask) for mask in p] for p in case.persons
        ]
        video = VideoOverlap.from_rles(
            TrackMasks(gt, ids=levels),
            TrackMasks(persons),
            size=case.gt.shape[1:],
            num_frames=len(case.gt),
            merged=True,
        )
        video = video.select(video.gt.ever_present, range(len(persons))).without_blanks()
        for protocol in ('official', 'corrected'):
            got = score_avtrack(video, name=case.name, protocol=protocol)
            assert got.summary == score_case(case, protocol).summary


@settings(max_examples=30)
@given(seed=seeds)
def test_perfect_prediction_scores_100(seed: int) -> None:
    video = draw_video(seed)
    video.pred, video.pred_present = video.gt, video.gt_present
    video.scores = np.ones(len(video.gt))
    video.pred_labels = video.gt_labels
    got = score_avtrack(video.overlap(), name='a', protocol='corrected').summary
    assert set(got.values()) == ({100.0} if video.gt.any() else {0.0})


@settings(max_examples=30)
@given(seed=seeds, protocol=st.sampled_from(['official', 'corrected']))
def test_scores_are_bounded_and_independent_of_labels_and_order(seed: int, protocol: str) -> None:
    """Other gray levels, another order of folders, and another order of videos."""
    rng = np.random.default_rng(seed)
    levels = np.concatenate([[0], rng.permutation(np.arange(1, 255))[:4]])
    folders = np.concatenate([[0], 1 + rng.permutation(4)])
    plain, changed = [], []
    for _ in range(3):
        gt = rng.integers(0, 5, (4, 1, 12, 12)) * (rng.random((4, 1, 12, 12)) < 0.9)
        noise = rng.random(gt.shape) < rng.uniform(0, 0.8)
        pred = np.where(noise, rng.integers(0, 5, gt.shape), gt)
        for videos, frames in (
            (plain, (gt, pred)),
            (changed, (levels[gt], folders[pred])),
        ):
            overlap = VideoOverlap.from_label_maps(
                [(t[0], p[0]) for t, p in zip(*frames, strict=True)], size=(12, 12)
            )
            videos.append(score_avtrack(overlap, name='a', protocol=protocol))
    assert all(video.summary['HOTA'] > 0 for video in plain)
    for one, other in zip(plain, changed, strict=True):
        assert one.summary == pytest.approx(other.summary)
        bounded = [one.summary[key] for key in ('HOTA', 'DetA', 'AssA', 'IDF1')]
        assert 0 <= min(bounded) <= max(bounded) <= 100
        assert one.summary['MOTA'] <= 100
        assert one.summary['MOTA'] >= 0 or protocol == 'corrected'
    assert average_avtrack(plain) == pytest.approx(average_avtrack(changed[::-1]))


def blocks(*levels: int) -> VideoOverlap:
    """One frame of one pixel per level, predicted in the order of the levels."""
    image = np.array([levels], np.uint16)
    order = np.arange(1, len(levels) + 1, dtype=np.uint16)[None]
    return VideoOverlap.from_label_maps([(image, order)], size=(1, len(levels)))


@pytest.mark.parametrize('count', [1, 3, 5, 15])
def test_gray_level_255_loses_the_last_person_in_official_only(count: int) -> None:
    video = blocks(*(k * (255 // count) for k in range(1, count + 1)))
    official, corrected = (
        score_avtrack(video, name='a', protocol=p) for p in ('official', 'corrected')
    )
    assert corrected.summary['DetA'] == pytest.approx(100)
    assert official.summary['DetA'] == pytest.approx(100 * (count - 1) / count)
    assert bool(official.failure) == (count == 1)


def test_more_than_255_folders_are_no_prediction_in_official_only() -> None:
    video = blocks(1, 2)
    assert 'no predicted mask' in score_avtrack(video, name='a', num_folders=256).failure
    assert score_avtrack(video, name='a', num_folders=255).failure is None
    corrected = score_avtrack(video, name='a', num_folders=256, protocol='corrected')
    assert corrected.summary['HOTA'] == pytest.approx(100)


def test_negative_scores_are_raised_to_0_in_official_only() -> None:
    image = np.array([[1, 0, 0, 0]], np.uint8), np.array([[0, 1, 2, 3]], np.uint8)
    video = VideoOverlap.from_label_maps([image], size=(1, 4))
    assert score_avtrack(video, name='a').summary['MOTA'] == 0
    assert score_avtrack(video, name='a', protocol='corrected').summary['MOTA'] == -300


def test_a_failed_video_counts_as_zeros() -> None:
    video = failed_video('a', 'unreadable', protocol='corrected', region_boundary=True)
    assert video.summary == dict.fromkeys(SUMMARY + REGION_SUMMARY, 0.0)
    assert set(failed_video('a', 'unreadable', region_boundary=True).summary) == set(SUMMARY)


def test_averaging_videos_of_different_protocols_raises() -> None:
    videos = [failed_video('a', '', protocol=p) for p in ('official', 'corrected')]
    with pytest.raises(ValueError, match=r"got \['corrected', 'official'\]"):
        average_avtrack(videos)
    with pytest.raises(ValueError, match=r'got \[\]'):
        average_avtrack([])
