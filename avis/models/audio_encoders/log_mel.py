"""The log-mel spectrogram that VGGish was trained on, for whole batches on any device."""

import torch
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks
from torchaudio.functional import spectrogram

from avis.models.audio_encoders.resample import Resampler

SAMPLE_RATE = 16000
WINDOW, HOP, FFT_SIZE = 400, 160, 512  # 25 ms every 10 ms
NUM_BANDS, MIN_HZ, MAX_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01  # silence becomes log(0.01) = -4.6


class LogMel(nn.Module):
    """Waveform (..., S) to log-mel frames (..., F, 64), one every 10 ms and none beyond the ends.

    Magnitudes (not powers) of the spectrum under a periodic Hann window, summed under triangles
    that are linear in mel and not normalized to an area, then ``log(mel + 0.01)``.

    Args:
        sample_rate: Of the waveform; if it is not 16000 the waveform is resampled as the authors
            did.
    """

    def __init__(self, *, sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__()
        self.resample = Resampler(rate=sample_rate, new_rate=SAMPLE_RATE)
        self.window: Tensor
        self.filters: Tensor
        self.register_buffer('window', torch.hann_window(WINDOW), persistent=False)
        self.register_buffer('filters', _mel_filters(), persistent=False)  # (257, 64)

    def num_frames(self, length: Tensor) -> Tensor:
        """How many frames (...,) come from waveforms of ``length`` (...,) samples, integers."""
        return (1 + (self.resample.new_length(length) - WINDOW) // HOP).clamp(min=0)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map (..., S) to (..., F, 64), in float32 whatever the precision around it."""
        with torch.autocast(waveform.device.type, enabled=False):
            samples = self.resample(waveform.float())
            if samples.shape[-1] < WINDOW:
                return samples.new_zeros(*samples.shape[:-1], 0, NUM_BANDS)
            spectrum = spectrogram(
                samples,
                # torch puts the window into the middle of the transform; the authors start with it.
                pad=(FFT_SIZE - WINDOW) // 2,
                window=self.window,
                n_fft=FFT_SIZE,
                hop_length=HOP,
                win_length=WINDOW,
                power=1.0,
                normalized=False,
                center=False,
            )  # (..., 257, F)
            return torch.log(spectrum.mT @ self.filters + LOG_OFFSET)


def _mel_filters() -> Tensor:
    """Triangular filters, shape (257, 64): Kaldi's, as torchaudio has them, are linear in mel.

    ``torchaudio.functional.melscale_fbanks`` and librosa draw them linear in Hz instead. Kaldi
    leaves out the bin at 8000 Hz, which is above the highest filter; its weight is 0.
    """
    no_warp = {'vtln_low': 100.0, 'vtln_high': -500.0, 'vtln_warp_factor': 1.0}
    banks, _ = get_mel_banks(NUM_BANDS, FFT_SIZE, SAMPLE_RATE, MIN_HZ, MAX_HZ, **no_warp)
    return nn.functional.pad(banks, (0, 1)).T.contiguous()
