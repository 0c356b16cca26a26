import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avis.evaluation.functional import avsbench
from avis.evaluation.functional.avsbench import (
    ClipScores,
    f_thresholds,
    frame_jaccard,
    pool_clips,
    score_clip,
    threshold_counts,
)

CLIPS = st.lists(
    st.tuples(
        arrays(np.float32, (2, 3, 4), elements=st.floats(0, 1, width=32)),
        arrays(bool, (2, 3, 4), fill=st.just(False)),
    ),
    min_size=1,
    max_size=5,
)


def score(prob: np.ndarray, target: np.ndarray) -> list[ClipScores]:
    return [score_clip(p, g) for p, g in zip(prob, target, strict=True)]


def dense_counts(prob: np.ndarray, target: np.ndarray) -> tuple[list[int], list[int]]:
    """The authors' procedure: one comparison of the whole frame per threshold."""
    passed = [prob >= threshold for threshold in f_thresholds()]
    return [int((p & target).sum()) for p in passed], [int(p.sum()) for p in passed]


def test_thresholds_equal_torch_to_the_last_bit() -> None:
    np.testing.assert_array_equal(f_thresholds(), torch.linspace(0, 1 - 1e-10, 255).numpy())


def test_values_next_to_a_threshold_are_compared_exactly() -> None:
    edges = f_thresholds()
    around = [np.nextafter(edges, np.float32(side)) for side in (-1, 2)]
    tiny = np.float32(10) ** -np.arange(45, dtype=np.float32)  # down to subnormal numbers
    prob = np.concatenate([edges, *around, tiny]).clip(0, 1)
    target = np.arange(len(prob)) % 3 == 0
    hits, predicted = threshold_counts(prob[None, None], target[None, None])
    assert (hits[0].tolist(), predicted[0].tolist()) == dense_counts(prob, target)


def test_probability_one_half_is_background_for_iou_and_passes_threshold_one_half() -> None:
    prob, target = np.full((1, 2, 2), 0.5, np.float32), np.ones((1, 2, 2), bool)
    assert score_clip(prob, target).jaccard[0] == 0
    assert threshold_counts(prob, target)[0][0, 127:129].tolist() == [4, 0]


def test_8_bit_images_score_like_their_probabilities() -> None:
    prob = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    target = np.arange(256).reshape(1, 16, 16) % 5 == 0
    as_float = score_clip(prob / np.float32(255), target)
    as_levels = score_clip(prob, target)
    np.testing.assert_array_equal(as_levels.curve_sum, as_float.curve_sum)
    np.testing.assert_array_equal(as_levels.jaccard, as_float.jaccard)


@pytest.mark.parametrize(
    ('prob', 'jaccard'), [(0.0, 1.0), (1.0, 0.0)], ids=['both empty', 'empty ground truth']
)
def test_silent_frame_scores_the_background_and_has_no_f(prob: float, jaccard: float) -> None:
    silent = np.zeros((1, 4, 4), bool)
    clip = score_clip(np.full(silent.shape, prob), silent)
    assert clip.jaccard == pytest.approx([jaccard], abs=1e-6)
    assert np.isnan(clip.max_f).all()
    official, corrected = (pool_clips([clip], protocol=p) for p in ('official', 'corrected'))
    assert official.F_score == 0
    assert np.isnan([corrected.F_score, corrected.miou_sounding, corrected.frame_max_F]).all()


def test_empty_prediction_has_jaccard_0_and_the_f_of_threshold_0() -> None:
    target = np.zeros((1, 4, 4), bool)
    target[0, 0] = True
    clip = score_clip(np.zeros((1, 4, 4)), target)
    assert clip.jaccard[0] == 0
    assert clip.max_f[0] == pytest.approx(1.3 * 0.25 / (0.3 * 0.25 + 1))  # the all-ones mask


def test_perfect_prediction_scores_1() -> None:
    target = np.eye(4, dtype=bool)[None]
    scores = pool_clips([score_clip(target.astype(np.float32), target)])
    assert (scores.miou, scores.F_score) == (pytest.approx(1, abs=1e-6), 1)


