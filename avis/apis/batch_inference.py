"""Predict many videos into a folder, and resume an interrupted run.

Each video gets a folder ``<name>/`` with ``video.mp4``, the video with masks in one color per
identity, and ``results.json``, which is written last: if it exists, the video is complete. An error
of one video is logged, with its traceback if it is unexpected, and the other videos are predicted.
"""

import json
import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from avis.apis.checkpoint import init_model
from avis.apis.inference import DEFAULT_WINDOW_SIZE, class_names, predict_video
from avis.apis.video_records import check_fps, log_skipped, video_record
from avis.avtracker.interfaces import ModelUnavailable
from avis.avtracker.tracked_video import StageFailure
from avis.datasets.readers.errors import BrokenDataError
from avis.engine.track_video import write_track_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.utils.atomic import check_writable, remove_stale_parts, write_atomic
from avis.utils.file_names import safe_file_name
from avis.utils.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_folder

RESULTS_FILE, VIDEO_FILE = 'results.json', 'video.mp4'


def infer(  # noqa: PLR0913 - one call is the whole tool
    config: str | Path,
    checkpoint: str | Path | None,
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    audio: str | Path | None = None,
    audio_track: int | None = None,
    fps: float | None = None,
    size: int | None = DEFAULT_WINDOW_SIZE,
    overlap: int | None = None,
    video: bool = True,
    device: str = 'cpu',
    num_workers: int = 0,
    cfg_options: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Predict all videos whose results are not complete yet.

    Args:
        config: Config of the model.
        checkpoint: Weights of the model; None for random ones.
        inputs: Video files, folders of frames, and folders of video files.
        out: Folder of the results.
        audio: Audio of the only input; None for the audio of the video files.
        audio_track: Index among the audio streams of the files; None for the default track.
        fps: Frames per second to predict, see :func:`~avis.apis.inference.video_record`.
        size: Number of frames of a window; None for whole videos.
        overlap: Number of frames that neighboring windows share; None for a tenth of a window.
        video: Write videos in addition to ``results.json``.
        device: Device of the model.
        num_workers: Number of processes that decode in advance.
        cfg_options: Overrides of the config, dotted key to value.

    Returns:
        Error messages by video; empty if all are complete.

    Raises:
        FileNotFoundError: Config, checkpoint or an input does not exist.
        OSError: ``out`` cannot be written.
        ValueError: There is no video, two videos have the same name, one audio file is given
            for several videos, or a number is out of range.
    """
    check_fps(fps)
    _check_windows(size, overlap, num_workers)
    videos = dict(find_videos(inputs))
    if audio is not None and len(videos) > 1:
        raise ValueError(
            f'expected one video with audio={str(audio)!r}, got {len(videos)}; predict them one by '
            f'one'
        )
    settings = {
        'config': str(config),
        'checkpoint': None if checkpoint is None else _fingerprint(Path(checkpoint)),
        'cfg_options': {key: str(value) for key, value in (cfg_options or {}).items()},
        'fps': fps,
        'size': size,
        'overlap': overlap,
        'audio': None if audio is None else _fingerprint(Path(audio)),
    }
    if audio_track is not None:
        settings['audio_track'] = audio_track
    reading = {'audio': audio, 'audio_track': audio_track, 'fps': fps}
    check_writable(out)
    jobs = [_Job(path, Path(out) / name, settings) for name, path in videos.items()]
    todo = [job for job in jobs if not _is_done(job, video=video)]
    print_log(f'{len(jobs) - len(todo)} of {len(jobs)} videos are complete already', 'current')
    if not todo:
        return {}
    model = init_model(config, checkpoint, device, cfg_options)
    class_names(model)  # an error of the config concerns all videos
    windows = {'size': size, 'overlap': overlap, 'num_workers': num_workers}
    failed = {}
    with _progress() as progress:
        for job in todo:
            problem = _predict(job, model, progress, windows, reading, video=video)
            if problem:
                failed[job.folder.name] = problem
    return failed


def _check_windows(size: int | None, overlap: int | None, num_workers: int) -> None:
    """Check the numbers before the model is loaded."""
    if size is not None and size < 1:
        raise ValueError(f'expected windows of at least one frame, got {size}')
    if overlap is not None and not 0 <= overlap < (size or overlap + 1):
        raise ValueError(f'expected an overlap from 0 to below {size} frames, got {overlap}')
    if num_workers < 0:
        raise ValueError(f'expected at least 0 worker processes, got {num_workers}')


@dataclass(frozen=True)
class _Job:
    """A video to predict: its path, the folder of its results, and what they depend on."""

    path: Path
    folder: Path
    common: dict[str, Any]

    def settings(self) -> dict[str, Any]:
        """Return all settings, with the state of the file."""
        return {**self.common, 'video': _fingerprint(self.path)}


def _predict(
    job: _Job,
    model: nn.Module,
    progress: Progress,
    windows: dict[str, Any],
    reading: dict[str, Any],
    *,
    video: bool,
) -> str:
    """Predict one video and write its results; return the problem if it fails, else ''."""
    name = job.folder.name
    task = progress.add_task(name, total=None)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    try:
        remove_stale_parts(job.folder)
        settings = job.settings()
        record = video_record(job.path, **reading)
        sample = predict_video(model, record, on_window=show, **windows)
        if 'failure' in sample:  # logged where it occurred; predicted again next time
            return str(sample.failure)
        write_inference_results(job.folder, model, record, sample, settings=settings, video=video)
    except Exception as error:  # must not stop the other videos
        if _concerns_all(error):
            raise
        return _log_failure(name, error)
    return ''


def _concerns_all(error: Exception) -> bool:
    """Whether the other videos would fail, too: a package or a model is missing."""
    cause = error.cause if isinstance(error, StageFailure) else error
    return isinstance(cause, ModelUnavailable | ImportError)


def _log_failure(name: str, error: Exception) -> str:
    """Log the error of a video; return it as one line."""
    # A worker process sends its traceback as the text of the error.
    reason = str(error).strip().rsplit('\n', 1)[-1]
    expected = isinstance(error, BrokenDataError | OSError)
    reason = reason if expected and reason else f'{type(error).__name__}: {reason}'
    details = '' if expected else f'\n{traceback.format_exc()}'
    print_log(f'{name}: {reason}{details}', 'current', logging.ERROR)
    return reason


def find_videos(inputs: Sequence[str | Path]) -> Iterator[tuple[str, Path]]:
    """Yield names and paths of the videos among files and folders.

    A folder with images is one video; in a folder with video files, each file is a video, in the
    natural order of the names. Other entries of a folder are passed over and named in the log.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: A folder contains neither images nor videos, or both, or two videos have the
            same name.
    """
    names: dict[str, Path] = {}
    for path in [file for given in inputs for file in _videos_of(Path(given))]:
        name = safe_file_name(path.name if path.is_dir() else path.stem)
        if name in names:
            raise ValueError(
                f'{names[name]} and {path} have the same name {name!r} and would overwrite each '
                f"other's results; predict them into different folders"
            )
        names[name] = path
    yield from names.items()


def _videos_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f'{path} does not exist.')
    images, videos, skipped = list_folder(path)
    if images and videos:
        raise ValueError(
            f'{path} contains {len(images)} images, such as {images[0].name}, and {len(videos)} '
            f'videos, such as {videos[0].name}: expected the frames of one video or video files; '
            f'move the others to another folder'
        )
    if images:
        return [path.resolve()]
    if not videos:
        raise ValueError(
            f'{path} contains neither frames ({", ".join(IMAGE_SUFFIXES)}) nor videos '
            f'({", ".join(VIDEO_SUFFIXES)})'
        )
    log_skipped(path, skipped)
    return videos


def write_inference_results(
    folder: Path,
    model: nn.Module,
    record: VideoRecord,
    sample: AVDataSample,
    *,
    settings: dict[str, Any],
    video: bool = True,
) -> None:
    """Write video and tracks of one video; each file is written atomically, the tracks last.

    Args:
        folder: Folder of the results of the video.
        model: The model, for the names of its classes.
        record: Record of the video.
        sample: Prediction of :func:`~avis.apis.inference.predict_video`.
        settings: What the results depend on; stored with them.
        video: Write the video, too.
    """
    classes = class_names(model)
    if video:
        write_track_video(folder / VIDEO_FILE, record, sample, classes=classes)
    content = inference_results(record, sample, classes) | {'settings': settings}
    write_atomic(folder / RESULTS_FILE, json.dumps(content))


def inference_results(
    record: VideoRecord, sample: AVDataSample, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the content of ``results.json``; masks are COCO RLEs, null where absent."""
    tracks = sample.pred_tracks
    fields = zip(
        tracks.ids.tolist(),
        tracks.labels.tolist(),
        tracks.scores.tolist(),
        tracks.masks,
        strict=True,
    )
    return {
        'video': record['video_name'],
        'frames': record['frames'],
        'fps': record['fps'],
        'length': record['length'],
        'height': int(sample.ori_shape[0]),
        'width': int(sample.ori_shape[1]),
        'tracks': [
            {
                'id': number,
                'label': label,
                'class': classes[label] if classes else None,
                'score': score,
                'segmentations': masks.to_json(),
            }
            for number, label, score, masks in fields
        ],
    }


def _fingerprint(path: Path) -> list[Any]:
    """Return path, size and modification time of a file, by which changes are detected."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime]


def _is_done(job: _Job, *, video: bool) -> bool:
    """Whether there are results of the same video, model and settings."""
    results = job.folder / RESULTS_FILE
    if not results.is_file() or (video and not (job.folder / VIDEO_FILE).is_file()):
        return False
    try:
        stored = json.loads(results.read_text(encoding='utf-8'))
        if not isinstance(stored, dict):
            raise ValueError(f'expected an object, got {type(stored).__name__}')
        return bool(stored.get('settings') == json.loads(json.dumps(job.settings())))
    except (OSError, ValueError, RecursionError) as error:
        print_log(
            f'{results} cannot be read ({error}): {job.folder.name} is predicted again',
            'current',
            logging.WARNING,
        )
        return False


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
