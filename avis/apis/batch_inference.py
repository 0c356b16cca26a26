"""Predict many videos into a folder: a video and the tracks of each. A run that broke off goes on.

Per video a folder ``<name>/`` with ``video.mp4``, the video with its masks in the colors of their
identities, and ``results.json``, which is written last: where it is, the video is done.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from avis.apis.checkpoint import init_model
from avis.apis.inference import (
    IMAGE_SUFFIXES,
    WINDOW,
    class_names,
    predict_video,
    video_record,
)
from avis.datasets.readers.errors import BrokenDataError
from avis.engine.track_video import write_track_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.utils.atomic import write_atomic
from avis.utils.file_names import safe_file_name

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm', '.m4v', '.ts', '.mpg', '.mpeg')
RESULTS, FILM = 'results.json', 'video.mp4'


def infer(  # noqa: PLR0913 - one call is the whole tool
    config: str | Path,
    checkpoint: str | Path | None,
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    audio: str | Path | None = None,
    fps: float | None = None,
    size: int | None = WINDOW,
    overlap: int | None = None,
    video: bool = True,
    device: str = 'cpu',
    num_workers: int = 0,
    cfg_options: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Predict videos that are not done yet.

    Args:
        config: Config of the model.
        checkpoint: Its weights; None for random ones.
        inputs: Video files, folders of frames, and folders of video files.
        out: Folder of the results.
        audio: Sound of the only input; None for that of the video files.
        fps: Frames per second that are looked at, see
            :func:`~avis.apis.inference.video_record`.
        size: Frames of a window; None for whole videos.
        overlap: Frames that neighbouring windows share; None for a tenth of a window.
        video: Write videos too.
        device: Where the model runs.
        num_workers: Processes that decode ahead.
        cfg_options: Overrides of the config, dotted key to value.

    Returns:
        What went wrong, by video; empty if all are done.

    Raises:
        FileNotFoundError: Config, checkpoint or an input does not exist.
        ValueError: No video, two of one name, or one sound for several videos.
    """
    videos = dict(find_videos(inputs))
    if audio is not None and len(videos) > 1:
        raise ValueError(f'one sound cannot belong to {len(videos)} videos: predict them alone')
    settings = {
        'config': str(config),
        'checkpoint': None if checkpoint is None else _fingerprint(Path(checkpoint)),
        'cfg_options': {key: str(value) for key, value in (cfg_options or {}).items()},
        'fps': fps,
        'size': size,
        'overlap': overlap,
        'audio': None if audio is None else _fingerprint(Path(audio)),
    }
    todo = {}
    for name, path in videos.items():
        made = {**settings, 'video': _fingerprint(path)}
        if not _is_done(Path(out) / name, made, video=video):
            todo[name] = (path, made)
    print_log(f'{len(videos) - len(todo)} of {len(videos)} videos are done already', 'current')
    if not todo:
        return {}
    model = init_model(config, checkpoint, device, cfg_options)
    failed = {}
    with _bars() as bars:
        for name, (path, made) in todo.items():
            show = _show(bars, bars.add_task(name, total=None))
            try:
                record = video_record(path, audio, fps=fps)
                sample = predict_video(
                    model,
                    record,
                    size=size,
                    overlap=overlap,
                    num_workers=num_workers,
                    on_window=show,
                )
                if 'failure' in sample:  # logged where it happened; tried again next time
                    failed[name] = sample.failure
                    continue
                write_results(Path(out) / name, model, record, sample, settings=made, video=video)
            except (BrokenDataError, OSError) as error:  # the others shall not suffer
                failed[name] = str(error)
                print_log(f'{name}: {error}', 'current', logging.ERROR)
    return failed


def find_videos(inputs: Sequence[str | Path]) -> Iterator[tuple[str, Path]]:
    """Names and places of the videos among files and folders.

    A folder with images is a video, of one with video files each is.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: A folder without either, or two videos of one name.
    """
    names: dict[str, Path] = {}
    for path in [file for given in inputs for file in _videos_of(Path(given))]:
        name = safe_file_name(path.name if path.is_dir() else path.stem)
        if name in names:
            raise ValueError(
                f'{names[name]} and {path} are both called {name!r}, their results would be '
                f'written over each other: predict them into different folders'
            )
        names[name] = path
    yield from names.items()


def _videos_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f'{path} does not exist.')
    files = sorted(path.iterdir())
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return [path.resolve()]
    found = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    if not found:
        raise ValueError(
            f'{path} holds neither frames ({", ".join(IMAGE_SUFFIXES)}) nor videos '
            f'({", ".join(VIDEO_SUFFIXES)})'
        )
    return found


def write_results(
    folder: Path,
    model: nn.Module,
    record: VideoRecord,
    sample: AVDataSample,
    *,
    settings: dict[str, Any],
    video: bool = True,
) -> None:
    """Write video and tracks of a video; each file appears when it is complete, the tracks last."""
    classes = class_names(model)
    if video:
        write_track_video(folder / FILM, record, sample, classes=classes)
    content = to_json(record, sample, classes) | {'settings': settings}
    write_atomic(folder / RESULTS, json.dumps(content))


def to_json(record: VideoRecord, sample: AVDataSample, classes: Sequence[str]) -> dict[str, Any]:
    """The tracks of a video as plain values; masks as COCO RLEs, null where absent."""
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
    """What changes when a file does."""
    state = path.stat()
    return [str(path.resolve()), state.st_size, state.st_mtime]


def _is_done(folder: Path, settings: dict[str, Any], *, video: bool) -> bool:
    """Are there results of the same video, model and settings?"""
    if not (folder / RESULTS).is_file() or (video and not (folder / FILM).is_file()):
        return False
    made = json.loads((folder / RESULTS).read_text()).get('settings')
    return bool(made == json.loads(json.dumps(settings)))


def _bars() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _show(bars: Progress, task: Any) -> Callable[[int, int], None]:
    return lambda done, total: bars.update(task, completed=done, total=total)
