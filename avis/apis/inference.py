"""Predict a video of any length with any model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.dataset import Compose, pseudo_collate
from torch import nn
from torch.utils.data import DataLoader, Dataset

from avis.apis.video_features import computed_features
from avis.apis.video_records import video_record
from avis.datasets.av_dataset import build_transforms
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.sampling import PadFrames
from avis.datasets.window_dataset import WindowDataset
from avis.engine.clip_stream import ClipBlocks, ClipSpec, ClipStream
from avis.engine.streaming import VideoStream
from avis.registry import DATASETS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord

DEFAULT_WINDOW_SIZE = 60  # frames


def predict_video(  # noqa: PLR0913 - one call is the whole prediction
    model: nn.Module,
    video: str | Path | VideoRecord,
    audio: str | Path | None = None,
    *,
    fps: float | None = None,
    size: int | None = DEFAULT_WINDOW_SIZE,
    overlap: int | None = None,
    batch_size: int = 1,
    num_workers: int = 0,
    amp: bool = False,
    on_window: Callable[[int, int], None] | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> AVDataSample:
    """Predict a video of any length with any model; memory does not grow with the video.

    The model decides how: one with a tracker is given windows; a semantic one is given clips of its
    data set, see :mod:`avis.engine.clip_stream`; one that reads whole videos itself, such as
    :class:`~avis.avtracker.model.AVTracker`, is given the files.

    Args:
        model: A model of :func:`~avis.apis.checkpoint.init_model`; the test pipeline of its config
            loads the data.
        video: A video file, a folder of frames, an image, or a record of :func:`video_record`.
        audio: An audio file; None for the audio of the video file, if it has any.
        fps: Frames per second to predict, see :func:`video_record`.
        size: Number of frames of a window; None for all at once. Clips have the length of those of
            the data set of the model.
        overlap: Number of frames that neighboring windows share; None for a tenth of a window.
            Trackers that process a window at once need it to connect tracks across windows; for
            trackers that process frame by frame, 0 saves time.
        batch_size: Clips of a semantic model that are predicted at once.
        num_workers: Number of processes that decode in advance.
        amp: Mixed precision: layers compute in bfloat16.
        on_window: Called with the number of processed frames and of all frames, at least after each
            window or clip.
        on_stage: Called with the name of each stage when it begins; its frames count from 0 again.

    Returns:
        A sample with ``pred_tracks``: ``labels``, ``scores``, ``ids`` and ``masks``, a list of
        :class:`~avis.structures.mask_track.MaskTrack` over all frames at the size of the file. Of a
        semantic model each class is a track, and the metainfo has ``semantic``, True.

    Raises:
        FileNotFoundError: Video or audio does not exist.
        ValueError: A file cannot be read, the config needs audio features that are not given and
            cannot be computed, or ``amp`` with a model that reads whole videos itself.
    """
    if amp and getattr(model, 'reads_whole_videos', False):
        raise ValueError(
            f'{type(model).__name__} runs networks of other packages; predict without amp'
        )
    if isinstance(video, dict):
        if audio is not None or fps is not None:
            raise ValueError(
                'predict_video: expected no audio and fps with a record, which contains both; pass '
                'them to video_record'
            )
        record = video
    else:
        record = video_record(video, audio, fps=fps)
    transforms = _test_transforms(model)
    show = _Progress(on_window or (lambda done, total: None), on_stage or (lambda stage: None))
    device = next(iter(model.parameters()), torch.empty(0)).device.type
    with (
        computed_features(record, transforms) as record,
        torch.autocast(device, torch.bfloat16, enabled=amp),
    ):
        return _predict(model, record, transforms, show, (size, overlap, batch_size, num_workers))


def _predict(
    model: nn.Module,
    record: VideoRecord,
    transforms: Sequence[Any],
    show: '_Progress',
    numbers: tuple[int | None, int | None, int, int],
) -> AVDataSample:
    """Predict as the model wants it."""
    size, overlap, batch_size, num_workers = numbers
    if getattr(model, 'reads_whole_videos', False):
        return _predict_whole(model, record, transforms, show)
    show.on_stage('predicting')
    show.on_window(0, record['length'])
    if hasattr(model, 'start_video'):
        overlap = (size or 0) // 10 if overlap is None else overlap
        data = _OneVideo(record, Compose(transforms))
        windows = WindowDataset(dataset=data, size=size, overlap=overlap)
        return _predict_windows(model, windows, _loader(windows, 1, num_workers), show)
    blocks = ClipBlocks(record, transforms, _clip_spec(model, transforms))
    stream = ClipStream(model, batch_size)
    return _predict_clips(stream, blocks, _loader(blocks, None, num_workers), show)


class _Progress(NamedTuple):
    """Who is told about the progress, see :func:`predict_video`."""

    on_window: Callable[[int, int], None]
    on_stage: Callable[[str], None]


def _predict_windows(
    model: nn.Module, windows: WindowDataset, loader: DataLoader, show: _Progress
) -> AVDataSample:
    """Predict with a model with a tracker."""
    stream, sample = VideoStream(model), None
    for window, batch in zip(windows.windows, loader, strict=True):
        sample = stream.feed(batch)
        show.on_window(window.stop, window.length)
    assert sample is not None  # the last window ends the video
    return sample


def _predict_clips(
    stream: ClipStream, blocks: ClipBlocks, loader: DataLoader, show: _Progress
) -> AVDataSample:
    """Predict with a semantic model."""
    done, total = 0, blocks.record['length']
    for block in loader:
        for frames in stream.feed(block):
            done += frames
            show.on_window(done, total)
    return stream.finish(blocks.record)


def _predict_whole(
    model: Any, record: VideoRecord, transforms: Sequence[Any], show: _Progress
) -> AVDataSample:
    """Predict with a model that reads the files itself and reports the progress of its stages."""
    stages: list[str] = []

    def on_progress(stage: str, done: int, total: int) -> None:
        if stages[-1:] != [stage]:
            stages.append(stage)
            show.on_stage(stage)
        show.on_window(done, total)

    model.on_progress = on_progress
    try:
        batch = pseudo_collate([Compose(transforms)(dict(record))])
        sample: AVDataSample = model.test_step(batch)[0]
    finally:
        model.on_progress = None
    return sample


def _loader(dataset: Dataset, batch_size: int | None, num_workers: int) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=pseudo_collate if batch_size else list,
        prefetch_factor=1 if num_workers else None,
    )


def _clip_spec(model: nn.Module, transforms: Sequence[Any]) -> ClipSpec:
    """Return the clips of the data set of a model: those to which its pipeline pads, if it does."""
    padding = next((step for step in transforms if isinstance(step, PadFrames)), None)
    if padding is not None:
        return ClipSpec(padding.num_frames)
    return ClipSpec(getattr(_dataset_class(model), 'LENGTH', ClipSpec.length))


def check_window_numbers(
    size: int | None, overlap: int | None, num_workers: int, batch_size: int
) -> None:
    """Check the numbers before the model is loaded.

    Raises:
        ValueError: One is out of range.
    """
    if size is not None and size < 1:
        raise ValueError(f'expected windows of at least one frame, got {size}')
    if overlap is not None and not 0 <= overlap < (size or overlap + 1):
        raise ValueError(f'expected an overlap from 0 to below {size} frames, got {overlap}')
    if num_workers < 0:
        raise ValueError(f'expected at least 0 worker processes, got {num_workers}')
    if batch_size < 1:
        raise ValueError(f'expected batches of at least one clip, got {batch_size}')


def class_names(model: nn.Module) -> tuple[str, ...]:
    """Return the class names of a model from the test data of its config; empty if unknown."""
    own = _test_dataset(model).get('metainfo', {})
    metainfo = {**getattr(_dataset_class(model), 'METAINFO', {}), **own}
    return tuple(metainfo.get('classes', ()))


def _dataset_class(model: nn.Module) -> Any:
    """Return the class of the test data; None if the config names none."""
    kind = _test_dataset(model).get('type')
    return DATASETS.get(kind) if isinstance(kind, str) else kind


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


def _test_transforms(model: nn.Module) -> list[Any]:
    """Return the test pipeline of the config, changed to accept videos with any audio or none."""
    transforms = build_transforms(_test_dataset(model).pipeline)
    for loader in transforms:
        if isinstance(loader, LoadAudio):
            # The audio of most videos ends before their last frame.
            loader.missing, loader.max_padding = 'silence', float('inf')
    return transforms
