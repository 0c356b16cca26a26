"""The published AVSBench configs compute the recorded values; the comparison sees differences."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.entries import Entry
from tests.recipes import avsbench, avsbench_training
from tests.recipes.stored import mixed_tolerance, whole

DATA = Path(__file__).parents[1] / 'data' / 'recipes' / 'avsbench'


def assert_ok(entries: list[Entry], at_least: int) -> None:
    assert [entry for entry in entries if not entry.ok] == []
    assert len(entries) >= at_least


@pytest.mark.parametrize(('name', 'at_least'), [('s4', 60), ('avss', 100)])
def test_clips_enter_the_model_as_recorded(name, at_least) -> None:
    assert_ok(list(avsbench.compare_data(DATA / name, name)), at_least)


def test_matching_loss_equals_recording_with_both_backgrounds() -> None:
    assert_ok(list(avsbench_training.compare_avm(DATA / 'losses' / 'avm.npz')), 40)


def test_binary_cross_entropy_equals_recording() -> None:
    assert_ok(list(avsbench_training.compare_bce(DATA / 'losses' / 'bce.npz')), 14)


@pytest.mark.parametrize('name', ['s4_r50', 's4_pvt', 'avss_r50', 'avss_pvt'])
def test_heads_start_from_the_recorded_distribution(name) -> None:
    entries = list(avsbench_training.compare_init(DATA / 'init' / f'{name}.json', seeds=1))
    assert_ok(entries, 300)
    compared = {entry.name for entry in entries}
    assert 'conv4.conv2d_list.0.weight std' in compared
    assert 'tpavi_b1.W_z.1.weight largest' in compared


def test_configs_validate_after_the_recorded_epochs() -> None:
    assert_ok(list(avsbench_training.compare_epochs(DATA / 'epochs.json')), 20)


def test_missing_files_are_not_compared(tmp_path) -> None:
    assert list(avsbench.compare(tmp_path)) == []


def test_difference_of_one_value_is_seen() -> None:
    key, tensor = 'x', np.linspace(-1, 1, 60).reshape(3, 20)
    stats = [tensor.mean(), tensor.std(), np.abs(tensor).sum(), tensor.min(), tensor.max()]
    arrays = {
        key: tensor[:, ::5],
        f'{key}/step': np.array([1, 5]),
        f'{key}/shape': np.array(tensor.shape),
        f'{key}/stats': np.array(stats),
    }
    limits = {'tolerance': 1e-6, 'sum_tolerance': 1e-6}
    assert all(entry.ok for entry in whole(arrays, key, tensor, **limits))
    for index in ((2, 5), (2, 6)):  # an entry that is stored, and one that is not
        changed = tensor.copy()
        changed[index] += 1e-3
        assert not all(entry.ok for entry in whole(arrays, key, changed, **limits))
    assert not all(entry.ok for entry in whole(arrays, key, tensor[:2], **limits))


def test_mixed_tolerance_counts_in_units_of_what_is_allowed() -> None:
    assert mixed_tolerance('x', [1.0, 0.0], [1.1, 0.0], relative=0.1).ok
    assert not mixed_tolerance('x', [1.0, 1e-9], [1.0, 0.0], relative=0.1).ok
    assert not mixed_tolerance('x', [1.0], [1.0, 0.0], relative=0.1).ok
    assert not mixed_tolerance('x', [np.nan], [1.0], relative=0.1).ok
