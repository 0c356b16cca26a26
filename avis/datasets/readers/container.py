"""Read one stream of a container: choose it, decode it, seek in it, and measure a whole file.

Containers state lengths, key frames and time stamps that are often wrong. What is read decides: a
seek is verified by the caller, damaged packets are skipped and counted, and clocks that restart are
made continuous (:class:`~avis.structures.media_time.ContinuousClock`).
"""

import functools
import heapq
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import av
from mmengine.logging import print_log

from avis.datasets.readers.errors import BrokenDataError, broken_data_error, require_file
from avis.structures.media_time import ContinuousClock
from avis.utils.media_files import single_file_options

_MAX_DEMUX_ERRORS = 100  # in succession
# Their blocks start in the middle of a frame. After a seek FFmpeg gives the time of a block to the
# wrong frame, until the second block.
_UNALIGNED = ('mpeg', 'mpegts')
SEEK_BACK_SECONDS = (0.0, 1.0, 4.0, 15.0, 60.0)
"""How far before the wanted time a reader seeks, one after the other, until the seek is right."""


class NoAudioError(BrokenDataError):
    """The file is readable but contains no audio."""


class StreamReader:
    """One stream of a media file, read forward from any position.

    Args:
        path: Path of the file.
        kind: Kind of the stream.
        track: Index among the audio streams; None for the default one.

    Attributes:
        stream: The stream of PyAV.
        start: Start of the container in seconds of its own clock, the zero of all times.
        slots: What numbers the frames of an AVI; None for containers with presentation times.
        seekable: Whether seeking has worked, or was not tried yet.
    """

    def __init__(
        self, path: str | Path, kind: Literal['video', 'audio'], track: int | None = None
    ) -> None:
        self.path, self.kind, self.track = require_file(path), kind, track
        self._damaged: set[tuple[int | None, int | None]] = set()
        self._container: Any = None
        self.reopen()
        self.restarts = _may_restart(self._container) and scan(path).restarts > 0
        self.seekable = not self.restarts

    def __enter__(self) -> 'StreamReader':
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()
        if self._damaged and error is None:
            count = len(self._damaged)
            plural = 's' if count > 1 else ''
            problem = f'{count} damaged packet{plural} of its {self.kind} skipped'
            warn_once(self.path, problem, self.kind)

    def reopen(self) -> None:
        """Go back to the start of the file, which always works."""
        if self._container is not None:
            self._container.close()
        self._container = open_container(self.path)
        try:
            self.stream = choose_stream(self.path, self._container, self.kind, self.track)
        except BaseException:
            self._container.close()
            raise
        self.stream.codec_context.thread_count = 1  # data loading workers run in parallel
        self.start = container_start(self._container)
        self.slots = (
            _DisplaySlots() if self.kind == 'video' and _lacks_pts(self._container) else None
        )
        self._unaligned = 0
        self._clean = True  # no error since the start of the file, or a frame since the last seek

    def seek(self, time: float) -> bool:
        """Go to a point not after ``time`` if the container is right; return whether it can."""
        offset = int((time + self.start) / self.stream.time_base)
        try:
            self._container.seek(offset, stream=self.stream)
        except av.error.FFmpegError:
            return False
        self._clean = False
        self.slots = None if self.slots is None else _DisplaySlots()
        self._unaligned = 2 if self._container.format.name in _UNALIGNED else 0
        return True

    def packets(self) -> Iterator[Any]:
        """Yield the packets of the stream from the current position on, with continuous times."""
        clock = ContinuousClock() if self.restarts else None
        for packet in read_packets(self._container, None if clock else self.stream, self._damage):
            shift = 0.0 if clock is None else _shift(clock, packet)
            if packet.stream_index != self.stream.index:
                continue
            if self._unaligned:
                self._unaligned -= packet.pos is not None
                if self._unaligned:
                    continue
            if shift:
                ticks = round(shift / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
            yield packet

    def decode(self, packet: Any) -> list[Any]:
        """Decode one packet, or the last frames with None; no frame if it is damaged."""
        try:
            frames: list[Any] = self.stream.codec_context.decode(packet)
        except (av.error.EOFError, av.error.BlockingIOError):
            return []
        except av.error.FFmpegError:
            # The first packets after a seek may refer to earlier ones.
            if self._clean and packet is not None:
                self._damage(packet.pos, packet.dts)
            return []
        self._clean = self._clean or bool(frames)
        if self.slots is not None:
            self.slots.take(packet, frames)
        return frames

    def time(self, frame: Any) -> float | None:
        """Return the time of a decoded frame in seconds; None if it has no time stamp."""
        ticks = frame.dts if frame.pts is None else frame.pts
        return None if ticks is None else float(ticks * self.stream.time_base) - self.start

    def _damage(self, position: int | None, dts: int | None) -> None:
        self._damaged.add((position, dts))


class _DisplaySlots:
    """Gives the frames of an AVI their times: the k-th frame that is shown gets the k-th time.

    AVI has decoding times only, and FFmpeg numbers frames in decoding order.
    """

    def __init__(self) -> None:
        self._times: list[int] = []
        self._first_pts: int | None = None
        self._leading = 0  # frames after a seek that are shown before the key frame: never decoded

    def take(self, packet: Any, frames: list[Any]) -> None:
        """Set the time stamps of the frames that came out when ``packet`` was decoded."""
        if packet is not None and packet.dts is not None:
            heapq.heappush(self._times, packet.dts)
            if self._first_pts is None:
                self._first_pts = packet.pts or 0
            self._leading += (packet.pts or 0) < self._first_pts
        for frame in frames:
            for _ in range(min(self._leading, len(self._times) - 1)):
                heapq.heappop(self._times)
            self._leading = 0
            frame.pts = heapq.heappop(self._times) if self._times else None


@dataclass(frozen=True)
class MediaScan:
    """What the packets of a file say, as opposed to its header.

    Attributes:
        frame_times: Time stamps of the frames of the video, ascending; empty without video.
        last_duration: Duration of the last frame; 0 if the file does not state it.
        audio_ends: End of each audio stream, by index of the stream.
        restarts: How often the clock starts again.
    """

    frame_times: tuple[float, ...]
    last_duration: float
    audio_ends: dict[int, float]
    restarts: int


def scan(path: str | Path) -> MediaScan:
    """Read all packets of a file without decoding them; the result is cached."""
    state = require_file(path).stat()
    return _scan(str(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _scan(path: str, size: int, modified: int) -> MediaScan:
    frames: list[tuple[float, float]] = []
    ends: dict[int, float] = {}
    last: dict[int, float] = {}
    with open_container(path) as container:
        start = container_start(container)
        clock = ContinuousClock() if _may_restart(container) else None
        video = main_video(container)
        by_dts = _lacks_pts(container)
        for packet in read_packets(container, None, lambda position, dts: None):
            shift = 0.0 if clock is None else _shift(clock, packet)
            index, is_video = packet.stream_index, packet.stream.type == 'video'
            if packet.is_discard or (is_video and packet.stream is not video):
                continue
            duration = float((packet.duration or 0) * packet.time_base)
            ticks = packet.dts if (by_dts and is_video) or packet.pts is None else packet.pts
            if ticks is None:
                time = last.get(index, 0.0)
            else:
                time = float(ticks * packet.time_base) + shift - start
            last[index] = time + duration
            if is_video:
                frames.append((time, duration))
            else:
                ends[index] = max(ends.get(index, 0.0), time + duration)
    frames.sort()
    return MediaScan(
        frame_times=tuple(time for time, _ in frames),
        last_duration=frames[-1][1] if frames else 0.0,
        audio_ends=ends,
        restarts=0 if clock is None else clock.restarts,
    )


def open_container(path: str | Path) -> Any:
    """Open a container for reading.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: It is not a media file, or its header is damaged.
    """
    require_file(path)
    try:
        return av.open(str(path), options=single_file_options())
    except (av.error.FFmpegError, UnicodeError) as error:
        raise broken_data_error(
            path, f'cannot be decoded ({getattr(error, "strerror", error)})'
        ) from error


def container_start(container: Any) -> float:
    """Return the start time of a container in seconds, the zero of all its streams."""
    return 0.0 if container.start_time is None else container.start_time / av.time_base


def main_video(container: Any) -> Any:
    """Return the video stream; None without one. A cover image of an audio file is no video."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    best = container.streams.best('video')
    return best if best in streams else next(iter(streams), None)


def choose_stream(
    path: str | Path, container: Any, kind: Literal['video', 'audio'], track: int | None = None
) -> Any:
    """Return the video, or the default audio track unless ``track`` names another one.

    Raises:
        BrokenDataError: There is no video stream, or FFmpeg has no decoder for it.
        NoAudioError: There is no audio stream.
        ValueError: There is no audio track ``track``.
    """
    if kind == 'video':
        stream = main_video(container)
        if stream is None:
            raise broken_data_error(path, 'has no video stream')
    else:
        tracks = container.streams.audio
        if not any(stream.codec_context for stream in tracks):
            raise NoAudioError(
                f"{path}: has no audio stream. LoadAudio(missing='silence') uses silence instead."
            )
        if track is not None and not 0 <= track < len(tracks):
            raise ValueError(
                f'{path}: expected an audio track from 0 to {len(tracks) - 1}, got {track}'
            )
        best = container.streams.best('audio')
        usable = [stream for stream in tracks if stream.codec_context]
        default = best if best in usable else usable[0]
        stream = default if track is None else tracks[track]
    if stream.codec_context is None:
        raise broken_data_error(path, f'has {kind} of a codec that FFmpeg cannot decode')
    return stream


def read_packets(container: Any, stream: Any, on_damage: Any) -> Iterator[Any]:
    """Yield the packets of a stream, or of all video and audio; empty ones are passed over.

    A decoder takes an empty packet for the end of the file. In AVI it means that a frame repeats.

    Args:
        container: The container.
        stream: The stream; None for all.
        on_damage: Called with position and time stamp of what cannot be read.
    """
    streams = (*container.streams.video, *container.streams.audio) if stream is None else (stream,)
    errors = 0
    while errors <= _MAX_DEMUX_ERRORS:
        read = yield from _until_error(container, streams)
        if read is None:
            return
        errors = 0 if read else errors + 1
        on_damage(None, errors)


def _until_error(container: Any, streams: tuple[Any, ...]) -> Generator[Any, None, int | None]:
    """Yield packets; return None at the end of the file, or how many preceded an error."""
    read = 0
    try:
        for packet in container.demux(*streams):
            if packet.size:
                read += 1
                yield packet
    except av.error.EOFError:
        return None
    except av.error.FFmpegError:
        return read
    except IndexError:
        # At the end PyAV flushes all streams, and does not know those that began inside the file.
        return None
    return None


def warn_once(path: str | Path, problem: str, topic: str) -> None:
    """Log a problem of a file that does not stop the run, once for each topic."""
    if (str(path), topic) not in _warned:
        _warned.add((str(path), topic))
        print_log(f'{path}: {problem}', logger='current', level=logging.WARNING)


_warned: set[tuple[str, str]] = set()


def _lacks_pts(container: Any) -> bool:
    """Whether the frames of such a container have decoding times only."""
    return bool(container.format.name == 'avi')


def _may_restart(container: Any) -> bool:
    """Whether the clock of such a container may jump: streams that can be joined byte by byte."""
    discontinuous = container.format.flags & av.format.Flags.ts_discont.value
    return bool(discontinuous) or container.format.name == 'flv' or container.duration is None


def _shift(clock: ContinuousClock, packet: Any) -> float:
    if packet.dts is None:
        return clock.last_shift
    base: Fraction = packet.time_base
    shown = packet.dts if packet.pts is None else packet.pts
    times = (float(ticks * base) for ticks in (packet.dts, shown, packet.duration or 0))
    return clock.shift(packet.stream_index, *times)