def test_clips_without_frames_are_ignored() -> None:
    target = np.eye(4, dtype=bool)[None]
    empty = score_clip(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    clips = [score_clip(p * target.astype(np.float32), target) for p in (0.2, 0.8)]
    with_empty = [empty, clips[0], empty, empty, clips[1], empty]
    assert pool_clips(with_empty, batch_size=2) == pool_clips(clips, batch_size=2)
    assert np.isnan([pool_clips([empty]).miou, pool_clips([]).F_score]).all()


@given(
    prob=arrays(np.float32, (1, 6, 7), elements=st.floats(0, 1, width=32)),
    target=arrays(bool, (1, 6, 7)),
)
def test_one_pass_equals_one_comparison_per_threshold(prob, target) -> None:
    hits, predicted = threshold_counts(prob, target)
    assert (hits[0].tolist(), predicted[0].tolist()) == dense_counts(prob, target)


@given(
    clips=CLIPS, batch_size=st.integers(1, 6), protocol=st.sampled_from(['official', 'corrected'])
)
def test_scores_are_within_bounds(clips, batch_size: int, protocol: str) -> None:
    scored = [score_clip(*clip) for clip in clips]
    got = pool_clips(scored, protocol=protocol, batch_size=batch_size)
    assert 0 <= got.miou <= 1
    any_sounding = any(target.any() for _, target in clips)
    assert (
        np.isnan(got.F_score)
        if protocol == 'corrected' and not any_sounding
        else 0 <= got.F_score <= 1
    )
    for clip in scored:
        assert (clip.max_f[clip.sounding] <= 1).all()


@given(clips=CLIPS, rng=st.randoms(use_true_random=False))
def test_order_of_frames_and_split_into_clips_do_not_matter_when_corrected(clips, rng) -> None:
    whole = pool_clips([score_clip(*clip) for clip in clips], protocol='corrected')
    prob, target = (np.concatenate([clip[i] for clip in clips]) for i in (0, 1))
    order = rng.sample(range(len(prob)), len(prob))
    cut = rng.randint(0, len(prob))
    parts = [score_clip(prob[part], target[part]) for part in (order[:cut], order[cut:])]
    shuffled = pool_clips(parts, protocol='corrected')
    for key in ('miou', 'F_score', 'miou_sounding', 'frame_max_F'):
        np.testing.assert_allclose(getattr(shuffled, key), getattr(whole, key), rtol=1e-12)


@given(clips=CLIPS)
def test_one_official_batch_of_all_clips_equals_the_corrected_score(clips) -> None:
    scored = [score_clip(*clip) for clip in clips]
    official = pool_clips(scored, batch_size=len(clips))
    corrected = pool_clips(scored, protocol='corrected')
    assert official.miou == corrected.miou
    assert official.F_score == np.nan_to_num(corrected.F_score)


def test_shape_mismatch_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2, 2\) and \(1, 2, 3\)'):
        frame_jaccard(np.ones((1, 2, 2), bool), np.ones((1, 2, 3), bool))
    with pytest.raises(ValueError, match=r'\(2, 2\) and \(2, 2\)'):
        score_clip(np.ones((2, 2)), np.ones((2, 2)))


@pytest.mark.parametrize('value', [-0.5, 1.5, np.nan])
def test_values_outside_0_to_1_raise(value: float) -> None:
    with pytest.raises(ValueError, match='apply the sigmoid'):
        score_clip(np.full((1, 2, 2), value), np.ones((1, 2, 2)))


def test_unknown_protocol_and_invalid_batch_size_raise() -> None:
    with pytest.raises(ValueError, match="got 'fixed'"):
        pool_clips([], protocol='fixed')
    with pytest.raises(ValueError, match='at least 1, got 0'):
        pool_clips([], batch_size=0)


def test_histogram_bins_are_off_by_at_most_one() -> None:
    prob = np.linspace(0, 1, 200_001, dtype=np.float32)
    exact = np.searchsorted(f_thresholds(), prob, side='right') - 1
    guess = (prob * avsbench._GUESS).astype(int)
    assert set(np.unique(guess - exact)) <= {0, 1}
