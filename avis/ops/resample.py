"""Resampling exactly as in resampy, for audio features equal to those of the official models.

The features of VGGish and of all models that use it were computed with ``resampy.resample`` and its
default filter ``kaiser_best``. ``torchaudio.functional.resample`` differs from it by 2e-5 of full
scale even with an equal window, because resampy reads its filter from a table and rounds the
distance of two taps down to whole table entries. The logarithm of the mel bands turns that into
4e-4, more than the tolerance of the parity tests. The rounding does not depend on the sample, so
the filters are built once in NumPy and applied to a whole batch as one matrix product.
"""

import math
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

# The filter ``kaiser_best`` of resampy 0.3 and later, to all digits of its table.
NUM_ZEROS = 50  # zero crossings of the sinc on each side
PRECISION = 2**13  # table entries per zero crossing
ROLLOFF = 0.9173473712608761  # cut-off, relative to the Nyquist frequency
BETA = 12.984585247040012  # of the Kaiser window

MAX_TAPS = 2**24  # 64 MB of float32; 44100 to 16000 Hz takes 115,680

Length = TypeVar('Length', int, Tensor)


class Resampler(nn.Module):
    """Change the sample rate as resampy's ``kaiser_best`` does, on the device of the waveform.

    Args:
        rate: Sample rate of the input in Hz.
        new_rate: Sample rate of the output in Hz.
    """

    def __init__(self, *, rate: int, new_rate: int) -> None:
        super().__init__()
        if rate <= 0 or new_rate <= 0:
            raise ValueError(f'expected positive sample rates, got {rate} and {new_rate}')
        divisor = math.gcd(rate, new_rate)
        # Q inputs become P outputs.
        self.num_in, self.num_out = rate // divisor, new_rate // divisor
        self.width = filter_width(rate, new_rate)
        taps = (2 * self.width + self.num_in) * self.num_out
        self.has_bank = self.num_in != self.num_out and taps <= MAX_TAPS

    def new_length(self, length: Length) -> Length:
        """Return the number of output samples of ``length`` input samples, integers."""
        return length * self.num_out // self.num_in

    def forward(self, waveform: Tensor) -> Tensor:
        """Resample (..., S) to (..., S * P // Q) in its dtype, with silence beyond the ends."""
        if self.num_in == self.num_out:
            return waveform
        length = waveform.shape[-1]
        if not self.has_bank:
            return self._interpolate(waveform, self.new_length(length))
        filters = torch.from_numpy(_filter_bank(self.num_in, self.num_out))
        filters = filters.to(waveform, non_blocking=True)
        padded = F.pad(waveform, (self.width, self.width + self.num_in))
        windows = padded.unfold(-1, filters.shape[0], self.num_in)  # (..., blocks, taps)
        # A matrix product instead of a convolution: cuDNN may round convolutions to TF32.
        return (windows @ filters).flatten(-2)[..., : self.new_length(length)]

    def _interpolate(self, waveform: Tensor, new_length: int) -> Tensor:
        """Resample (..., S) to (..., new_length) with one filter per output.

        Rates such as 44101 Hz have so many phases that a filter bank would take gigabytes.
        """
        taps = 2 * self.width
        windows = F.pad(waveform, (self.width - 1, self.width + 1)).unfold(-1, taps, 1)
        step = max(MAX_TAPS // (taps * math.prod(waveform.shape[:-1])), 1)
        parts = [waveform.new_zeros(*waveform.shape[:-1], 0)]
        for outputs in np.split(np.arange(new_length), range(step, new_length, step)):
            left, phase = np.divmod(outputs * self.num_in, self.num_out)
            distance = np.arange(taps)[:, None] - (self.width - 1)
            weights = _weights(distance, phase, self.num_in, self.num_out)  # (taps, outputs)
            filters = torch.from_numpy(weights).to(waveform).T
            indices = torch.from_numpy(left).to(waveform.device)
            parts.append((windows[..., indices, :] * filters).sum(-1))
        return torch.cat(parts, -1)


def filter_width(rate: int, new_rate: int) -> int:
    """Return how many samples at ``rate`` on each side of an output its filter covers."""
    step = int(min(1.0, new_rate / rate) * PRECISION)  # resampy's rounding
    return (NUM_ZEROS * PRECISION + 1) // step + 1


@lru_cache(maxsize=8)
def _filter_bank(num_in: int, num_out: int) -> NDArray[np.float64]:
    """Return one filter per phase of the output, shape (taps, P).

    Output ``p`` of a block is at ``p * Q / P`` input samples. Row ``i`` is the weight of input
    sample ``i - width`` of the block.
    """
    width = filter_width(num_in, num_out)
    left, phase = np.divmod(np.arange(num_out) * num_in, num_out)
    distance = (np.arange(2 * width + num_in) - width)[:, None] - left
    return _weights(distance, phase, num_in, num_out)


def _weights(
    distance: NDArray[np.int64], phase: NDArray[np.int64], num_in: int, num_out: int
) -> NDArray[np.float64]:
    """Return the weights of input samples for N outputs, shape (taps, N).

    Args:
        distance: (taps, N) or (taps, 1), from the input sample on the left of the output.
        phase: (N,), distance of the output from that sample, in 1 / P of an input sample.
        num_in: Q inputs become P outputs.
        num_out: P.
    """
    scale = min(1.0, num_out / num_in)
    wing = _wing() * scale
    step = int(scale * PRECISION)  # resampy's rounding
    frac = scale * phase / num_out
    on_left = distance <= 0
    first = np.where(on_left, frac, scale - frac) * PRECISION  # position of the nearest tap
    steps = np.where(on_left, -distance, distance - 1)
    weights = np.interp(first + steps * step, np.arange(len(wing)), wing)
    # resampy leaves out the last tap that the table covers, unless it ends with a whole step.
    weights[steps >= (len(wing) - first.astype(np.int64)) // step] = 0
    return weights


@lru_cache(maxsize=1)
def _wing() -> NDArray[np.float64]:
    """Return the right half of the low-pass filter: a table of a sinc with a Kaiser window."""
    size = NUM_ZEROS * PRECISION
    window = np.kaiser(2 * size + 1, BETA)[size:]
    return ROLLOFF * np.sinc(ROLLOFF * np.linspace(0, NUM_ZEROS, size + 1)) * window
