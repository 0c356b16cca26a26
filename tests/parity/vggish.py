"""VGGish: front end, network and postprocessing."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avis.models.audio_encoders.log_mel import LogMel
from avis.models.audio_encoders.vggish import VGGish
from avis.models.audio_encoders.vggish_front_end import VGGishFrontEnd
from avis.ops.resample import Resampler
from tests.helpers.golden import Golden, fill_array, generator
from tests.parity.comparison import Comparison
from tests.parity.published import load_model

CONFIG = 'configs/_base_/models/vggish.py'


@dataclass(frozen=True)
class Wave:
    """One recorded waveform: mono (1, S) in [-1, 1], sample rate, length at 16 kHz."""

    samples: Tensor
    rate: int
    resampled_length: int


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden called ``vggish``."""
    pca = golden.info['with_postprocess_extra']
    model, _ = load_model(
        golden,
        'vggish',
        CONFIG,
        options={'model.postprocess': True},
        constants={key: torch.from_numpy(fill_array(key, shape)) for key, shape, _ in pca},
    )
    total = sum(parameter.numel() for parameter in model.parameters())
    comparison.value('num_parameters', abs(total - golden.info['num_parameters']))
    log_mel = LogMel()
    # torchaudio computes Kaldi's filters in float32.
    comparison.tensor('mel_matrix', log_mel.filters, atol=2e-5)
    comparison.array('periodic_hann_400', log_mel.window[::7], atol=1e-6)
    with torch.no_grad():
        for case in waves_of(golden):
            _compare_wave(comparison, case, model)
        if 'noise' in golden.meta:
            count = int(golden.arrays['noise/embedding/shape'][0])
            rng = generator(golden.meta['noise']['seed'])
            examples = torch.from_numpy(rng.normal(0, 1, (count, 96, 64))).float()
            _compare_network(comparison, 'noise', model, examples)


def waves_of(golden: Golden) -> list[str]:
    """Names of the recorded waveforms."""
    meta = golden.meta
    return [name for name in meta if isinstance(meta[name], dict) and 'sample_rate' in meta[name]]


def draw_wave(case: Mapping[str, Any]) -> Wave:
    """The formula of ``meta['waveform']``; several channels are averaged."""
    rate, seconds, rng = case['sample_rate'], case['seconds'], generator(case['seed'])
    size = round(rate * seconds)
    t = np.arange(size) / rate
    sweep = 0.2 * np.sin(2 * np.pi * (300 + 900 * t / seconds) * t) * np.exp(-t)
    channels = [
        0.3 * np.sin(2 * np.pi * 440 * (c + 1) * t) + sweep + 0.05 * rng.normal(0, 1, size)
        for c in range(case['channels'])
    ]
    pcm = np.clip(np.round(np.stack(channels, -1) * 32767), -32768, 32767).astype(np.int16)
    assert zlib.crc32(pcm.tobytes()) == case['int16_crc32']
    samples = torch.from_numpy(pcm / 32768).mean(1).float()
    return Wave(samples[None], rate, case['resampled_length'])


def _compare_wave(comparison: Comparison, case: str, model: VGGish) -> None:
    meta = comparison.golden.meta[case]
    wave = draw_wave(meta)
    resampler = Resampler(rate=wave.rate, new_rate=16000)
    comparison.tensor(f'{case}/resampled', resampler(wave.samples)[0], atol=1e-6)
    front_end = VGGishFrontEnd(framing='clip_repeat', sample_rate=wave.rate)
    examples = front_end(wave.samples, meta['num_examples'])[0]
    comparison.tensor(f'{case}/log_mel_examples', examples[:, None])
    _compare_network(comparison, case, model, examples)
    if 'avis_num_secs' in meta:
        front_end = VGGishFrontEnd(framing='per_second', sample_rate=wave.rate)
        examples = front_end(wave.samples, meta['avis_num_secs'])[0]
        comparison.tensor(f'{case}/avis_per_second_log_mel', examples)
        _compare_network(comparison, case, model, examples, 'avis_per_second_embedding')


def _compare_network(
    comparison: Comparison,
    case: str,
    model: VGGish,
    examples: Tensor,
    name: str = 'embedding',
) -> None:
    """Compare the embedding of examples (N, 96, 64), and its postprocessing."""
    network = model.network
    network.postprocess = False
    embedding = model(examples[None], len(examples))[0]
    network.postprocess = True
    comparison.tensor(f'{case}/{name}', embedding)
    if name != 'embedding':
        return
    projected = network.project(embedding)
    if f'{case}/pca_raw/shape' in comparison.golden.arrays:
        comparison.tensor(f'{case}/pca_raw', projected)
    quantized = model(examples[None], len(examples))[0]
    recorded = torch.from_numpy(comparison.golden.arrays[f'{case}/pca_quantized'])
    if recorded.shape == quantized.shape:  # rounding noise decides values halfway between integers
        exact = (projected.clamp(-2, 2) + 2) * (255 / 4)
        halfway = ((exact - recorded).abs() - 0.5).abs() < 0.01
        quantized = torch.where(halfway, recorded, quantized)
    comparison.tensor(f'{case}/pca_quantized', quantized)
