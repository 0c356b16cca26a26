"""Read the frames and the audio of a record in order, block by block, for videos of any length."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.audio import NoAudioError, audio_info, read_audio
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import video_info, walk_video
from avis.structures.media_time import frame_time, num_samples
from avis.structures.video_record import VideoRecord
from avis.utils.mp4 import to_int16

_BLOCK_SECONDS = 10
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def walk_frames(record: VideoRecord, frame_ids: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield frames of a video one after the other, RGB (H, W, 3); ``frame_ids`` ascend."""
    frames = record['frames']
    if isinstance(frames, str):
        start = record.get('start', 0.0)
        yield from walk_video(frames, start + frame_time(frame_ids, record['fps']))
    else:
        yield from (read_image(frames[index]) for index in frame_ids)


def pixel_aspect(record: VideoRecord) -> Fraction:
    """Width of a pixel divided by its height; 1 for images."""
    frames = record['frames']
    return video_info(frames).pixel_aspect if isinstance(frames, str) else Fraction(1)


class AudioBlocks:
    """Reads the audio of a file block by block, as a video writer requests it."""

    def __init__(self, path: str, track: int | None, rate: int, start: int) -> None:
        self.path, self.track = path, track
        self.rate = rate
        self.offset = start  # sample of the file at which the video starts
        self.block_start = 0
        self.block = np.zeros(0, np.int16)
        self.ended = False

    @classmethod
    def of(cls, record: VideoRecord, frame_ids: NDArray[np.int64]) -> 'AudioBlocks | None':
        """Return the reader of a record; None without audio, or if frames are not consecutive."""
        audio, track = record['audio'], record.get('audio_track')
        if audio is None or audio.endswith('.pkl') or (np.diff(frame_ids) != 1).any():
            return None
        try:
            native = audio_info(audio, track).sample_rate
        except NoAudioError:
            return None
        rate = native if native in _AAC_RATES else 16000
        start = round(record.get('start', 0.0) * rate)
        return cls(audio, track, rate, start + num_samples(int(frame_ids[0]), record['fps'], rate))

    def __call__(self, start: int, end: int) -> NDArray[np.int16]:
        """Return the samples ``start`` to ``end`` of the video; both must not decrease."""
        if end > self.block_start + len(self.block) and not self.ended:
            count = max(round(_BLOCK_SECONDS * self.rate), end - start)
            audio = read_audio(
                self.path,
                sample_rate=self.rate,
                start=self.offset + start,
                num_samples=count,
                track=self.track,
            )
            self.block, self.block_start = to_int16(audio), start
            self.ended = len(audio) < count
        first = max(start - self.block_start, 0)
        return self.block[first : max(end - self.block_start, 0)]


def waveform_peaks(audio: AudioBlocks, seconds: float, columns: int) -> NDArray[np.float32]:
    """Largest absolute amplitude in each of equal parts of the audio, block by block.

    Args:
        audio: A reader that has not read anything yet.
        seconds: Duration that is divided.
        columns: Number of parts.

    Returns:
        Shape (columns,), 0 to 1; 0 after the end of the audio.
    """
    edges = np.linspace(0, seconds * audio.rate, columns + 1).astype(np.int64)
    peaks = np.zeros(columns, np.float32)
    step = max(int(columns * _BLOCK_SECONDS / seconds), 1)
    for first in range(0, columns, step):
        part = edges[first : first + step + 1]
        samples = np.zeros(part[-1] - part[0] + 1, np.int32)
        read = audio(int(part[0]), int(part[-1]))
        samples[: len(read)] = np.abs(read.astype(np.int32))
        peaks[first : first + step] = np.maximum.reduceat(samples, part[:-1] - part[0]) / 32768
    return peaks
