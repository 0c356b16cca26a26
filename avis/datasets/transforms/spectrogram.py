"""Audio of sound source localization: an excerpt of a file, and its logarithmic spectrogram."""

from typing import Any, get_args

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.audio import NoAudioError
from avis.datasets.readers.excerpts import Position, read_excerpt
from avis.datasets.transforms.clip import clip_name, loaded_audio, refuse_loaded
from avis.registry import TRANSFORMS

NUM_FREQUENCIES = 257
_WINDOW, _OVERLAP = 512, 274  # samples
_SMALLEST = 1e-7  # power of silence
_SCALE = 12.0


@TRANSFORMS.register_module()
class LoadAudioExcerpt(BaseTransform):
    """Read a part of the audio file whose length does not depend on the frames.

    Reads ``audio`` (a path). Writes ``audio``, a waveform float32 (S,), mono, and ``sample_rate``.
    A file that is shorter than the excerpt is repeated.

    Args:
        seconds: Length of the excerpt; S = seconds * sample_rate, rounded down.
        position: 'center' takes the middle of the file, as EZ-VSL does; 'start' its begin, as LVS.
        sample_rate: Samples per second; None keeps that of the file, as both do. Excerpts of
            several rates do not fit into one batch.
    """

    def __init__(
        self, *, seconds: float, position: Position = 'center', sample_rate: int | None = None
    ) -> None:
        if position not in get_args(Position) or seconds <= 0:
            raise ValueError(
                f'LoadAudioExcerpt: expected seconds above 0 and a position of '
                f'{get_args(Position)}, got {seconds!r} and {position!r}'
            )
        self.seconds = seconds
        self.position = position
        self.sample_rate = sample_rate

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        refuse_loaded(results, 'audio', 'LoadAudioExcerpt')
        path = results['audio']
        if path is None:
            raise NoAudioError(f'{clip_name(results)} has no audio file, LoadAudioExcerpt needs it')
        audio, rate = read_excerpt(
            path, seconds=self.seconds, position=self.position, sample_rate=self.sample_rate
        )
        return {**results, 'audio': audio, 'sample_rate': rate}


@TRANSFORMS.register_module()
class LogSpectrogram(BaseTransform):
    """Replace the waveform by the spectrogram that EZ-VSL and LVS read.

    Reads ``sample_rate`` and ``audio``, a waveform (S,) of at least 512 samples. Writes ``audio``,
    see :func:`log_spectrogram`.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        audio = loaded_audio(results, 'LogSpectrogram')
        if audio.ndim != 1 or len(audio) < _WINDOW:
            raise ValueError(
                f'{clip_name(results)}: LogSpectrogram expected a waveform of at least {_WINDOW} '
                f'samples, got audio of shape {audio.shape}; put LoadAudioExcerpt before it'
            )
        rows = log_spectrogram(audio, results['sample_rate'])
        return {**results, 'audio': rows.astype(np.float32)}


def log_spectrogram(waveform: NDArray[Any], sample_rate: int) -> NDArray[np.float64]:
    """Logarithm of the power density, divided by 12, (257, (S - 274) // 238).

    SciPy's ``spectrogram`` in float64: windows of 512 samples every 238, without padding, each
    minus its mean, with a Tukey window. A density depends on the sample rate. Silence is -1.343.

    Source: official code stoneMo/EZ-VSL and hche11/Localizing-Visual-Sounds-the-Hard-Way.

    Args:
        waveform: (S,) in [-1, 1].
        sample_rate: Samples per second.
    """
    from scipy.signal import spectrogram  # takes half a second to import

    samples = np.clip(waveform.astype(np.float64), -1, 1)
    _, _, power = spectrogram(samples, sample_rate, nperseg=_WINDOW, noverlap=_OVERLAP)
    rows: NDArray[np.float64] = np.log(power + _SMALLEST) / _SCALE
    return rows
