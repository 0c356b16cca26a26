"""Resampling exactly as in resampy, for audio features equal to those of the official models.

The features of VGGish and of all models that use it were computed with ``resampy.resample`` and its
default filter ``kaiser_best``. ``torchaudio.functional.resample``, which the data pipeline uses,
differs from it by 2e-5 of full scale even with an equal window, because resampy reads its filter
from a table and rounds the distance of two taps down to whole table entries. The logarithm of the
mel bands turns that into 4e-4, more than the tolerance of the parity tests. The rounding does not
depend on the sample, so the filters are built once in NumPy and applied to a whole batch as one
matrix product.
"""

import math
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

# The filter ``kaiser_best`` of resampy 0.3 and later.
NUM_ZEROS = 50  # zero crossings of the sinc on each side
PRECISION = 2**13  # table entries per zero crossing
ROLLOFF = 0.917347  # cut-off, relative to the Nyquist frequency
BETA = 12.9846  # of the Kaiser window

MAX_TAPS = 2**24  # 64 MB of float32

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
        self.filters: Tensor
        if self.num_in != self.num_out:
            taps = torch.from_numpy(_taps(self.num_in, self.num_out)).float()
            self.register_buffer('filters', taps, persistent=False)  # (taps, P)

    def new_length(self, length: Length) -> Length:
        """Return the number of output samples of ``length`` input samples, integers."""
        return length * self.num_out // self.num_in

    def forward(self, waveform: Tensor) -> Tensor:
        """Resample (..., S) to (..., S * P // Q), with silence beyond the ends."""
        if self.num_in == self.num_out:
            return waveform
        length = waveform.shape[-1]
        width = (self.filters.shape[0] - self.num_in) // 2
        padded = F.pad(waveform, (width, width + self.num_in))
        windows = padded.unfold(-1, self.filters.shape[0], self.num_in)  # (..., blocks, taps)
        # A matrix product instead of a convolution: cuDNN may round convolutions to TF32.
        return (windows @ self.filters).flatten(-2)[..., : self.new_length(length)]


@lru_cache(maxsize=8)
def _taps(num_in: int, num_out: int) -> NDArray[np.float64]:
    """Return one filter per phase of the output, shape (taps, P).

    Output ``p`` of a block is at ``p * Q / P`` input samples; ``frac`` is its distance to the
    sample on its left. Row ``i`` is the weight of input sample ``i - width`` of the block.
    """
    scale = min(1.0, num_out / num_in)
    wing = _wing() * scale
    step = int(scale * PRECISION)  # resampy's rounding
    width = len(wing) // step + 1
    if (2 * width + num_in) * num_out > MAX_TAPS:
        raise ValueError(
            f'expected at most {MAX_TAPS} filter taps, got {num_out} filters of '
            f'{2 * width + num_in} taps for resampling in the ratio {num_out} / {num_in}. '
            f'Convert the audio to a common rate such as 16000 or 44100 before.'
        )
    left, frac = np.divmod(np.arange(num_out) * num_in, num_out)
    frac = scale * frac / num_out
    distance = (np.arange(2 * width + num_in) - width)[:, None] - left  # (taps, P)
    on_left = distance <= 0
    position = np.where(on_left, frac, scale - frac) * PRECISION
    position = position + np.where(on_left, -distance, distance - 1) * step
    return np.interp(position, np.arange(len(wing)), wing, right=0)


def _wing() -> NDArray[np.float64]:
    """Return the right half of the low-pass filter: a table of a sinc with a Kaiser window."""
    size = NUM_ZEROS * PRECISION
    window = np.kaiser(2 * size + 1, BETA)[size:]
    return ROLLOFF * np.sinc(ROLLOFF * np.linspace(0, NUM_ZEROS, size + 1)) * window
