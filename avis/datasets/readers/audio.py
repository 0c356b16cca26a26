"""Read the audio of any file as mono float32 at a given sample rate, whole or in part.

The content of a file decides how it is read, not its suffix: libsndfile reads mono and stereo wav,
ogg and the like; FFmpeg everything else, and what libsndfile cannot read.
"""

import functools
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from avis.datasets.readers.container import (
    SEEK_BACK_SECONDS,
    NoAudioError,
    StreamReader,
    scan,
    warn_once,
)
from avis.datasets.readers.errors import broken_data_error, require_file

__all__ = ['AudioInfo', 'NoAudioError', 'Resampling', 'audio_info', 'read_audio']

Resampling = Literal['hann', 'kaiser_best']

# Codecs such as AAC need the packets before a point to decode it faithfully.
_PREROLL_SECONDS = 0.25
_LARGEST_FILTER_BANK = 4_000_000  # coefficients; 44100 to 16000 Hz takes 70,000
_LONGEST_GAP_SECONDS = 600  # a longer one is a damaged time stamp
_MAX_SAMPLES_PER_BYTE = 10_000  # of silence; a header that claims more is damaged
_SAMPLE_RATES = range(1000, 1_000_001)  # a header with another one is damaged
_EMPTY_BYTES = 4096  # a larger file contains audio
_STREAMED = 0x7FFFFF00  # bytes that a wav claims if it was written to a pipe
_BLOCK = 2**22  # frames of audio read at once, so that memory follows the content
_LOST_SECONDS = 0.2  # by which audio may be shorter than its header says without a warning


@dataclass(frozen=True)
class AudioInfo:
    """Samples per second of an audio file, and seconds up to its last sample."""

    sample_rate: int
    seconds: float


