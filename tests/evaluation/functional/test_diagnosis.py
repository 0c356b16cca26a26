import json
from collections.abc import Collection
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avis.evaluation.functional.aviseg import count_aviseg, score_aviseg
from avis.evaluation.functional.avtrack import score_avtrack
from avis.evaluation.functional.diagnosis import (
    DIAGNOSED_METRICS,
    Decomposition,
    Diagnosis,
    count_diagnosis,
    score_diagnosis,
)
from avis.evaluation.functional.oracles import COMPONENTS, ORACLES, apply_oracles, pair_masks
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask
from tests.helpers.instance_goldens import aviseg_videos
from tests.helpers.planted_errors import (
    CLASSES,
    PLANTERS,
    Planter,
    Side,
    add_ghost,
    change_class,
    crop_masks,
    diagnose,
    end_early,
    miss_speaker,
    moving_squares,
    split_track,
    start_late,
    synthetic_gt,
)

PLANTS = [(component, plant) for component, plants in PLANTERS.items() for plant in plants]


def only(diagnosis: Diagnosis) -> dict[str, int]:
    return {kind: number for kind, number in vars(diagnosis.errors).items() if number}


def check_planted_error(gt: Side, plant: Planter, component: str) -> None:
    """The planted error is the only one found, and its component has at least 90 % of the loss."""
    pred = gt.copy()
    planted = plant(pred)
    diagnosis = score_diagnosis([diagnose(gt, pred)], classes=CLASSES)
    assert only(diagnosis) == planted
    assert diagnosis.metrics['HOTA'].lost > 0.04
    assert diagnosis.metrics['FSLA'].lost > 0.1
    for metric, scores in diagnosis.metrics.items():
        assert scores.share(component) >= 0.9 * scores.lost, metric
        assert scores.gain([component]) >= 0.9 * scores.lost, metric


@pytest.mark.parametrize(('component', 'plant'), PLANTS, ids=[p.__name__ for _, p in PLANTS])
def test_planted_error_is_found_and_attributed_to_its_component(
    component: str, plant: Planter
) -> None:
    check_planted_error(moving_squares(), plant, component)


@pytest.mark.parametrize('index', [0, 2])
@pytest.mark.parametrize(
    ('component', 'plant'),
    [
        ('who', miss_speaker),
        ('who', add_ghost),
        ('who', start_late),
        ('where', crop_masks),
        ('same', split_track),
        ('same', change_class),
    ],
)
def test_planted_errors_are_found_in_synthetic_videos(
    component: str, plant: Planter, index: int
) -> None:
    check_planted_error(synthetic_gt(index), plant, component)


def plant_all(plants: dict[str, Planter], corrected: Collection[str]) -> Diagnosis:
    """One video per component with a planted error, none for the corrected components."""
    videos = []
    for component, plant in plants.items():
        gt = moving_squares()
        pred = gt.copy()
        if component not in corrected:
            plant(pred)
        videos.append(diagnose(gt, pred, name=component))
    return score_diagnosis(videos, classes=CLASSES)


@pytest.mark.parametrize('plants', list(product(*PLANTERS.values()))[::4])
def test_shares_of_several_errors_equal_those_of_removing_them(plants: tuple[Planter, ...]) -> None:
    """Removing a planted error and replacing its component by the ground truth are equivalent."""
    by_component = dict(zip(PLANTERS, plants, strict=True))
    diagnoses = {corrected: plant_all(by_component, corrected) for corrected in ORACLES}
    for metric in DIAGNOSED_METRICS:
        found = diagnoses[()].metrics[metric]
        scores = {corrected: d.metrics[metric].raw[()] for corrected, d in diagnoses.items()}
        planted = Decomposition(scores)
        for component in COMPONENTS:
            difference = found.share(component) - planted.share(component)
            assert abs(difference) <= 0.1 * found.lost, (metric, component)


def test_perfect_prediction_has_no_gain_and_no_error() -> None:
    gt = moving_squares()
    diagnosis = score_diagnosis([diagnose(gt, gt.copy())], classes=CLASSES)
    assert only(diagnosis) == {}
    for scores in diagnosis.metrics.values():
        assert scores.raw == dict.fromkeys(ORACLES, pytest.approx(1, abs=1e-12))
        assert scores.lost == pytest.approx(0, abs=1e-12)


def test_empty_prediction_loses_by_who_only() -> None:
    gt = moving_squares()
    empty = Side([[None] * gt.length], [0])
    diagnosis = score_diagnosis([diagnose(gt, empty)], classes=CLASSES)
    assert only(diagnosis) == {'missed_speaker': 4, 'missed_masks': 30}
    for scores in diagnosis.metrics.values():
        assert scores.gain(['who']) == pytest.approx(scores.share('who'))
        assert scores.gain(['where', 'same']) == 0
        assert scores.score(['who']) == pytest.approx(1, abs=1e-12)


