import io
import pickle

import numpy as np
import pytest
import torch

from avis.synthetic.log_mel import MEL_SAMPLE_RATE, log_mel_examples, torch_pickle
from tests.helpers.golden import compare, generator, load_golden

RATE = MEL_SAMPLE_RATE


def test_examples_equal_those_of_the_authors():
    golden = load_golden('models/vggish')
    case = golden.meta['mono16k']
    size = round(RATE * case['seconds'])
    t, rng = np.arange(size) / RATE, generator(case['seed'])  # the formula of meta['waveform']
    x = 0.3 * np.sin(2 * np.pi * 440 * t)
    x += 0.2 * np.sin(2 * np.pi * (300 + 900 * t / case['seconds']) * t) * np.exp(-t)
    x += 0.05 * rng.normal(0, 1, size)
    samples = np.clip(np.round(x * 32767), -32768, 32767).astype(np.int16)
    examples = log_mel_examples(samples, case['num_examples'])
    assert examples.dtype == np.float32
    compare(golden, 'mono16k/log_mel_examples', examples, atol=1e-5)


def test_silence_is_the_log_of_the_offset():
    examples = log_mel_examples(np.zeros(5 * RATE, np.int16), 5)
    assert examples.shape == (5, 1, 96, 64)
    np.testing.assert_allclose(examples, np.log(0.01), rtol=1e-6)


def test_short_clip_repeats_its_last_example():
    rng = np.random.default_rng(0)
    examples = log_mel_examples(rng.integers(-9000, 9000, 3 * RATE).astype(np.int16), 5)
    np.testing.assert_array_equal(examples[3], examples[2])
    np.testing.assert_array_equal(examples[4], examples[2])
    assert np.abs(examples[2] - examples[1]).max() > 0.1


def test_clip_shorter_than_one_example_is_rejected():
    with pytest.raises(ValueError, match='15359 samples is too short'):
        log_mel_examples(np.zeros(15_359, np.int16), 1)


@pytest.mark.parametrize('shape', [(5, 1, 96, 64), (7,), (2, 3)])
def test_pickle_loads_as_a_tensor(shape):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    tensor = pickle.loads(torch_pickle(array))
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.numpy(), array)
    tensor += 1  # owns its memory


def test_pickle_uses_the_globals_of_a_pickled_tensor():
    """A reader that allows only the globals of the official files must accept ours."""

    class Names(pickle._Unpickler):
        def find_class(self, module, name):
            found.add(f'{module}.{name}')
            return super().find_class(module, name)

    found: set[str] = set()
    Names(io.BytesIO(torch_pickle(np.ones(3)))).load()
    ours, found = found, set()
    Names(io.BytesIO(pickle.dumps(torch.ones(3), 3))).load()
    assert ours == found
