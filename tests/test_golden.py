"""The fill reproduces the weights that the goldens were recorded with."""

import numpy as np
import pytest

from tests.helpers.golden import Golden, compare, fill_array, generator, reference_state_dict


@pytest.mark.parametrize(
    ('name', 'shape', 'expected'),
    [
        ('conv1.weight', (2, 3), [0.073266, 0.313977, -1.029104, 0.501056, -0.355898, 0.380513]),
        ('bn1.running_var', (3,), [0.801355, 1.100790, 1.027379]),
        ('x.query_feat.weight', (1, 3), [-0.459471, -1.043491, 1.958893]),
        ('l.linear2.weight', (1, 4), [0.166954, 0.300903, 0.347072, 0.110529]),
    ],
)
def test_fill_equals_the_reference_values(name, shape, expected) -> None:
    np.testing.assert_allclose(fill_array(name, shape).ravel(), expected, atol=1e-6)


def test_generator_equals_the_reference_values() -> None:
    values = generator(1001).normal(0, 1, 3)
    np.testing.assert_allclose(values, [0.932322, -0.134842, -1.097771], atol=1e-6)


def test_entries_without_float_weights_are_skipped() -> None:
    keys = [
        ('a.weight', [2, 2], 'float32'),
        ('a.count', [], 'int64'),
        ('empty_weight', [3], 'float32'),
    ]
    filled = reference_state_dict(keys, {'a.weight': 2.0})
    assert list(filled) == ['a.weight']
    np.testing.assert_array_equal(filled['a.weight'], 2 * fill_array('a.weight', (2, 2)))


@pytest.fixture
def recorded() -> Golden:
    full = np.arange(12, dtype=np.float32).reshape(3, 4)
    stats = np.array([full.mean(), full.std(), np.abs(full).sum(), 0, 11])
    arrays = {
        'x/shape': np.array([3, 4]),
        'x/stats': stats,
        'x/step': np.array([2, 2]),
        'x': full[::2, ::2],
    }
    return Golden(arrays, {}, {})


def test_compare_accepts_an_equal_tensor(recorded) -> None:
    compare(recorded, 'x', np.arange(12, dtype=np.float32).reshape(3, 4))


@pytest.mark.parametrize(
    ('index', 'message'),
    [((2, 2), 'expected a difference below'), ((1, 1), 'expected .* sum')],
    ids=['in the sample', 'between the samples'],
)
def test_compare_finds_one_wrong_value(recorded, index, message) -> None:
    value = np.arange(12, dtype=np.float32).reshape(3, 4)
    value[index] += 0.1
    with pytest.raises(AssertionError, match=message):
        compare(recorded, 'x', value)


def test_compare_finds_a_wrong_shape(recorded) -> None:
    with pytest.raises(AssertionError, match='shape'):
        compare(recorded, 'x', np.arange(12, dtype=np.float32).reshape(4, 3))
