"""Read sound from any file as mono float32 at a wanted rate, whole or in part."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from avis.datasets.readers.errors import BrokenDataError, broken_data_error, require_file
from avis.datasets.readers.video import container_start, open_media

# Codecs such as AAC need the packets before a point to decode it faithfully.
_PREROLL_SECONDS = 0.25
_LARGEST_FILTER_BANK = 4_000_000  # coefficients; 44100 to 16000 Hz takes 70,000


class NoAudioError(BrokenDataError):
    """The file can be read but holds no sound at all."""


@dataclass(frozen=True)
class AudioInfo:
    """What the header says: samples per second, and the length in seconds if it is known."""

    sample_rate: int
    seconds: float


def read_audio(
    path: str | Path, *, sample_rate: int, start: int = 0, num_samples: int | None = None
) -> NDArray[np.float32]:
    """Read a part of the sound, mono, at the wanted rate.

    The part is cut out of the resampled whole: reading in parts gives the same samples as reading
    everything, but only the part (and the few samples that the resampling filter looks at) is
    read and decoded.

    Args:
        path: A file that libsndfile reads (wav, flac, ogg, mp3, ...), or any container with a
            sound stream (mp4, mkv, ...).
        sample_rate: Samples per second of the result.
        start: First sample, counted at ``sample_rate``.
        num_samples: How many samples, None for all that follow.

    Returns:
        Shape (S,), in [-1, 1] for integer files; shorter than ``num_samples`` where the file ends.

    Raises:
        FileNotFoundError: No such file.
        NoAudioError: A container without a sound stream.
        BrokenDataError: The file cannot be decoded or holds NaN or infinite samples.
    """
    require_file(path)
    native = audio_info(path).sample_rate
    # Blocks of native samples that are a whole number of output samples keep the filter's phase.
    common = math.gcd(native, sample_rate)
    block, out_block = native // common, sample_rate // common
    margin = math.ceil(8 * max(native / sample_rate, 1) / block)  # torchaudio's filter, and more
    first = max(start // out_block - margin, 0)
    last = None if num_samples is None else -(-(start + num_samples) // out_block) + margin
    samples = _read_native(path, native, first * block, None if last is None else last * block)
    _refuse_nan(path, samples, (first * block) / native, native)
    if native != sample_rate and len(samples):
        samples = _resample(samples, native, sample_rate)
    offset = start - first * out_block
    return samples[offset : None if num_samples is None else offset + num_samples]


def audio_info(path: str | Path) -> AudioInfo:
    """Rate and length of the sound of a file."""
    require_file(path)
    if _is_plain(path):
        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError as error:
            raise broken_data_error(
                path, f'is not readable sound ({error.error_string})'
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
            f"{path}: has no audio stream. LoadAudio(missing='silence') takes silence instead."
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
    except (soundfile.LibsndfileError, ValueError) as error:  # after damage mp3 loses its place
        what = getattr(error, 'error_string', 'it is damaged')
        raise broken_data_error(path, f'is not readable sound ({what})') from error
    mono: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
    return mono


def _decode_native(path: str | Path, rate: int, begin: int, end: int | None) -> NDArray[np.float32]:
    """The same through PyAV; every decoded piece is put where its time stamp says."""
    import av

    pieces: list[tuple[int, NDArray[np.float32]]] = []
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
                pieces.append((at, frame.to_ndarray().mean(axis=0, dtype=np.float32)))
                at += frame.samples
    covered = max((at + len(piece) for at, piece in pieces), default=0)
    samples = np.zeros(max(covered if end is None else min(covered, end - begin), 0), np.float32)
    for at, piece in pieces:
        cut = piece[max(-at, 0) : max(len(samples) - at, 0)]
        samples[max(at, 0) : max(at, 0) + len(cut)] = cut
    return samples


def _refuse_nan(path: str | Path, samples: NDArray[np.float32], seconds: float, rate: int) -> None:
    bad = np.flatnonzero(~np.isfinite(samples))
    if len(bad):
        raise broken_data_error(
            path,
            f'holds {len(bad)} NaN or infinite samples, first at {seconds + bad[0] / rate:.3f} s',
        )


def _resample(samples: NDArray[np.float32], native: int, wanted: int) -> NDArray[np.float32]:
    """With torchaudio; odd rates such as 44101, whose filters would take gigabytes, with SciPy."""
    common = math.gcd(native, wanted)
    resampled: NDArray[np.float32]
    if native * wanted > _LARGEST_FILTER_BANK * common**2:
        from scipy.signal import resample_poly

        resampled = resample_poly(samples, wanted // common, native // common)
        return resampled.astype(np.float32)
    import torch
    from torchaudio.functional import resample

    resampled = resample(torch.from_numpy(samples), native, wanted).numpy()
    return resampled