def test_gt_without_masks_has_fsla_but_no_hota() -> None:
    image = np.ones((2, 2), int)
    video = VideoOverlap.from_label_maps([(0 * image, image), (0 * image, 0 * image)], size=(2, 2))
    counted = count_diagnosis(video, name='silent', classes=[0])
    diagnosis = score_diagnosis([counted], classes=[0])
    assert np.isnan(diagnosis.metrics['HOTA'].lost)
    assert np.isnan(diagnosis.metrics['mAP'].score(['who']))
    assert diagnosis.metrics['FSLA'].score(()) == 0.5
    assert diagnosis.metrics['FSLA'].share('who') == 0.5
    assert diagnosis.errors.ghost_speaker == 1


@pytest.mark.parametrize('case', ['dense_720p', 'mixed_sizes', 'sparse_null', 'empty_results'])
def test_diagnosis_starts_at_the_corrected_score_and_ends_at_100(case: str) -> None:
    videos, classes = aviseg_videos(case), range(1, 27)
    diagnosis = score_diagnosis(
        [count_diagnosis(video, name=name, classes=classes) for name, video in videos.items()],
        classes=classes,
    )
    counted = [
        count_aviseg(video, name=name, classes=classes, protocol='corrected')
        for name, video in videos.items()
    ]
    summary = score_aviseg(counted, classes=classes).summary()
    for metric, key in (('HOTA', 'HOTA'), ('mAP', 'AP_all'), ('FSLA', 'FA')):
        raw = diagnosis.metrics[metric].raw
        assert 100 * raw[()] == pytest.approx(summary[key], abs=1e-9)
        assert raw[COMPONENTS] == pytest.approx(1, abs=1e-12)


def test_hota_over_videos_equals_avtrack() -> None:
    """A person is missed in one frame of the first video; the third has no person."""
    one, none = np.ones((2, 2), int), np.zeros((2, 2), int)
    videos = [
        VideoOverlap.from_label_maps(frames, size=(2, 2))
        for frames in ([(one, one), (one, none)], [(one, one)], [(none, none)])
    ]
    counted = [count_diagnosis(v, name=str(k), classes=[0]) for k, v in enumerate(videos)]
    hota = score_diagnosis(counted, classes=[0], average='videos').metrics['HOTA']
    scores = [score_avtrack(v, name='', protocol='corrected').summary['HOTA'] for v in videos]
    assert hota.score(()) == pytest.approx(np.mean(scores) / 100)
    assert hota.score(()) == pytest.approx((0.5 + 1 + 0) / 3)
    assert hota.score(COMPONENTS) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"'videos'.*got 'frames'"):
        score_diagnosis(counted, classes=[0], average='frames')


def test_to_dict_contains_all_numbers() -> None:
    gt = moving_squares()
    pred = gt.copy()
    end_early(pred)
    diagnosis = score_diagnosis([diagnose(gt, pred, name='a')], classes=CLASSES)
    written = json.loads(json.dumps(diagnosis.to_dict()))
    fsla = written['metrics']['FSLA']
    assert fsla['score'] == pytest.approx(100 * 10 / 12)
    assert fsla['gain']['who+same'] == pytest.approx(fsla['lost'])
    assert fsla['raw']['none'] == fsla['score']
    assert sum(fsla['share'].values()) == pytest.approx(fsla['lost'])
    assert written['per_video']['a'] == written['errors']
    assert written['errors']['early_end'] == 2


def test_unknown_oracle_raises() -> None:
    video = VideoOverlap.from_label_maps([(np.eye(2, dtype=int),) * 2], size=(2, 2))
    with pytest.raises(ValueError, match=r"'who', 'where', 'same'.*got \['what'\]"):
        apply_oracles(video, pair_masks(video), ['what'])


FRAMES = 4


@st.composite
def random_videos(draw: st.DrawFn) -> tuple[VideoOverlap, np.ndarray]:
    """Random masks, predictions often copied from gt masks; with the overlaps of gt masks."""
    num_gt, num_pred = draw(st.integers(0, 3)), draw(st.integers(0, 4))
    gt = draw(arrays(bool, (num_gt, FRAMES, 2, 3)))
    pred = draw(arrays(bool, (num_pred, FRAMES, 2, 3)))
    if num_gt and draw(st.booleans()):
        copied = draw(arrays(np.int8, (num_pred, FRAMES), elements=st.integers(0, num_gt - 1)))
        pred &= gt[copied, np.arange(FRAMES)]
    # No score distinguishes two tracks with equal masks in every frame.
    assume(len(np.unique(gt.reshape(num_gt, FRAMES * 6), axis=0)) == num_gt)
    numbers = st.integers(0, 1)
    gt_tracks, pred_tracks = (
        TrackMasks(
            [[encode_mask(mask) for mask in row] for row in masks],
            labels=draw(st.lists(numbers, min_size=len(masks), max_size=len(masks))),
            scores=draw(arrays(float, len(masks), elements=st.floats(0, 1))),
        )
        for masks in (gt, pred)
    )
    options = {'size': (2, 3), 'num_frames': FRAMES}
    video = VideoOverlap.from_rles(gt_tracks, pred_tracks, **options)
    return video, VideoOverlap.from_rles(gt_tracks, gt_tracks, **options).intersections


