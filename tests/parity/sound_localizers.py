"""What the goldens of models of sound source localization have in common."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avis.datasets.transforms.spectrogram import NUM_FREQUENCIES, log_spectrogram
from avis.models import SoundLocalizer
from tests.helpers.asd_inputs import check_bytes, mouth, voice
from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.published import Converter, reference_names
from tests.parity.training import compare_gradients, compare_statistics

Inputs = dict[str, Tensor]
_SIZE = 224


def draw_inputs(info: dict[str, Any]) -> Inputs:
    """Draw the frames (B, 1, 3, 224, 224) and spectrograms (B, 257, N) of a case."""
    rng = generator(info['seed'])
    images = rng.normal(0, 1, (info['B'], 3, _SIZE, _SIZE))
    audio = rng.normal(-0.7, 0.4, (info['B'], 1, NUM_FREQUENCIES, info['T']))
    return {
        'frames': torch.from_numpy(images).float()[:, None],
        'audio': torch.from_numpy(audio).float()[:, 0],
    }


def compared_cases(comparison: Comparison) -> Iterator[tuple[str, bool]]:
    """Name of each case of the network, and whether it is a training step."""
    for case, info in comparison.golden.meta.items():
        is_network = isinstance(info, dict) and {'B', 'T', 'seed'} <= info.keys()
        if is_network and comparison.compares(case):
            yield case, f'{case}/grad_norm' in comparison.golden.arrays


def compare_spectrograms(comparison: Comparison, seconds: float, *, center: bool) -> None:
    """Compare the audio front end on excerpts of ``seconds``, of the middle or the start."""
    if not comparison.compares('spectrogram'):
        return
    for index, case in enumerate(comparison.golden.meta['spectrogram']['cases']):
        opening = mouth(400, case['mouth_seed'])
        samples = voice(case['samples'], case['rate'], opening, 25, case['wave_seed'])
        check_bytes(samples, case['int16_crc32'])
        count = int(seconds * case['rate'])
        start = max((len(samples) - count) // 2, 0) if center else 0
        excerpt = np.resize(samples[start : start + count], count) / 32768
        comparison.tensor(f'spectrogram/{index}', log_spectrogram(excerpt, case['rate'])[None])


def compare_step(
    comparison: Comparison,
    case: str,
    model: SoundLocalizer,
    inputs: Inputs,
    convert: Converter,
) -> None:
    """Compare loss, gradients and batch norms of a training step."""
    golden: Golden = comparison.golden
    model.train()
    losses: dict[str, Tensor] = model(inputs, [], mode='loss')
    total: Tensor = sum(losses.values())  # type: ignore[assignment]
    comparison.array(f'{case}/loss', np.array([total.item()]), rtol=1e-4)
    total.backward()
    names = reference_names(golden, convert)
    # The recorded norms of LVS differ by 1.4e-3 from a float64 run, ours by 1.3e-3.
    compare_gradients(comparison, case, model, names, rtol=5e-3)
    own = {source: ours for ours, sources in names.items() for source in sources}
    compare_statistics(comparison, case, model.state_dict(), own)
    model.zero_grad()
    model.eval()


def raw_outputs(model: nn.Module, inputs: Inputs, *, is_step: bool) -> dict[str, Tensor]:
    """Raw outputs; of a training step with the statistics of the batch, which are not kept."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        outputs: dict[str, Tensor] = model.train(is_step)(inputs)
    model.load_state_dict(state)
    return outputs
