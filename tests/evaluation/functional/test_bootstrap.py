import numpy as np
import pytest

from avis.evaluation.functional.bootstrap import draw_videos, paired_p_value, percentile_interval


def test_draws_are_repeatable_and_uniform() -> None:
    draws = draw_videos(5, resamples=2000)
    assert draws.shape == (2000, 5)
    np.testing.assert_array_equal(draws, draw_videos(5, resamples=2000))
    assert (draws != draw_videos(5, resamples=2000, seed=1)).any()
    np.testing.assert_allclose(np.bincount(draws.ravel()) / draws.size, 0.2, atol=0.02)


def test_interval_of_a_mean_matches_the_normal_distribution() -> None:
    values = np.random.default_rng(0).normal(10, 2, 400)
    low, high = percentile_interval(values[draw_videos(400)].mean(axis=1))
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.03)


def test_undefined_draws_are_left_out() -> None:
    assert percentile_interval(np.array([np.nan, 3.0, 3.0])) == (3, 3)
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()
    assert paired_p_value(np.array([np.nan, 1.0])) == 1
    assert np.isnan(paired_p_value(np.array([np.nan])))


def test_p_value_is_two_sided_and_never_0() -> None:
    differences = np.linspace(-0.05, 0.95, 1000)  # 50 of them are negative
    assert paired_p_value(differences) == paired_p_value(-differences)
    assert paired_p_value(differences) == pytest.approx(2 * 51 / 1001)
    assert paired_p_value(differences + 1) == pytest.approx(2 / 1001)


def test_p_values_of_equal_predictions_are_uniform() -> None:
    rng = np.random.default_rng(0)
    draws = draw_videos(100)
    p_values = [paired_p_value(rng.normal(0, 1, 100)[draws].mean(axis=1)) for _ in range(400)]
    for level in (0.1, 0.5):
        assert np.mean(np.array(p_values) < level) == pytest.approx(level, abs=0.05)
