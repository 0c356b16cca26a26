"""The MFCCs that the models of active speaker detection were trained on, on any device."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from avis.models.audio_encoders.log_mel import SAMPLE_RATE

NUM_COEFFICIENTS, ROWS_PER_FRAME = 13, 4
_WINDOW, _STEP = 0.025, 0.010  # seconds at 25 frames per second
_FPS = 25
_FFT_SIZE, _NUM_BANDS, _LIFTER = 512, 26, 22
_PREEMPHASIS = 0.97
_INT16 = 32768.0
_TINY = np.finfo(np.float64).eps  # replaces zeros before the logarithm


def mfcc(waveform: Tensor, *, fps: float = _FPS, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Map waveforms to rows of 13 MFCCs, about four per frame.

    Equal to ``mfcc`` of python_speech_features 0.6 on 16 bit samples, with window and step
    stretched by 25 / fps, defects included: a window of more than 512 samples is cut to 512 (a
    sample rate above 20480 Hz, or less than 19.5 frames per second at 16000 Hz), and rounding the
    step to samples shifts the audio by up to 2.5 ms per second. Computed in float64 where the
    device can: the bits of float32 do not suffice for a quiet band beside a loud one.

    Args:
        waveform: Float (..., S) in [-1, 1], S at least 1.
        fps: Frames per second of the video.
        sample_rate: Sample rate of the waveform in Hz; the models were trained on 16000.

    Returns:
        float32 (..., R, 13); column 0 is the logarithm of the energy. R is 1 plus the steps,
        rounded up, by which the audio is longer than one window: 4 T - 1 for T frames of 40 ms.

    Raises:
        ValueError: There is no sample.
    """
    if not waveform.shape[-1]:
        raise ValueError('mfcc: expected at least one sample, got none; check the audio')
    dtype = torch.float32 if waveform.device.type == 'mps' else torch.float64
    filters, cosines = _tables(sample_rate, waveform.device, dtype)
    with torch.autocast(waveform.device.type, enabled=False):
        samples = waveform.to(dtype) * _INT16
        change = samples[..., 1:] - _PREEMPHASIS * samples[..., :-1]
        windows = _windows(torch.cat([samples[..., :1], change], -1), fps, sample_rate)
        power = torch.fft.rfft(windows, _FFT_SIZE).abs().square() / _FFT_SIZE  # (..., R, 257)
        rows = _log(power @ filters) @ cosines
        return torch.cat([_log(power.sum(-1, keepdim=True)), rows[..., 1:]], -1).float()


def align_rows(rows: Tensor, num_frames: int) -> Tensor:
    """Give a clip exactly four rows of MFCCs per frame.

    Missing rows are repeated from the start of the clip, as in the official data loader (since
    NumPy 1.25; earlier versions differ where more than one round is missing); more are cut.

    Args:
        rows: (..., R, 13).
        num_frames: T.

    Returns:
        (..., 4 * T, 13).
    """
    index = torch.arange(ROWS_PER_FRAME * num_frames, device=rows.device) % rows.shape[-2]
    return rows[..., index, :]


def _windows(samples: Tensor, fps: float, sample_rate: int) -> Tensor:
    """Cut (..., S) into windows (..., R, W), the last one padded with zeros."""
    size = _round_half_up(_WINDOW * _FPS / fps * sample_rate)
    step = max(_round_half_up(_STEP * _FPS / fps * sample_rate), 1)
    length = samples.shape[-1]
    steps = max(math.ceil((length - size) / step), 0)
    padded = torch.nn.functional.pad(samples, (0, max(steps * step + size - length, 0)))
    return padded.unfold(-1, size, step)


def _round_half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _log(values: Tensor) -> Tensor:
    """The natural logarithm; zeros count as 2.2e-16."""
    return values.where(values != 0, _TINY).log()


@lru_cache(maxsize=8)
def _tables(sample_rate: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the filters (257, 26) and the liftered cosine transform (26, 13)."""
    tables = mel_filters(sample_rate), _liftered_cosines()
    filters, cosines = (torch.from_numpy(table).to(device, dtype) for table in tables)
    return filters, cosines


def mel_filters(sample_rate: int) -> np.ndarray:
    """Return triangular filters (257, 26) with corners at whole bins, equally spaced in mel."""
    mel = np.linspace(0, 2595 * np.log10(1 + sample_rate / 2 / 700), _NUM_BANDS + 2)
    corners = np.floor((_FFT_SIZE + 1) * 700 * (10 ** (mel / 2595) - 1) / sample_rate)
    filters = np.zeros((_FFT_SIZE // 2 + 1, _NUM_BANDS))
    bins = np.arange(len(filters))
    edges = zip(corners[:-2], corners[1:-1], corners[2:], strict=True)
    for band, (left, center, right) in enumerate(edges):
        rising, falling = (bins >= left) & (bins < center), (bins >= center) & (bins < right)
        filters[rising, band] = (bins[rising] - left) / (center - left)
        filters[falling, band] = (right - bins[falling]) / (right - center)
    return filters


def _liftered_cosines() -> np.ndarray:
    """Return the orthonormal cosine transform (26, 13), scaled by the lifter."""
    band, index = np.arange(_NUM_BANDS)[:, None], np.arange(NUM_COEFFICIENTS)
    cosines = np.cos(np.pi / _NUM_BANDS * (band + 0.5) * index) * np.sqrt(2 / _NUM_BANDS)
    cosines[:, 0] /= np.sqrt(2)
    return cosines * (1 + _LIFTER / 2 * np.sin(np.pi * index / _LIFTER))
