"""Read the audio of any file as mono float32 at a given sample rate, whole or in part."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from avis.datasets.readers.errors import BrokenDataError, broken_data_error, require_file
from avis.datasets.readers.video import container_start, open_media

Resampling = Literal['hann', 'kaiser_best']

# Codecs such as AAC need the packets before a point to decode it faithfully.
_PREROLL_SECONDS = 0.25
_LARGEST_FILTER_BANK = 4_000_000  # coefficients; 44100 to 16000 Hz takes 70,000


class NoAudioError(BrokenDataError):
    """The file is readable but contains no audio."""


@dataclass(frozen=True)
class AudioInfo:
    """Header of an audio file: samples per second, and seconds; 0 s if the length is unknown."""

    sample_rate: int
    seconds: float


def read_audio(
    path: str | Path,
    *,
    sample_rate: int,
    start: int = 0,
    num_samples: int | None = None,
    resampling: Resampling = 'hann',
) -> NDArray[np.float32]:
    """Read a part of the audio, mono, at a given sample rate.

    The part is the same as in the resampled whole, so reading in parts returns the same samples as
    reading everything; but only the part, and the few samples around it that the resampling filter
    needs, are read and decoded.

    Args:
        path: A file that libsndfile reads (wav, flac, ogg, mp3, ...), or any container with a
            audio stream (mp4, mkv, ...).
        sample_rate: Samples per second of the result.
        start: Index of the first sample at ``sample_rate``.
        num_samples: Number of samples at ``sample_rate``; None for all that follow.
        resampling: Filter of other rates: ``'hann'`` is torchaudio's, ``'kaiser_best'`` resampy's,
            with which the official features of VGGish were computed.

    Returns:
        Shape (S,), in [-1, 1] for integer files; shorter than ``num_samples`` where the file ends.

    Raises:
        FileNotFoundError: The file does not exist.
        NoAudioError: The container has no audio stream.
        BrokenDataError: The file cannot be decoded, or contains NaN or infinite samples.
    """
    require_file(path)
    native = audio_info(path).sample_rate
    # Starting at a block of native samples that is an integer number of output samples keeps the
    # phase of the filter.
    common = math.gcd(native, sample_rate)
    block, out_block = native // common, sample_rate // common
    width = math.ceil(8 * max(native / sample_rate, 1))  # more than torchaudio's filter
    if resampling == 'kaiser_best':
        width = _kaiser_resampler(native, sample_rate).width
    margin = math.ceil(width / block)
    first = max(start // out_block - margin, 0)
    last = None if num_samples is None else -(-(start + num_samples) // out_block) + margin
    samples = _read_native(path, native, first * block, None if last is None else last * block)
    _refuse_nan(path, samples, (first * block) / native, native)
    if native != sample_rate and len(samples):
        samples = _resample(samples, native, sample_rate, resampling)
    offset = start - first * out_block
    return samples[offset : None if num_samples is None else offset + num_samples]


def audio_info(path: str | Path) -> AudioInfo:
    """Read sample rate and length of the audio of a file.

    Raises:
        FileNotFoundError: The file does not exist.
        NoAudioError: The container has no audio stream.
        BrokenDataError: The file cannot be decoded.
    """
    require_file(path)
    if _is_plain(path):
        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError as error:
            raise broken_data_error(
                path, f'is not readable audio ({error.error_string})'
            ) from error
        return AudioInfo(info.samplerate, info.frames / info.samplerate)
    with open_media(path) as container:
        stream = _audio_stream(path, container)
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / 1e6
        return AudioInfo(stream.rate, seconds)


def _is_plain(path: str | Path) -> bool:
    return Path(path).suffix[1:].upper() in _plain_suffixes()


@functools.cache
def _plain_suffixes() -> frozenset[str]:
    return frozenset({*soundfile.available_formats(), 'AIF', 'OGA'})


def _audio_stream(path: str | Path, container: Any) -> Any:
    if not container.streams.audio:
        raise NoAudioError(
            f"{path}: has no audio stream. LoadAudio(missing='silence') uses silence instead."
        )
    return container.streams.audio[0]


def _read_native(path: str | Path, rate: int, begin: int, end: int | None) -> NDArray[np.float32]:
    """Samples ``begin`` to ``end`` at the file's own rate, mean over its channels, shape (S,)."""
    if not _is_plain(path):
        return _decode_native(path, rate, begin, end)
    try:
        with soundfile.SoundFile(str(path)) as file:
            file.seek(min(begin, file.frames))
            count = -1 if end is None else max(end - begin, 0)
            samples = file.read(count, dtype='float32', always_2d=True)  # (S, channels)
    except (soundfile.LibsndfileError, ValueError) as error:  # ValueError: seeking in damaged mp3
        reason = getattr(error, 'error_string', 'it is damaged')
        raise broken_data_error(path, f'is not readable audio ({reason})') from error
    mono: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
    return mono


