"""Describe videos of the user by the same records as those of data sets."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from avis.datasets.readers.audio import audio_info
from avis.datasets.readers.container import NoAudioError, warn_once
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import video_info
from avis.structures.media_time import frame_time, num_frames
from avis.structures.video_record import VideoRecord
from avis.utils.media_files import IMAGE_SUFFIXES, list_folder, name_some, same_stem

_SILENCE_WORTH_A_WARNING = 1.0  # s at the end of a video


def video_record(
    video: str | Path,
    audio: str | Path | None = None,
    *,
    fps: float | None = None,
    audio_track: int | None = None,
    start: float | None = None,
    end: float | None = None,
    expression: str | None = None,
) -> VideoRecord:
    """Describe a video file, a folder of frames or an image by the same record as a data set.

    Args:
        video: A video file; a folder of images, in the natural order of their names: 2 before 10
            (hidden files, thumbnails and other files are passed over and named in the log); or one
            image, which is shown as long as ``audio`` lasts.
        audio: An audio file, or a ``.npy`` with precomputed features, one row per frame; None for
            the audio of the video file.
        fps: Frames per second to predict; None for all frames of a video file, and 1 for an image.
            Use the frame rate of the training data (AVISeg: 1). For a folder it is the frame rate
            of its images, and required.
        audio_track: Index among the audio streams; None for the default track of the file.
        start: Second at which the prediction starts; None for the beginning.
        end: Second at which it ends; None for the end.
        expression: Sentence that names the object to segment, for models that read text.

    Raises:
        FileNotFoundError: Video or audio does not exist.
        NoAudioError: ``audio`` contains no audio.
        ValueError: A folder has no frames, two files of one name, or comes without ``fps``; an
            image comes without audio; or ``fps``, ``start`` or ``end`` is out of range.
    """
    path = Path(video)
    check_fps(fps)
    check_span(start, end)
    if audio is not None and not Path(audio).is_file():
        raise FileNotFoundError(f'{audio} does not exist.')
    audio_file = None if audio is None else str(audio)
    if path.is_dir():
        record = _folder_record(path, audio_file, fps)
    elif path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        record = _image_record(path, audio_file, fps)
    else:
        record = _file_record(path, audio_file, fps)
    if start is not None or end is not None:
        _cut(record, start or 0.0, end)
    if expression is not None:
        record['expression'] = expression
    return _with_audio_checked(record, audio_track)


def _file_record(path: Path, audio: str | None, fps: float | None) -> VideoRecord:
    """Return the record of a video file."""
    info = video_info(path)
    rate = info.fps if fps is None else fps
    features = audio if audio is not None and audio.endswith('.npy') else None
    if audio is None or features:
        audio = str(path) if info.has_audio else None
    return VideoRecord(
        video_id=path.stem,
        video_name=path.stem,
        frames=str(path),
        audio=audio,
        features=features,
        fps=rate,
        length=num_frames(info.seconds, rate),
        height=info.height,
        width=info.width,
    )


def _image_record(path: Path, audio: str | None, fps: float | None) -> VideoRecord:
    """Return the record of an image that is shown as long as its audio lasts."""
    if audio is None or audio.endswith(('.npy', '.pkl')):
        raise ValueError(
            f'{path} is a single image: expected an audio file with it, got {audio}; pass the '
            f'audio during which it is shown'
        )
    rate = 1.0 if fps is None else fps
    length = num_frames(audio_info(audio).seconds, rate)
    height, width = read_image(path).shape[:2]
    return VideoRecord(
        video_id=path.stem,
        video_name=path.stem,
        frames=[str(path)] * length,
        audio=audio,
        features=None,
        fps=rate,
        length=length,
        height=height,
        width=width,
    )


def _cut(record: VideoRecord, start: float, end: float | None) -> None:
    """Keep the frames from second ``start`` to ``end``; features belong to whole videos."""
    name, fps = record['video_name'], record['fps']
    seconds = frame_time(record['length'], fps)
    if start >= seconds:
        raise ValueError(f'{name!r} lasts {seconds:.2f} s: expected start before it, got {start}')
    if record.get('features') is not None:
        raise ValueError(f'{name!r}: expected no start and end with precomputed audio features')
    frames = record['frames']
    if not isinstance(frames, str):
        first = min(round(start * fps), len(frames) - 1)
        start = frame_time(first, fps)
    record['length'] = num_frames(min(end or seconds, seconds) - start, fps)
    if not isinstance(frames, str):
        record['frames'] = frames[first : first + record['length']]
    record['start'] = start


def _with_audio_checked(record: VideoRecord, track: int | None) -> VideoRecord:
    """Add the audio track, and warn where silence replaces the audio."""
    if track is not None:
        record['audio_track'] = track
    audio = record['audio']
    seconds = record.get('start', 0.0) + frame_time(record['length'], record['fps'])
    if record.get('features') is not None or (audio is not None and audio.endswith('.pkl')):
        return record
    try:
        end = audio_info(audio, track).seconds if audio is not None else None
    except NoAudioError:
        if audio != record['frames']:
            raise
        end = record['audio'] = None
    problem = ''
    if end is None:
        problem = 'has no audio, silence is used'
        warn_once(record['video_name'], problem, 'missing')
    elif seconds - end > _SILENCE_WORTH_A_WARNING:
        problem = f'ends at {end:.2f} s, but the video at {seconds:.2f} s; silence follows'
        warn_once(str(audio), problem, 'end')
    if problem:
        subject = 'The video' if end is None else 'The audio'
        record['warnings'] = [f'{subject} {problem}.']
    return record


def check_span(start: float | None, end: float | None) -> None:
    """Check the seconds between which the user wants a prediction.

    Raises:
        ValueError: They are negative, not finite, or not ascending.
    """
    first = 0.0 if start is None else start
    if not 0 <= first < math.inf:
        raise ValueError(f'expected start >= 0 seconds, got {start}')
    if end is not None and not first < end < math.inf:
        raise ValueError(f'expected end > start = {first} seconds, got {end}')


def check_fps(fps: float | None) -> None:
    """Check frames per second given by the user.

    Raises:
        ValueError: They are not positive and finite.
    """
    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f'expected fps > 0, got {fps}')


def log_skipped(folder: Path, skipped: Sequence[Path]) -> None:
    """Log the entries of a folder that are passed over."""
    if skipped:
        print_log(
            f'{folder}: passed over {len(skipped)} entries: {name_some(skipped, limit=20)}',
            logger='current',
            level=logging.WARNING,
        )


def _frames_in(path: Path) -> list[Path]:
    """Return the frames of a folder in natural order."""
    frames, videos, skipped = list_folder(path)
    if not frames:
        raise ValueError(f'{path} contains no frames, expected {", ".join(IMAGE_SUFFIXES)} files')
    twins = same_stem(frames)
    if twins is not None:
        raise ValueError(
            f'{path}: expected one file per frame, got {twins[0].name} and {twins[1].name}; move '
            f'one of each pair to another folder'
        )
    log_skipped(path, videos + skipped)
    return frames


def _folder_record(path: Path, audio: str | None, fps: float | None) -> VideoRecord:
    """Return the record of a folder of frames."""
    frames = _frames_in(path)
    if fps is None:
        raise ValueError(f'{path} is a folder of frames: set fps, their frames per second')
    height, width = read_image(frames[0]).shape[:2]
    features = audio if audio is not None and audio.endswith('.npy') else None
    return VideoRecord(
        video_id=path.name,
        video_name=path.name,
        frames=[str(file) for file in frames],
        audio=None if features else audio,
        features=features,
        fps=fps,
        length=len(frames),
        height=height,
        width=width,
    )
