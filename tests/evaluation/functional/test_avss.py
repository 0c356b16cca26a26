import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avis.evaluation.functional.avss import (
    AVSSScores,
    FrameScores,
    frames_to_score,
    pool_classes,
    score_frames,
)

LABELS = arrays(np.uint8, (4, 3, 5), elements=st.integers(0, 3))


def pool(scores: list[FrameScores], protocol: str) -> AVSSScores:
    return pool_classes([clip.sums() for clip in scores], protocol=protocol)


def test_a_frame_without_a_correct_pixel_has_no_mean() -> None:
    scores = score_frames(np.zeros((1, 2, 2), int), np.ones((1, 2, 2), int))
    assert np.isnan(scores.mean_iou).all()
    assert scores.f.sum() == 0


def test_padded_frames_count_only_in_the_official_protocol() -> None:
    labeled, valid = np.arange(10) < 5, np.arange(10) < 5
    assert frames_to_score(labeled, valid, protocol='official').sum() == 10
    assert frames_to_score(labeled, valid, protocol='corrected').sum() == 5
    assert frames_to_score(~labeled, valid, protocol='corrected').sum() == 0


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_unlabelled_clips_and_frames_are_never_scored(protocol: str) -> None:
    none, some = np.zeros(4, bool), np.array([True, False, False, False])
    assert not frames_to_score(none, np.arange(4) < 2, protocol=protocol).any()
    assert frames_to_score(some, protocol=protocol).tolist() == some.tolist()
    assert frames_to_score(some, np.ones(4, bool), protocol=protocol).tolist() == some.tolist()


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_nothing_scores_nothing(protocol: str) -> None:
    empty = score_frames(np.zeros((0, 2, 2), int), np.zeros((0, 2, 2), int)).sums()
    for sums in ([], [empty]):
        got = pool_classes(sums, protocol=protocol)
        assert np.isnan([got.miou, got.miou_noBg, got.F_score, got.miou_present]).all()


@given(pred=LABELS, target=LABELS)
def test_scores_equal_a_loop_over_classes(pred, target) -> None:
    got = score_frames(pred, target, num_classes=5)
    for frame in range(4):
        for k in range(5):
            p, g = pred[frame] == k, target[frame] == k
            hit, union = (p & g).sum(), (p | g).sum()
            assert got.present[frame, k] == (union > 0)
            assert got.iou[frame, k] == pytest.approx(hit / max(union, 1))
            precision, recall = hit / max(p.sum(), 1), hit / max(g.sum(), 1)
            f = 1.3 * precision * recall / (0.3 * precision + recall) if hit else 0
            assert got.f[frame, k] == pytest.approx(f)


@given(
    pred=LABELS,
    target=LABELS,
    rng=st.randoms(use_true_random=False),
    protocol=st.sampled_from(['official', 'corrected']),
)
def test_order_of_frames_and_split_into_clips_do_not_matter(pred, target, rng, protocol) -> None:
    whole = pool([score_frames(pred, target, num_classes=5)], protocol)
    order, cut = rng.sample(range(4), 4), rng.randint(0, 4)
    parts = [
        score_frames(pred[part], target[part], num_classes=5) for part in (order[:cut], order[cut:])
    ]
    split = pool(parts, protocol)
    for key in ('miou', 'miou_noBg', 'F_score', 'F_score_noBg', 'miou_present'):
        assert getattr(split, key) == pytest.approx(getattr(whole, key))
        assert 0 <= getattr(split, key) <= 1


@given(target=LABELS)
def test_perfect_prediction_scores_1_over_present_classes(target) -> None:
    got = pool([score_frames(target, target, num_classes=5)], 'corrected')
    assert (got.miou_present, got.F_score_present) == (pytest.approx(1), pytest.approx(1))


def test_invalid_input_raises_with_the_values_found() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2, 2\) and \(1, 2, 3\)'):
        score_frames(np.ones((1, 2, 2), int), np.ones((1, 2, 3), int))
    with pytest.raises(ValueError, match='pred has class indices from 0 to 71, expected 0 to 70'):
        score_frames(np.array([[[0, 71]]]), np.array([[[0, 1]]]))
    with pytest.raises(ValueError, match='target has class indices from -1 to 0'):
        score_frames(np.array([[[0, 1]]]), np.array([[[0, -1]]]))
    with pytest.raises(ValueError, match="got 'fixed'"):
        pool_classes([], protocol='fixed')
    with pytest.raises(ValueError, match='expected flags of one length, got 2 labeled and 3 valid'):
        frames_to_score(np.ones(2, bool), np.ones(3, bool))