@given(videos=st.lists(random_videos(), min_size=1, max_size=2))
@settings(max_examples=60, deadline=None)
def test_oracles_are_monotone_and_perfect_together(videos: list) -> None:
    counted = [
        count_diagnosis(video, name=str(index), classes=CLASSES, gt_overlap=overlap)
        for index, (video, overlap) in enumerate(videos)
    ]
    diagnosis = score_diagnosis(counted, classes=CLASSES)
    any_sounding = any(video.gt.areas.any() for video, _ in videos)
    for metric, scores in diagnosis.metrics.items():
        if not any_sounding and metric != 'FSLA':
            assert np.isnan(scores.lost)
            continue
        assert scores.raw[COMPONENTS] == pytest.approx(1, abs=1e-12)
        for more in ORACLES:
            for fewer in ORACLES:
                if set(fewer) <= set(more):
                    assert scores.score(fewer) <= scores.score(more) + 1e-12
        shares = [scores.share(component) for component in COMPONENTS]
        assert min(shares) >= -1e-12
        assert sum(shares) == pytest.approx(scores.lost, abs=1e-12)


@given(video=random_videos())
@settings(max_examples=60, deadline=None)
def test_gt_as_prediction_has_no_error(video: tuple[VideoOverlap, np.ndarray]) -> None:
    """Even if tracks overlap, reappear or have blank masks."""
    overlaps, shared = video
    perfect = VideoOverlap(overlaps.gt, overlaps.gt, shared, overlaps.size)
    counted = count_diagnosis(perfect, name='a', classes=CLASSES, gt_overlap=shared)
    assert not any(vars(counted.errors).values())


@given(video=random_videos())
@settings(max_examples=40, deadline=None)
def test_all_oracles_together_reproduce_the_gt(
    video: tuple[VideoOverlap, np.ndarray],
) -> None:
    """Compared mask by mask, not only by score."""
    overlaps, shared = video[0].without_blanks(), video[1]
    kept = np.flatnonzero(overlaps.gt.ever_present)
    overlaps, shared = (
        overlaps.select(kept, overlaps.pred.ever_present),
        shared[:, kept][:, :, kept],
    )
    corrected = apply_oracles(overlaps, pair_masks(overlaps), COMPONENTS, gt_overlap=shared)
    np.testing.assert_array_equal(corrected.pred.areas, overlaps.gt.areas)
    np.testing.assert_array_equal(corrected.pred.present, overlaps.gt.present)
    np.testing.assert_array_equal(corrected.pred.labels, overlaps.gt.labels)
    np.testing.assert_array_equal(corrected.intersections, shared)


def noisy(rng: np.random.Generator) -> tuple[Side, Side]:
    """Squares that jitter, disappear, and change track and class."""
    gt = moving_squares(size=68)
    pred = gt.copy()
    for track, row in enumerate(gt.masks):
        for frame in range(gt.length):
            given = rng.integers(4) if rng.random() < 0.15 else track
            mask = gt.masks[given][frame] if rng.random() > 0.2 else None
            if mask is None and rng.random() < 0.1:
                mask = next(m for m in row if m is not None)
            shift = tuple(rng.integers(-6, 7, 2))
            pred.masks[track][frame] = None if mask is None else np.roll(mask, shift, (0, 1))
        if rng.random() < 0.3:
            pred.labels[track] = int(rng.integers(3))
    return gt, pred


def test_raw_scores_rarely_fall() -> None:
    """A corrected mask can change the pairing of tracks; this happens in less than 1 % of steps."""
    falls, steps = [], 0
    for seed in range(60):
        gt, pred = noisy(np.random.default_rng(seed))
        diagnosis = score_diagnosis([diagnose(gt, pred)], classes=CLASSES)
        for scores in diagnosis.metrics.values():
            for names, component in product(ORACLES, COMPONENTS):
                if component not in names:
                    more = tuple(f for f in COMPONENTS if f in names or f == component)
                    steps += 1
                    falls.append(scores.raw[names] - scores.raw[more])
    assert steps == 60 * 3 * 12
    assert np.mean(np.array(falls) > 1e-12) < 0.01
    assert max(falls) < 0.1


def test_masks_of_the_correct_class_are_matched_first() -> None:
    """A mask of a wrong class is a ghost, even if it fits better."""
    gt = moving_squares()
    pred = gt.copy()
    for frame, mask in enumerate(pred.masks[0]):
        pred.masks[0][frame] = mask & np.roll(mask, 1)
    pred.add(list(gt.masks[0]), 3)
    diagnosis = score_diagnosis([diagnose(gt, pred)], classes=CLASSES)
    assert only(diagnosis) == {'ghost_speaker': 1, 'ghost_masks': 12}
