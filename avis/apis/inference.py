"""Find who sounds in a video of any length."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dataset import Compose, pseudo_collate
from torch import nn
from torch.utils.data import DataLoader

from avis.datasets.av_dataset import build_transforms
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import video_info
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.window_dataset import WindowDataset
from avis.engine.streaming import VideoStream
from avis.registry import DATASETS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
WINDOW = 60  # frames


def predict_video(
    model: nn.Module,
    video: str | Path | VideoRecord,
    audio: str | Path | None = None,
    *,
    fps: float | None = None,
    size: int | None = WINDOW,
    overlap: int | None = None,
    num_workers: int = 0,
    on_window: Callable[[int, int], None] | None = None,
) -> AVDataSample:
    """Predict the instances of a video, window by window: memory does not follow its length.

    Args:
        model: Of :func:`~avis.apis.checkpoint.init_model`, with a tracker; its config tells how
            test data are loaded. One that reads videos by itself, such as
            :class:`~avis.avtracker.model.AVTracker`, needs no windows.
        video: A video file, a folder of frames, or what :func:`video_record` makes of them.
        audio: A sound file; None for the sound of the video file, or none.
        fps: Frames per second that are looked at, see :func:`video_record`.
        size: Frames of a window; None for all at once.
        overlap: Frames that neighbouring windows share; None for a tenth of a window. Trackers that
            see a window at once join them by it; for those that go frame by frame 0 saves time.
        num_workers: Processes that decode ahead.
        on_window: Called with the frames done and the frames of the video after each window.

    Returns:
        A sample with ``pred_tracks``: ``labels``, ``scores``, ``ids`` and ``masks``, a list of
        :class:`~avis.structures.mask_track.MaskTrack` over all frames at the size of the file.

    Raises:
        FileNotFoundError: Video or sound does not exist.
        ValueError: Something cannot be read, or the config wants sound that is not given.
    """
    if isinstance(video, dict):
        if audio is not None or fps is not None:
            raise ValueError('audio and fps are part of the record of a video, give them there')
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
    assert sample is not None  # the last window closes the video
    return sample


def video_record(
    video: str | Path, audio: str | Path | None = None, *, fps: float | None = None
) -> VideoRecord:
    """Describe a video file or a folder of frames as a data set would.

    Args:
        video: A video file, or a folder of images that are ordered by their names.
        audio: A sound file, or a ``.npy`` with precomputed features, one row per frame; None for
            the sound of the video file.
        fps: Frames per second that are looked at. None for all frames of a video file; a model
            should see the pace at which it was trained (AVISeg: 1). For a folder it says at which
            pace its frames were taken, and must be given.

    Raises:
        FileNotFoundError: One of them does not exist.
        ValueError: A folder without frames or without a pace, or a pace that is not positive.
    """
    path = Path(video)
    if fps is not None and fps <= 0:
        raise ValueError(f'fps must be positive, got {fps}')
    if audio is not None and not Path(audio).is_file():
        raise FileNotFoundError(f'{audio} does not exist.')
    audio_file = None if audio is None else str(audio)
    if path.is_dir():
        return _folder_record(path, audio_file, fps)
    info = video_info(path)
    pace = info.fps if fps is None else fps
    features = audio_file if audio_file is not None and audio_file.endswith('.npy') else None
    if audio_file is None or features:
        audio_file = str(path) if info.has_audio else None
    return VideoRecord(
        video_id=path.stem,
        video_name=path.stem,
        frames=str(path),
        audio=audio_file,
        features=features,
        fps=pace,
        length=max(int(info.seconds * pace + 1e-3), 1),
        height=info.height,
        width=info.width,
    )


def _folder_record(path: Path, audio: str | None, fps: float | None) -> VideoRecord:
    """The record of a folder of frames."""
    frames = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not frames:
        raise ValueError(f'{path} holds no frames, expected files {", ".join(IMAGE_SUFFIXES)}')
    if fps is None:
        raise ValueError(f'{path} is a folder of frames: say at which pace they were taken (fps)')
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
    """Names of the classes of a model, from the test data of its config; empty if unknown."""
    dataset = _test_dataset(model)
    kind = dataset.type if isinstance(dataset.type, type) else DATASETS.get(dataset.type)
    metainfo = {**getattr(kind, 'METAINFO', {}), **dataset.get('metainfo', {})}
    return tuple(metainfo.get('classes', ()))


class _OneVideo:
    """One record as a data set."""

    def __init__(self, record: VideoRecord, pipeline: Callable[[dict], Any]) -> None:
        self.record = record
        self.pipeline = pipeline
        self.metainfo: dict[str, Any] = {}

    def full_init(self) -> None:
        """Nothing to read."""

    def get_data_info(self, index: int) -> VideoRecord:
        """The record."""
        return self.record

    def __len__(self) -> int:
        return 1


def _test_dataset(model: nn.Module) -> Any:
    cfg: Any = getattr(model, 'cfg', None)
    if cfg is None or 'test_dataloader' not in cfg:
        raise ValueError(
            'the model has no config with a test_dataloader: build it with avis.apis.init_model '
            'from a config that can be tested'
        )
    return cfg.test_dataloader.dataset


def _test_pipeline(model: nn.Module, record: VideoRecord) -> Callable[[dict], Any]:
    """The pipeline of the config's test data, which takes any sound or none."""
    transforms = build_transforms(_test_dataset(model).pipeline)
    for loader in transforms:
        if not isinstance(loader, LoadAudio):
            continue
        if loader.source == 'features' and record.get('features') is None:
            raise ValueError(
                f'{record["video_name"]!r}: the config reads precomputed sound '
                f"(LoadAudio(source='features')). Give a .npy of tools/dataset_tools/"
                f'extract_audio_features.py as audio, or take a config that hears waveforms.'
            )
        # Hardly any video has sound to its last frame.
        loader.missing, loader.max_padding = 'silence', float('inf')
    return Compose(transforms)
