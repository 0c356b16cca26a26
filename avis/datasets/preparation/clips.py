"""Cut a clip out of a raw video: frames at given times, wav, and log-mel examples."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from avis.datasets.preparation.files import ClipFiles
from avis.datasets.readers.audio import read_audio
from avis.datasets.readers.container import NoAudioError, StreamReader
from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.video import VideoInfo, video_info, walk_video
from avis.synthetic.log_mel import log_mel_examples, save_torch_pickle
from avis.synthetic.writing import save_flat_png, save_jpeg, save_wav

_REMEDY = 'Fetch the video again.'


class FrameTimes(Protocol):
    """Which frames of a video are those of a clip."""

    def seconds(self, info: VideoInfo, count: int) -> list[float]:
        """Return the time of each of ``count`` frames after the start of the clip."""


@dataclass(frozen=True)
class RegularTimes:
    """Frame k is the one shown at (k + ``phase``) / ``fps`` seconds."""

    fps: float
    phase: float = 0.0

    def seconds(self, info: VideoInfo, count: int) -> list[float]:
        """See :class:`FrameTimes`."""
        return [(index + self.phase) / self.fps for index in range(count)]


@dataclass(frozen=True)
class LastOfSixteen:
    """The last of 16 samples of each second, as in AVSBench.

    With F frames per second, rounded to an integer, sample k of second s is the frame
    ``int(s * F + k / 16 * F)``. Source: OpenNLPLab/AVSBench, preprocess_scripts.
    """

    def seconds(self, info: VideoInfo, count: int) -> list[float]:
        """See :class:`FrameTimes`; clips that end early repeat their last frame."""
        rate = round(info.fps)
        indices = [int(second * rate + 15 / 16 * rate) for second in range(count)]
        last = max(round(info.seconds * info.fps) - 1, 0)
        return [min(index, last) / info.fps for index in indices]


@dataclass(frozen=True)
class WavFile:
    """An audio file to write, 16 bit.

    Attributes:
        path: The file.
        seconds: Length at most; None for all of the video.
        sample_rate: Samples per second.
        channels: 1 or 2; 2 only for whole videos.
    """

    path: str
    seconds: float | None = None
    sample_rate: int = 16000
    channels: int = 1


@dataclass(frozen=True)
class ClipJob:
    """The files of one clip and the video from which they come.

    Attributes:
        name: Name of the clip.
        source: Path of the video; None if there is none.
        start: Second of the video at which the clip starts.
        frames: Files of the frames, ``.png`` or ``.jpg``.
        times: Which frames.
        size: Height and width of the frames; None as in the video.
        wav: The audio file.
        log_mel: File of the log-mel examples of VGGish, one per frame; None for none.
    """

    name: str
    source: str | None
    start: float
    frames: tuple[str, ...]
    times: FrameTimes
    wav: WavFile
    size: tuple[int, int] | None = None
    log_mel: str | None = None

    def targets(self) -> list[str]:
        """Return the paths of all files."""
        return [*self.frames, self.wav.path, *([] if self.log_mel is None else [self.log_mel])]

    def write(self, files: ClipFiles) -> None:
        """Write the files.

        Raises:
            BrokenDataError: The video cannot be read, or has no audio.
        """
        assert self.source is not None
        self._write_audio(self.source, files)
        if any(not Path(path).exists() for path in self.frames):
            times = self.times.seconds(video_info(self.source), len(self.frames))
            images = walk_video(self.source, [self.start + time for time in times])
            for path, image in zip(self.frames, images, strict=True):
                files.write(path, _Image(image, self.size, Path(path).suffix).save)

    def _write_audio(self, source: str, files: ClipFiles) -> None:
        samples = read_pcm(source, self.wav, start=self.start)
        files.write(self.wav.path, lambda part: save_wav(part, samples, self.wav.sample_rate))
        if self.log_mel is not None:
            try:
                examples = log_mel_examples(samples, len(self.frames))
            except ValueError as error:
                raise broken_data_error(source, str(error), _REMEDY) from error
            files.write(self.log_mel, lambda part: save_torch_pickle(part, examples))


@dataclass(frozen=True)
class _Image:
    """A frame to save in the size and format of its file."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int] | None
    suffix: str

    def save(self, path: Path) -> None:
        """Write the file."""
        pixels: Any = self.pixels
        if self.size is not None and pixels.shape[:2] != self.size:
            pixels = cv2.resize(pixels, self.size[::-1])
        (save_flat_png if self.suffix == '.png' else save_jpeg)(path, pixels)


def read_pcm(path: str, wav: WavFile, *, start: float = 0.0) -> NDArray[np.int16]:
    """Read the audio of a clip as 16-bit samples.

    Args:
        path: The video.
        wav: Sample rate, channels and length.
        start: Second at which the clip starts.

    Returns:
        Shape (S,), or (S, 2) for two channels; shorter than ``wav.seconds`` where the audio ends.
        Audio that is stored with 16 bits at this rate is returned unchanged.

    Raises:
        BrokenDataError: The audio is missing, empty or cannot be decoded.
    """
    first = round(start * wav.sample_rate)
    count = None if wav.seconds is None else round(wav.seconds * wav.sample_rate)
    try:
        if wav.channels == 1:
            floats = read_audio(path, sample_rate=wav.sample_rate, start=first, num_samples=count)
            samples = np.clip(np.rint(floats * 32768.0), -32768, 32767).astype(np.int16)
        else:
            stop = None if count is None else first + count
            samples = _read_stereo(path, wav.sample_rate)[first:stop]
    except NoAudioError as error:
        raise broken_data_error(path, 'has no audio stream', _REMEDY) from error
    if not len(samples):
        raise broken_data_error(path, f'has no audio after {start:g} s', _REMEDY)
    return samples


def _read_stereo(path: str, sample_rate: int) -> NDArray[np.int16]:
    """Decode all audio to shape (S, 2)."""
    resampler = av.AudioResampler(format='s16', layout='stereo', rate=sample_rate)
    blocks = [np.zeros((0, 2), np.int16)]
    offset = None
    with StreamReader(path, 'audio') as reader:
        packets = chain(reader.packets(), [None])
        frames = (frame for packet in packets for frame in reader.decode(packet))
        for frame in chain(frames, [None]):
            if frame is not None:
                offset = (
                    round((reader.time(frame) or 0.0) * sample_rate) if offset is None else offset
                )
                frame.pts = None
            try:
                converted = resampler.resample(frame)
            except (av.error.FFmpegError, ValueError) as error:
                raise broken_data_error(path, f'has audio of several kinds ({error})') from error
            blocks += [block.to_ndarray().astype(np.int16).reshape(-1, 2) for block in converted]
    samples, offset = np.concatenate(blocks), offset or 0
    # Audio that starts late is preceded by silence; what precedes the first frame is cut off.
    return np.pad(samples, ((max(offset, 0), 0), (0, 0)))[max(-offset, 0) :]