def _decode_native(path: str | Path, rate: int, begin: int, end: int | None) -> NDArray[np.float32]:
    """The same with PyAV; every decoded block is placed at its time stamp."""
    import av

    blocks: list[tuple[int, NDArray[np.float32]]] = []
    with open_media(path) as container:
        stream = _audio_stream(path, container)
        zero = container_start(container)
        if begin:
            seconds = max(begin / rate - _PREROLL_SECONDS, 0.0) + zero
            container.seek(int(seconds / stream.time_base), stream=stream)
        to_float = av.AudioResampler(format='fltp', rate=rate)
        for decoded in container.decode(stream):
            at = round((float(decoded.pts * decoded.time_base) - zero) * rate) - begin
            if end is not None and at >= end - begin:
                break
            for frame in to_float.resample(decoded):
                blocks.append((at, frame.to_ndarray().mean(axis=0, dtype=np.float32)))
                at += frame.samples
    covered = max((at + len(block) for at, block in blocks), default=0)
    samples = np.zeros(max(covered if end is None else min(covered, end - begin), 0), np.float32)
    for at, block in blocks:
        cut = block[max(-at, 0) : max(len(samples) - at, 0)]
        samples[max(at, 0) : max(at, 0) + len(cut)] = cut
    return samples


def _refuse_nan(path: str | Path, samples: NDArray[np.float32], seconds: float, rate: int) -> None:
    bad = np.flatnonzero(~np.isfinite(samples))
    if len(bad):
        raise broken_data_error(
            path,
            f'contains {len(bad)} NaN or infinite samples, first at '
            f'{seconds + bad[0] / rate:.3f} s',
        )


def _resample(
    samples: NDArray[np.float32], native: int, sample_rate: int, resampling: Resampling
) -> NDArray[np.float32]:
    """Use torchaudio for 'hann'; SciPy for rates such as 44101 Hz, as it would take gigabytes."""
    import torch

    resampled: NDArray[np.float32]
    if resampling == 'kaiser_best':
        # In float64: filters rounded to float32 would change silent log-mel bands by 1e-4.
        precise = torch.from_numpy(samples).double()
        resampled = _kaiser_resampler(native, sample_rate)(precise).float().numpy()
        return resampled
    common = math.gcd(native, sample_rate)
    if native * sample_rate > _LARGEST_FILTER_BANK * common**2:
        from scipy.signal import resample_poly

        resampled = resample_poly(samples, sample_rate // common, native // common)
        return resampled.astype(np.float32)
    from torchaudio.functional import resample

    resampled = resample(torch.from_numpy(samples), native, sample_rate).numpy()
    return resampled


@functools.lru_cache(maxsize=4)
def _kaiser_resampler(native: int, sample_rate: int) -> Any:
    from avis.ops.resample import Resampler

    return Resampler(rate=native, new_rate=sample_rate)
