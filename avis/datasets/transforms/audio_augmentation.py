"""Augmentation of the audio of a clip; frames and masks are not changed.

Each transform reads and writes ``audio`` and reads ``sample_rate``. Random numbers come from the
seed of the sample, as in all transforms. No published config uses them.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from torchaudio.functional import mask_along_axis

from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.transforms.clip import clip_name, loaded_audio, worker_random
from avis.registry import TRANSFORMS

Range = tuple[float, float]

_SUFFIXES = ('.wav', '.flac', '.ogg', '.mp3', '.m4a')
_FFT_SIZE, _HOP = 512, 160  # of the spectrogram of a waveform in SpecAugment


class WaveformAugmentation(BaseTransform):
    """Base of transforms that change a waveform (S,) with some probability; S is kept.

    Args:
        prob: Probability of changing the clip.
    """

    def __init__(self, *, prob: float = 1.0) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'{type(self).__name__}: expected prob in [0, 1], got {prob}')
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        name, random = type(self).__name__, worker_random()
        audio = loaded_audio(results, name)
        if audio.ndim != 1 or not np.isfinite(audio).all():
            raise ValueError(
                f'{clip_name(results)}: {name} expected a waveform (S,) of finite values, got '
                f'shape {audio.shape}; load a waveform with LoadAudio, and check the file'
            )
        if random.rand() >= self.prob or not len(audio):
            return dict(results)
        changed = self.augment(audio, results['sample_rate'], random)
        return {**results, 'audio': np.clip(changed, -1, 1).astype(np.float32)}

    @abstractmethod
    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """Return the changed waveform (S,).

        Args:
            audio: (S,), not empty.
            sample_rate: In Hz.
            random: Generator to draw from.
        """


@TRANSFORMS.register_module()
class RandomGain(WaveformAugmentation):
    """Multiply a waveform by a random factor; samples beyond full scale are clipped.

    Args:
        decibels: Smallest and largest gain in dB.
        prob: Probability of changing the clip.
    """

    def __init__(self, *, decibels: Range = (-6.0, 6.0), prob: float = 1.0) -> None:
        super().__init__(prob=prob)
        self.decibels = _check_range(self, 'decibels', decibels)

    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """See the base class."""
        return audio * 10 ** (random.uniform(*self.decibels) / 20)


@TRANSFORMS.register_module()
class MixBackground(WaveformAugmentation):
    """Add a random part of a random file, at a random signal-to-noise ratio.

    The ratio is that of the mean power of clip and background; a silent one of them changes
    nothing. A short file is repeated.

    Args:
        folder: Its audio files, also in folders below, are the backgrounds.
        snr: Smallest and largest ratio in dB.
        prob: Probability of changing the clip.
    """

    def __init__(self, *, folder: str, snr: Range = (5.0, 20.0), prob: float = 1.0) -> None:
        super().__init__(prob=prob)
        self.files, self.snr = _audio_files(self, folder), _check_range(self, 'snr', snr)

    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """See the base class."""
        path = self.files[random.randint(len(self.files))]
        length = int(audio_info(path).seconds * sample_rate)
        start = random.randint(max(length - len(audio), 0) + 1)
        noise = read_audio(path, sample_rate=sample_rate, start=start, num_samples=len(audio))
        snr = random.uniform(*self.snr)
        power, noise_power = np.square(audio).mean(), np.square(noise).mean() if len(noise) else 0
        if not power or not noise_power:
            return audio
        return (
            audio + np.resize(noise, len(audio)) * (power / noise_power / 10 ** (snr / 10)) ** 0.5
        )


@TRANSFORMS.register_module()
class PitchShift(WaveformAugmentation):
    """Raise or lower the pitch, keeping the times, with librosa.

    Args:
        semitones: Smallest and largest shift.
        prob: Probability of changing the clip.
    """

    def __init__(self, *, semitones: Range = (-2.0, 2.0), prob: float = 1.0) -> None:
        super().__init__(prob=prob)
        self.semitones = _check_range(self, 'semitones', semitones)

    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """See the base class."""
        steps = random.uniform(*self.semitones)
        shifted = librosa.effects.pitch_shift(audio, sr=sample_rate, n_steps=steps)
        return librosa.util.fix_length(shifted, size=len(audio))


@TRANSFORMS.register_module()
class TimeStretch(WaveformAugmentation):
    """Play a waveform faster or slower around the middle of the clip, with librosa.

    The pitch is kept. Audio and frames are apart by up to ``|1 - 1 / rate|`` of half the clip, at
    its ends; a faster clip begins and ends with silence. Use small changes.

    Args:
        rate: Smallest and largest speed; 1 is unchanged.
        prob: Probability of changing the clip.
    """

    def __init__(self, *, rate: Range = (0.95, 1.05), prob: float = 1.0) -> None:
        super().__init__(prob=prob)
        self.rate = _check_range(self, 'rate', rate)
        if rate[0] <= 0:
            raise ValueError(f'TimeStretch: expected rate above 0, got {tuple(rate)}')

    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """See the base class."""
        stretched = librosa.effects.time_stretch(audio, rate=random.uniform(*self.rate))
        surplus = len(stretched) - len(audio)
        if surplus < 0:
            return librosa.util.pad_center(stretched, size=len(audio))
        return stretched[surplus // 2 : surplus // 2 + len(audio)]


@TRANSFORMS.register_module()
class RoomImpulseResponse(WaveformAugmentation):
    """Convolve a waveform with a random impulse response; level and times are kept.

    The strongest sample of the response is the direct path and has no delay.

    Args:
        folder: Its audio files, also in folders below, are the responses.
        prob: Probability of changing the clip.
    """

    def __init__(self, *, folder: str, prob: float = 1.0) -> None:
        super().__init__(prob=prob)
        self.files = _audio_files(self, folder)

    def augment(
        self, audio: NDArray[np.float32], sample_rate: int, random: np.random.RandomState
    ) -> NDArray[Any]:
        """See the base class."""
        path = self.files[random.randint(len(self.files))]
        response = read_audio(path, sample_rate=sample_rate)
        if not response.any():
            raise ValueError(
                f'RoomImpulseResponse: expected a response with values other than 0 in {path}; '
                f'remove the file'
            )
        delay = int(np.abs(response).argmax())
        wet = fftconvolve(audio, response)[delay : delay + len(audio)]
        power = np.square(wet).mean()
        return wet * (np.square(audio).mean() / power) ** 0.5 if power else wet


@TRANSFORMS.register_module()
class SpecAugment(BaseTransform):
    """Mask random bands and times of the spectrogram, with silence.

    Log-mel examples (T, 96, 64) are masked with log(0.01); of a waveform (S,) the short-time
    spectrum is masked.

    Source: Park et al., *SpecAugment*, Interspeech 2019 (arXiv:1904.08779).

    Args:
        max_bands: Largest part of the bands that one mask covers, 0 to 1.
        max_times: Largest part of the clip that one mask covers, 0 to 1.
        num_masks: Number of masks of bands, and of times.
        prob: Probability of changing the clip.
    """

    def __init__(
        self,
        *,
        max_bands: float = 0.2,
        max_times: float = 0.1,
        num_masks: int = 1,
        prob: float = 1.0,
    ) -> None:
        for name, value in (('max_bands', max_bands), ('max_times', max_times), ('prob', prob)):
            if not 0 <= value <= 1:
                raise ValueError(f'SpecAugment: expected {name} in [0, 1], got {value}')
        self.max_bands, self.max_times = max_bands, max_times
        self.num_masks, self.prob = num_masks, prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        audio, random = loaded_audio(results, 'SpecAugment'), worker_random()
        if audio.ndim == 2:
            raise ValueError(
                f'{clip_name(results)}: SpecAugment expected a waveform (S,) or log-mel examples '
                f"(T, 96, 64), got features {audio.shape}; load with LoadAudio(source='audio')"
            )
        if random.rand() >= self.prob or not len(audio):
            return dict(results)
        mask = self._mask_examples if audio.ndim == 3 else self._mask_waveform
        return {**results, 'audio': mask(torch.from_numpy(audio)).numpy()}

    def _mask_examples(self, examples: torch.Tensor) -> torch.Tensor:
        """Mask examples (T, 96, 64) as one spectrogram."""
        silence = float(np.log(0.01))
        return self._mask(examples.flatten(0, 1), silence).unflatten(0, examples.shape[:2])

    def _mask_waveform(self, waveform: torch.Tensor) -> torch.Tensor:
        """Mask the short-time spectrum of a waveform (S,)."""
        window = torch.hann_window(_FFT_SIZE)
        padded = torch.nn.functional.pad(waveform, (0, max(_FFT_SIZE - len(waveform), 0)))
        spectrum = torch.stft(padded, _FFT_SIZE, _HOP, window=window, return_complex=True)
        masked = self._mask(torch.view_as_real(spectrum.T), 0.0)  # (times, bands, 2)
        masked = torch.view_as_complex(masked.contiguous()).T
        samples = torch.istft(masked, _FFT_SIZE, _HOP, window=window, length=len(padded))
        return samples[: len(waveform)]

    def _mask(self, spectrum: torch.Tensor, value: float) -> torch.Tensor:
        """Mask (times, bands, ...); the widths are drawn from the generator of torch."""
        moved = spectrum.movedim(0, -1).movedim(0, -2)  # (..., bands, times)
        for axis, part in ((moved.ndim - 2, self.max_bands), (moved.ndim - 1, self.max_times)):
            for _ in range(self.num_masks):
                width = round(part * moved.shape[axis])
                moved = mask_along_axis(moved, width, value, axis)
        return moved.movedim(-2, 0).movedim(-1, 0)


def _check_range(transform: object, name: str, values: Sequence[float]) -> Range:
    if len(values) != 2 or not values[0] <= values[1]:
        raise ValueError(
            f'{type(transform).__name__}: expected {name} as (smallest, largest), got '
            f'{tuple(values)}'
        )
    return values[0], values[1]


def _audio_files(transform: object, folder: str) -> list[Path]:
    """Return the audio files below a folder, in a stable order."""
    files = sorted(path for path in Path(folder).rglob('*') if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise ValueError(
            f'{type(transform).__name__}: expected a folder with audio files '
            f'({", ".join(_SUFFIXES)}), got {folder!r} without any; correct folder'
        )
    return files