def read_audio(
    path: str | Path,
    *,
    sample_rate: int,
    start: int = 0,
    num_samples: int | None = None,
    resampling: Resampling = 'hann',
    track: int | None = None,
) -> NDArray[np.float32]:
    """Read a part of the audio, mono, at a given sample rate.

    The part is the same as in the resampled whole, so reading in parts returns the same samples as
    reading everything; but only the part, and the few samples around it that the resampling filter
    needs, are read and decoded. Stereo is averaged, surround sound is first mixed down to stereo
    (ITU-R BS.775). Damaged packets are skipped, which is logged.

    Args:
        path: An audio file, or any container with an audio stream (mp4, mkv, ...).
        sample_rate: Samples per second of the result.
        start: Index of the first sample at ``sample_rate``.
        num_samples: Number of samples at ``sample_rate``; None for all that follow.
        resampling: Filter of other rates: ``'hann'`` is torchaudio's, ``'kaiser_best'`` resampy's,
            with which the official features of VGGish were computed.
        track: Index among the audio streams of a container; None for its default track.

    Returns:
        Shape (S,), in [-1, 1] for integer files; shorter than ``num_samples`` where the file ends.

    Raises:
        FileNotFoundError: The file does not exist.
        NoAudioError: The container has no audio stream.
        BrokenDataError: The file cannot be decoded, or contains NaN or infinite samples.
    """
    with _open_audio(path, track) as source:
        native = source.sample_rate
        # Starting at a block of native samples that is an integer number of output samples keeps
        # the phase of the filter.
        common = math.gcd(native, sample_rate)
        block, out_block = native // common, sample_rate // common
        width = math.ceil(8 * max(native / sample_rate, 1))  # more than torchaudio's filter
        if resampling == 'kaiser_best':
            width = _kaiser_resampler(native, sample_rate).width
        margin = math.ceil(width / block)
        first = max(start // out_block - margin, 0)
        last = None if num_samples is None else -(-(start + num_samples) // out_block) + margin
        samples = source.read(first * block, None if last is None else last * block)
    _refuse_nan(path, samples, (first * block) / native, native)
    if native != sample_rate and len(samples):
        samples = _resample(samples, native, sample_rate, resampling)
    offset = start - first * out_block
    return samples[offset : None if num_samples is None else offset + num_samples]


def audio_info(path: str | Path, track: int | None = None) -> AudioInfo:
    """Read sample rate and length of the audio of a file.

    Raises:
        FileNotFoundError: The file does not exist.
        NoAudioError: The container has no audio stream.
        BrokenDataError: The file cannot be decoded.
    """
    with _open_audio(path, track) as source:
        return AudioInfo(source.sample_rate, source.seconds())


@contextmanager
def _open_audio(path: str | Path, track: int | None) -> Iterator['_SoundFile | _AudioStream']:
    """Open a file with libsndfile if it can read it exactly, else with FFmpeg."""
    with require_file(path).open('rb') as file:  # libsndfile takes the suffix of a path for true
        plain = None if track else _SoundFile.open(path, file)
        if plain is not None:
            _check_rate(path, plain.sample_rate)
            yield plain
            return
    with StreamReader(path, 'audio', track) as reader:
        stream = _AudioStream(reader)
        _check_rate(path, stream.sample_rate)
        yield stream


def _check_rate(path: str | Path, rate: int) -> None:
    if rate not in _SAMPLE_RATES:
        raise broken_data_error(
            path,
            f'states {rate} samples per second, expected {_SAMPLE_RATES[0]} to {_SAMPLE_RATES[-1]}',
        )


class _SoundFile:
    """Mono or stereo audio that libsndfile reads."""

    def __init__(self, path: str | Path, file: Any) -> None:
        self.path, self.file, self.sample_rate = path, file, file.samplerate

    @classmethod
    def open(cls, path: str | Path, file: Any) -> '_SoundFile | None':
        """Return the open file; None if FFmpeg must read it.

        libsndfile stops mp3 and flac at the length in their header, which may be an estimate, and
        does not know the positions of more than two channels.
        """
        try:
            opened = soundfile.SoundFile(file.fileno(), closefd=False)
        except (soundfile.LibsndfileError, TypeError):
            return None
        size = Path(path).stat().st_size
        is_plausible = opened.frames <= size * _MAX_SAMPLES_PER_BYTE
        if not opened.frames:  # an empty file, or one that it cannot read
            is_plausible = size < _EMPTY_BYTES and opened.format != 'OGG'
        if opened.format in ('MP3', 'FLAC') or opened.channels > 2 or not is_plausible:
            return None
        return cls(path, opened)

    def _stated_seconds(self) -> float:
        """Return the length in the header of a wav, which libsndfile corrects if it is cut off."""
        found = re.search(r'^data : (\d+) \(should be (\d+)\)', self.file.extra_info, re.M)
        if found is None or int(found[1]) >= _STREAMED or not int(found[2]):
            return self.seconds()
        return self.seconds() * int(found[1]) / int(found[2])

    def seconds(self) -> float:
        """Return the length in seconds."""
        length: float = self.file.frames / self.sample_rate
        return length

    def read(self, begin: int, end: int | None) -> NDArray[np.float32]:
        """Return samples ``begin`` to ``end``, mean over the channels, shape (S,)."""
        length = self.file.frames
        begin, end = min(begin, length), length if end is None else min(end, length)
        blocks = [np.zeros(0, np.float32)]
        try:
            self.file.seek(begin)
            while begin < end:
                block = self.file.read(min(end - begin, _BLOCK), dtype='float32', always_2d=True)
                if not len(block):
                    break
                blocks.append(_mix_to_mono(block))
                begin += len(block)
        except (soundfile.LibsndfileError, ValueError) as error:
            reason = getattr(error, 'error_string', 'it is damaged')
            raise broken_data_error(self.path, f'is not readable audio ({reason})') from error
        if begin < end or end == length:
            _warn_of_loss(self.path, begin / self.sample_rate, self._stated_seconds())
        return np.concatenate(blocks)


class _AudioStream:
    """An audio stream that FFmpeg decodes; every decoded block is placed at its time stamp."""

    def __init__(self, reader: StreamReader) -> None:
        self.reader, self.path = reader, reader.path
        self.sample_rate: int = reader.stream.rate or 0

    def seconds(self) -> float:
        """Return the time of the end of the last packet in seconds."""
        ends = scan(self.path).audio_ends
        return max(ends.get(self.reader.stream.index, 0.0), 0.0)

    def read(self, begin: int, end: int | None) -> NDArray[np.float32]:
        """Return samples ``begin`` to ``end`` as mono, shape (S,)."""
        blocks: list[tuple[int, NDArray[np.float32]]] = []
        for at, block in self._seek(begin):
            if end is not None and at >= end:
                break
            blocks.append((at - begin, block))
        else:
            self._check_end(begin, blocks)
        covered = max((at + len(block) for at, block in blocks), default=0)
        length = covered if end is None else min(covered, end - begin)
        samples = np.zeros(max(length, 0), np.float32)
        for at, block in blocks:
            cut = block[max(-at, 0) : max(len(samples) - at, 0)]
            samples[max(at, 0) : max(at, 0) + len(cut)] = cut
        return samples

    def _check_end(self, begin: int, blocks: list[tuple[int, NDArray[np.float32]]]) -> None:
        """Compare the end of the decoded audio with that in the header."""
        if not blocks and not begin:
            raise broken_data_error(self.path, 'has no audio that can be decoded')
        stream = self.reader.stream
        if blocks and stream.duration:
            stated = float(stream.duration * stream.time_base)
            end = (begin + max(at + len(block) for at, block in blocks)) / self.sample_rate
            _warn_of_loss(self.path, end, stated)

    def _seek(self, begin: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield blocks from a point before ``begin``, each with the index of its first sample."""
        wanted = begin / self.sample_rate - _PREROLL_SECONDS
        for back in SEEK_BACK_SECONDS if self.reader.seekable else ():
            if wanted - back <= 0 or not self.reader.seek(wanted - back):
                break
            blocks = self._blocks(seeked=True)
            first = next(blocks, None)
            if first is not None and first[0] <= begin - _PREROLL_SECONDS / 2 * self.sample_rate:
                yield first
                yield from blocks
                return
        self.reader.reopen()
        yield from self._blocks(seeked=False)

    def _blocks(self, *, seeked: bool) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Decode from the current position on."""
        mixer, following = _Mixer(self.path, self.sample_rate), None
        for frame in self._frames():
            at = self._position(frame, following)
            if at is None:
                if seeked:
                    return  # nothing says where this is
                at = 0
            for block in mixer.mix(frame):
                yield at, block
                at += len(block)
            following = at

    def _frames(self) -> Iterator[Any]:
        for packet in self.reader.packets():
            yield from self.reader.decode(packet)
        yield from self.reader.decode(None)

    def _position(self, frame: Any, following: int | None) -> int | None:
        """Return the index of the first sample of a decoded frame.

        Time stamps may be rounded to milliseconds. Blocks that follow each other within that
        precision are joined; the first one after a seek is placed as if read from the start.
        """
        time = self.reader.time(frame)
        if time is None:
            return following
        rate, stream = self.sample_rate, self.reader.stream
        at = round(time * rate)
        rounding = 1 + float(stream.time_base) * rate
        if following is not None:
            gap = at - following
            is_damaged = gap > _LONGEST_GAP_SECONDS * rate
            return following if abs(gap) <= rounding or is_damaged else at
        if stream.start_time is not None and frame.sample_rate == rate:
            first = round((float(stream.start_time * stream.time_base) - self.reader.start) * rate)
            grid = first + round((at - first) / frame.samples) * frame.samples
            return grid if abs(at - grid) <= rounding else at
        return at


class _Mixer:
    """Converts decoded blocks, whose rate, format and layout may change, to mono at one rate."""

    def __init__(self, path: str | Path, sample_rate: int) -> None:
        self.path, self.sample_rate = path, sample_rate
        self._kind: tuple[Any, ...] = ()
        self._resampler: Any = None

    def mix(self, frame: Any) -> list[NDArray[np.float32]]:
        """Return the samples of a block, preceded by the rest of a resampler that ends here."""
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        rest: list[Any] = []
        if kind != self._kind:
            if self._resampler is not None and self._kind[0] != self.sample_rate:
                rest = self._resampler.resample(None)
            layout = 'stereo' if _is_surround(frame.layout) else None
            self._resampler = av.AudioResampler(format='flt', layout=layout, rate=self.sample_rate)
            self._kind = kind
        try:
            blocks = [*rest, *self._resampler.resample(frame)]
        except av.error.FFmpegError as error:
            problem = f'has audio of {frame.layout.nb_channels} channels that cannot be converted'
            raise broken_data_error(self.path, problem) from error
        # Interleaved samples: PyAV crashes on more than eight separate channels.
        return [
            _mix_to_mono(block.to_ndarray().reshape(-1, block.layout.nb_channels))
            for block in blocks
        ]


def _mix_to_mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over the channels of samples (S, C); ``mean(1)`` would be slow for few."""
    mixed: NDArray[np.float32] = sum(samples.T) / np.float32(samples.shape[1])
    return mixed


def _is_surround(layout: Any) -> bool:
    """Whether the channels have standard positions, as in 5.1; '6 channels' have none."""
    return layout.nb_channels > 2 and not layout.name.endswith('channels')


def _warn_of_loss(path: str | Path, end: float, stated: float) -> None:
    if stated - end > _LOST_SECONDS:
        warn_once(
            path,
            f'its audio ends at {end:.2f} s, but its header says {stated:.2f} s: '
            f'{stated - end:.2f} s are lost',
            'end',
        )


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
    resampled = _hann_resampler(native, sample_rate)(torch.from_numpy(samples)).numpy()
    return resampled


@functools.lru_cache(maxsize=4)
def _hann_resampler(native: int, sample_rate: int) -> Any:
    import torch
    from torchaudio.transforms import Resample

    # Computed in float32, the filter is that of torchaudio.functional.resample.
    return Resample(native, sample_rate, dtype=torch.float32)


@functools.lru_cache(maxsize=4)
def _kaiser_resampler(native: int, sample_rate: int) -> Any:
    from avis.ops.resample import Resampler

    return Resampler(rate=native, new_rate=sample_rate)
