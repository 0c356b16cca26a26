"""Augmentation of the audio of face tracks: other tracks of the batch as noise."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

_INT16_MAX, _INT16_SCALE = 32767, 32768
_OFFSET = 1e-4  # of the power
_SALT = 2  # other numbers than those of the data pipeline


@MODELS.register_module()
class TrackNoise:
    """Mix the audio of another track of the batch into each with a probability of one half.

    The official code takes the power of 16 bit samples in 16 bit, which wraps: all but quiet audio
    is mixed at an almost random ratio, and a sum that is too loud wraps, too. A partner may be the
    next track of the same person. The corrected protocol computes powers without wrapping, clips
    the sum, and takes partners from other videos. A track without a partner stays as it is, where
    the official code ends with an error.

    Source: the training of TalkNet (Tao et al., ACM MM 2021), which Light-ASD and LR-ASD share.

    Args:
        protocol: 'official' or 'corrected'.
        prob: Probability of noise.
        max_snr: Largest signal-to-noise ratio in dB; the smallest is its negative.
    """

    def __init__(
        self,
        *,
        protocol: Literal['official', 'corrected'] = 'official',
        prob: float = 0.5,
        max_snr: float = 5.0,
    ) -> None:
        if protocol not in ('official', 'corrected'):
            raise ValueError(
                f"TrackNoise: protocol must be 'official' or 'corrected', got {protocol!r}"
            )
        self.protocol = protocol
        self.prob = prob
        self.max_snr = max_snr

    def __call__(self, audio: Sequence[Tensor], samples: Sequence[AVDataSample]) -> list[Tensor]:
        """Return the audio of a batch with noise.

        Args:
            audio: B waveforms (S,) in [-1, 1].
            samples: B samples; ``seed`` of each determines its noise.
        """
        mixed = []
        for index, (clean, sample) in enumerate(zip(audio, samples, strict=True)):
            seed = sample.get('seed')
            rng = np.random.default_rng((*seed, _SALT) if seed else None)
            partners = [
                other
                for other in range(len(audio))
                if other != index and self._is_partner(samples[other], sample)
            ]
            draw, snr = rng.random(), rng.uniform(-self.max_snr, self.max_snr)
            if not partners or draw >= self.prob:
                mixed.append(clean)
                continue
            noise = audio[partners[rng.integers(len(partners))]]
            sums = mix_noise(
                quantize_waveform(clean),
                quantize_waveform(noise),
                snr,
                wrap=self.protocol == 'official',
            )
            mixed.append(sums.to(clean.dtype) / _INT16_SCALE)
        return mixed

    def _is_partner(self, other: AVDataSample, sample: AVDataSample) -> bool:
        same_video = other.get('video_name') == sample.get('video_name')
        return self.protocol == 'official' or not same_video


def mix_noise(clean: Tensor, noise: Tensor, snr: float, *, wrap: bool) -> Tensor:
    """Add noise at a signal-to-noise ratio.

    Args:
        clean: int16 (S,).
        noise: int16 (N,), N at least 1; cut or repeated to S samples.
        snr: Ratio in dB.
        wrap: Let squares and sum overflow as in the official code.

    Returns:
        int16 (S,).
    """
    noise = noise[torch.arange(len(clean), device=noise.device) % len(noise)]
    difference = _decibels(clean, wrap) - _decibels(noise, wrap) - snr
    total = clean.double() + (10 ** (difference / 10)) ** 0.5 * noise.double()
    if not wrap:
        total = total.round().clamp(-_INT16_MAX - 1, _INT16_MAX)
    return total.long().to(torch.int16)


def _decibels(samples: Tensor, wrap: bool) -> float:
    """Mean power in dB."""
    power = (samples * samples).abs() if wrap else samples.double().square()
    return 10 * float(torch.log10(power.double().mean() + _OFFSET))


def quantize_waveform(waveform: Tensor) -> Tensor:
    """Convert a waveform in [-1, 1] to 16 bit samples."""
    scaled = (waveform.double() * _INT16_SCALE).round()
    return scaled.clamp(-_INT16_SCALE, _INT16_MAX).to(torch.int16)
