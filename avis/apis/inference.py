"""Predict the sounding instances of a video of any length."""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import print_log
from torch import nn
from torch.utils.data import DataLoader

from avis.datasets.av_dataset import build_transforms
from avis.datasets.readers.audio import audio_info
from avis.datasets.readers.container import NoAudioError, warn_once
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import video_info
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.window_dataset import WindowDataset
from avis.engine.streaming import VideoStream
from avis.registry import DATASETS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.media_time import frame_time, num_frames
from avis.structures.video_record import VideoRecord
from avis.utils.media_files import IMAGE_SUFFIXES, list_folder, name_some, same_stem

DEFAULT_WINDOW_SIZE = 60  # frames
_SILENCE_WORTH_A_WARNING = 1.0  # s at the end of a video


def predict_video(
    model: nn.Module,
    video: str | Path | VideoRecord,
    audio: str | Path | None = None,
    *,
    fps: float | None = None,
    size: int | None = DEFAULT_WINDOW_SIZE,
    overlap: int | None = None,
    num_workers: int = 0,
    on_window: Callable[[int, int], None] | None = None,
) -> AVDataSample:
    """Predict the instances of a video window by window, so that memory does not grow with it.

    Args:
        model: A model of :func:`~avis.apis.checkpoint.init_model` with a tracker; the test pipeline
            of its config loads the data. A model that reads whole videos itself, such as
            :class:`~avis.avtracker.model.AVTracker`, is not given windows.
        video: A video file, a folder of frames, or a record of :func:`video_record`.
        audio: An audio file; None for the audio of the video file, if it has any.
        fps: Frames per second to predict, see :func:`video_record`.
        size: Number of frames of a window; None for all at once.
        overlap: Number of frames that neighboring windows share; None for a tenth of a window.
            Trackers that process a window at once need it to connect tracks across windows; for
            trackers that process frame by frame, 0 saves time.
        num_workers: Number of processes that decode in advance.
        on_window: Called after each window with the number of predicted frames and of all frames.

    Returns:
        A sample with ``pred_tracks``: ``labels``, ``scores``, ``ids`` and ``masks``, a list of
        :class:`~avis.structures.mask_track.MaskTrack` over all frames at the size of the file.

    Raises:
        FileNotFoundError: Video or audio does not exist.
        ValueError: A file cannot be read, or the config needs audio features that are not given.
    """
    if isinstance(video, dict):
        if audio is not None or fps is not None:
            raise ValueError(
                'predict_video: expected no audio and fps with a record, which contains both; pass '
                'them to video_record'
            )
        record = video
    else:
        record = video_record(video, audio, fps=fps)
    pipeline = _test_pipeline(model, record)
    if getattr(model, 'reads_whole_videos', False):
        reader: Any = model
        whole: AVDataSample = reader.test_step(pseudo_collate([pipeline(dict(record))]))[0]
        return whole
    data = _OneVideo(record, pipeline)
    overlap = (size or 0) // 10 if overlap is None else overlap
    windows = WindowDataset(dataset=data, size=size, overlap=overlap)
    loader = DataLoader(
        windows,
        batch_size=1,
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        prefetch_factor=1 if num_workers else None,
    )
    stream, sample = VideoStream(model), None
    for window, batch in zip(windows.windows, loader, strict=True):
        sample = stream.feed(batch)
        if on_window is not None:
            on_window(window.stop, window.length)
    assert sample is not None  # the last window ends the video
    return sample


def video_record(
    video: str | Path,
    audio: str | Path | None = None,
    *,
    fps: float | None = None,
    audio_track: int | None = None,
) -> VideoRecord:
    """Describe a video file or a folder of frames by the same record as a data set.

    Args:
        video: A video file, or a folder of images, in the natural order of their names: 2 before
            10. Hidden files, thumbnails and other files are passed over and named in the log.
        audio: An audio file, or a ``.npy`` with precomputed features, one row per frame; None for
            the audio of the video file.
        fps: Frames per second to predict; None for all frames of a video file. Use the frame rate
            of the training data (AVISeg: 1). For a folder it is the frame rate of its images, and
            required.
        audio_track: Index among the audio streams; None for the default track of the file.

    Raises:
        FileNotFoundError: Video or audio does not exist.
        NoAudioError: ``audio`` contains no audio.
        ValueError: A folder has no frames, two files of one name, or comes without ``fps``, or
            ``fps`` is not positive.
    """
    path = Path(video)
    check_fps(fps)
    if audio is not None and not Path(audio).is_file():
        raise FileNotFoundError(f'{audio} does not exist.')
    audio_file = None if audio is None else str(audio)
    if path.is_dir():
        return _with_audio_checked(_folder_record(path, audio_file, fps), audio_track)
    info = video_info(path)
    rate = info.fps if fps is None else fps
    features = audio_file if audio_file is not None and audio_file.endswith('.npy') else None
    if audio_file is None or features:
        audio_file = str(path) if info.has_audio else None
    record = VideoRecord(
        video_id=path.stem,
        video_name=path.stem,
        frames=str(path),
        audio=audio_file,
        features=features,
        fps=rate,
        length=num_frames(info.seconds, rate),
        height=info.height,
        width=info.width,
    )
    return _with_audio_checked(record, audio_track)


def _with_audio_checked(record: VideoRecord, track: int | None) -> VideoRecord:
    """Add the audio track, and warn where silence replaces the audio."""
    if track is not None:
        record['audio_track'] = track
    audio, seconds = record['audio'], frame_time(record['length'], record['fps'])
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


def class_names(model: nn.Module) -> tuple[str, ...]:
    """Return the class names of a model from the test data of its config; empty if unknown."""
    dataset = _test_dataset(model)
    kind = dataset.type if isinstance(dataset.type, type) else DATASETS.get(dataset.type)
    metainfo = {**getattr(kind, 'METAINFO', {}), **dataset.get('metainfo', {})}
    return tuple(metainfo.get('classes', ()))


class _OneVideo:
    """A data set of one record."""

    def __init__(self, record: VideoRecord, pipeline: Callable[[dict], Any]) -> None:
        self.record = record
        self.pipeline = pipeline
        self.metainfo: dict[str, Any] = {}

    def full_init(self) -> None:
        """Do nothing: there are no annotations to read."""

    def get_data_info(self, index: int) -> VideoRecord:
        """Return the record."""
        return self.record

    def __len__(self) -> int:
        return 1


def _test_dataset(model: nn.Module) -> Any:
    cfg: Any = getattr(model, 'cfg', None)
    if cfg is None or 'test_dataloader' not in cfg:
        raise ValueError(
            'expected a model whose config has a test_dataloader; create it with '
            'avis.apis.init_model from a config for testing'
        )
    return cfg.test_dataloader.dataset


def _test_pipeline(model: nn.Module, record: VideoRecord) -> Callable[[dict], Any]:
    """Return the test pipeline of the config, changed to accept videos with any audio or none."""
    transforms = build_transforms(_test_dataset(model).pipeline)
    for loader in transforms:
        if not isinstance(loader, LoadAudio):
            continue
        if loader.source == 'features' and record.get('features') is None:
            raise ValueError(
                f'{record["video_name"]!r}: the config reads precomputed audio features '
                f"(LoadAudio(source='features')). Pass a .npy of tools/dataset_tools/"
                f'extract_audio_features.py as audio, or use a config that reads waveforms.'
            )
        # The audio of most videos ends before their last frame.
        loader.missing, loader.max_padding = 'silence', float('inf')
    return Compose(transforms)
