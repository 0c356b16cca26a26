"""The log-mel spectrogram that VGGish was trained on, for whole batches on any device."""

import torch
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks
from torchaudio.functional import spectrogram

from avis.ops.resample import Resampler

SAMPLE_RATE = 16000
WINDOW, HOP, FFT_SIZE = 400, 160, 512  # 25 ms every 10 ms
NUM_BANDS, MIN_HZ, MAX_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01  # silence becomes log(0.01) = -4.6


class LogMel(nn.Module):
    """Map waveforms (..., S) to log-mel frames (..., F, 64), one every 10 ms, without padding.

    Magnitudes (not powers) of the spectrum with a periodic Hann window, multiplied with triangular
    filters that are linear in mel and not normalized by area, then ``log(mel + 0.01)``.

    Source: the input features of Hershey et al., *CNN Architectures for Large-Scale Audio
    Classification*, ICASSP 2017 (arXiv:1609.09430).

    Args:
        sample_rate: Sample rate of the waveform in Hz; a rate other than 16000 is resampled as in
            the official code.
        precise: Compute in float64 like the official code, where the device can. In float32 bands
            that are silent beside a loud one differ by up to 4e-4.
    """

    def __init__(self, *, sample_rate: int = SAMPLE_RATE, precise: bool = False) -> None:
        super().__init__()
        self.precise = precise
        self.resample = Resampler(rate=sample_rate, new_rate=SAMPLE_RATE)
        self.window: Tensor
        self.filters: Tensor
        self.register_buffer('window', torch.hann_window(WINDOW), persistent=False)
        self.register_buffer('filters', _mel_filters(), persistent=False)  # (257, 64)

    def num_frames(self, length: Tensor) -> Tensor:
        """Return the number of frames (...,) of waveforms of ``length`` (...,) samples."""
        return (1 + (self.resample.new_length(length) - WINDOW) // HOP).clamp(min=0)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map (..., S) to (..., F, 64), always in float32."""
        double = self.precise and waveform.device.type != 'mps'  # which has no float64
        dtype = torch.float64 if double else torch.float32
        with torch.autocast(waveform.device.type, enabled=False):
            samples = self.resample(waveform.to(dtype))
            if samples.shape[-1] < WINDOW:
                return samples.new_zeros(*samples.shape[:-1], 0, NUM_BANDS, dtype=torch.float32)
            spectrum = spectrogram(
                samples,
                # torch centers the window in the transform; the official code starts with it.
                pad=(FFT_SIZE - WINDOW) // 2,
                window=self.window.to(dtype),
                n_fft=FFT_SIZE,
                hop_length=HOP,
                win_length=WINDOW,
                power=1.0,
                normalized=False,
                center=False,
            )  # (..., 257, F)
            return torch.log(spectrum.mT @ self.filters.to(dtype) + LOG_OFFSET).float()


def _mel_filters() -> Tensor:
    """Return triangular filters (257, 64): those of Kaldi in torchaudio are linear in mel.

    ``torchaudio.functional.melscale_fbanks`` and librosa use filters that are linear in Hz. Kaldi
    omits the bin at 8000 Hz, which is above the highest filter; its weight is 0.
    """
    no_warp = {'vtln_low': 100.0, 'vtln_high': -500.0, 'vtln_warp_factor': 1.0}
    banks, _ = get_mel_banks(NUM_BANDS, FFT_SIZE, SAMPLE_RATE, MIN_HZ, MAX_HZ, **no_warp)
    return nn.functional.pad(banks, (0, 1)).T.contiguous()
