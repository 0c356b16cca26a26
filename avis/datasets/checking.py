"""Check a data set on disk, file by file, with the very loaders that training uses."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from avis.datasets.av_dataset import AVDataset
from avis.datasets.readers.audio import audio_info
from avis.datasets.readers.errors import WAY_OUT, BrokenDataError, broken_data_error
from avis.datasets.readers.images import read_image
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.clip_geometry import Size
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.tracks import LoadTracks
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord

_FILE_ERRORS = (BrokenDataError, FileNotFoundError)
_PIECE = 64  # frames in memory at a time


@dataclass
class VideoReport:
    """What was found of one video.

    Attributes:
        frames: Readable frames.
        masks: Readable label maps, or masks of instances.
        slack: Seconds by which the sound outlasts the clip; None without a sound file.
        problems: One line per missing or broken file.
    """

    frames: int = 0
    masks: int = 0
    slack: float | None = None
    problems: list[str] = field(default_factory=list)

    def attempt(self, call: Callable[..., Any], *args: Any) -> Any:
        """The value of ``call``, or None and a problem more."""
        try:
            return call(*args)
        except _FILE_ERRORS as error:
            self.note(str(error))
            return None

    def note(self, problem: str) -> None:
        """Add a problem, without the advice to run this very check."""
        self.problems.append(problem.removesuffix(WAY_OUT).rstrip())


def check_dataset(
    cfg: Any, *, splits: Sequence[str] | None = None, workers: int | None = None
) -> int:
    """Check the data sets of a config, and print what is there, missing or broken.

    Args:
        cfg: A config with ``train_dataloader`` and so on.
        splits: Which of 'train', 'val' and 'test'; default all that the config has.
        workers: Threads that read files; default one per core.

    Returns:
        The number of problems.
    """
    known = [name for name in ('train', 'val', 'test') if cfg.get(f'{name}_dataloader')]
    for split in splits or known:
        if split not in known:
            raise ValueError(f'the config has data loaders for {known}, not for {split!r}')
    console = Console()
    table = Table('split', 'videos', 'published', 'frames', 'masks', 'sound - clip, s', 'problems')
    problems: list[str] = []
    for split in splits or known:
        row, found = _check_split(cfg[f'{split}_dataloader']['dataset'], split, workers, console)
        table.add_row(split, *row, str(len(found)), style='red' if found else 'green')
        problems += found
    problems = list(dict.fromkeys(problems))  # a missing root is one problem, not one per split
    if problems:
        console.print(*problems, sep='\n', markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f'{len(problems) or "No"} problem{"" if len(problems) == 1 else "s"} found')
    return len(problems)


def check_video(record: VideoRecord, loaders: Sequence[Any]) -> VideoReport:
    """Read every file of one video.

    Args:
        record: The video.
        loaders: The transforms of its pipeline; loaders among them decide what is read and how.
    """
    report = VideoReport()
    sizes: list[Size | None] = [None] * record['length']
    for loader in loaders:
        if isinstance(loader, LoadFrames):
            sizes = _check_frames(record, report)
        elif isinstance(loader, LoadLabelMaps):
            _check_label_maps(record, loader, sizes, report)
        elif isinstance(loader, LoadTracks):
            _check_tracks(record, sizes, report)
        elif isinstance(loader, LoadAudio):
            _check_audio(record, loader, report)
    return report


def _check_split(
    cfg: Any, split: str, workers: int | None, console: Console
) -> tuple[list[str], list[str]]:
    """The cells of the table and the problems of one split."""
    while 'dataset' in cfg:  # a wrapper such as RepeatDataset
        cfg = cfg['dataset']
    try:
        dataset: AVDataset = DATASETS.build(cfg)
    except (FileNotFoundError, ValueError) as error:
        return ['-'] * 5, [str(error)]

    def check(index: int) -> VideoReport:
        return check_video(dataset.record(index), dataset.pipeline.transforms)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        videos = pool.map(check, range(len(dataset)))
        reports = list(
            track(
                videos,
                description=f'{type(dataset).__name__} {split}',
                total=len(dataset),
                console=console,
                disable=not console.is_terminal,
            )
        )
    published = dataset.published
    if published not in (None, len(dataset)):
        console.print(
            f'{type(dataset).__name__} {split}: {len(dataset)} videos, published are {published}. '
            f'{dataset.PUBLISHED_NOTE}'.rstrip(),
            highlight=False,
            soft_wrap=True,
        )
    unlisted = dataset.unlisted_videos()
    if unlisted:
        more = ', ...' if len(unlisted) > 3 else ''
        console.print(
            f'{type(dataset).__name__} {split}: {len(unlisted)} videos on the disk are in no '
            f'annotation: {", ".join(unlisted[:3])}{more}',
            highlight=False,
            soft_wrap=True,
        )
    slack = [report.slack for report in reports if report.slack is not None]
    cells = [
        str(len(dataset)),
        '-' if published is None else str(published),
        str(sum(report.frames for report in reports)),
        str(sum(report.masks for report in reports)),
        f'{min(slack):+.2f} to {max(slack):+.2f}' if slack else '-',
    ]
    return cells, [problem for report in reports for problem in report.problems]


def _check_frames(record: VideoRecord, report: VideoReport) -> list[Size | None]:
    """Size (H, W) of each frame, None where it cannot be read."""
    frames = record['frames']
    if isinstance(frames, str):
        sizes = _check_video(record, report)
    else:
        # A folder that is not there is one problem, not one per frame.
        folders = {Path(path).parent for path in frames}
        missing = {folder for folder in folders if not folder.is_dir()}
        for folder in sorted(missing):
            report.note(f'{folder} does not exist, so the frames of a video are missing.')
        sizes = [
            None if Path(path).parent in missing else report.attempt(_size_of, path)
            for path in frames
        ]
    readable = [size for size in sizes if size is not None]
    report.frames = len(readable)
    for index, size in enumerate(sizes):
        if size is not None and size != readable[0]:
            problem = f'is {size} (H, W), the clip began with {readable[0]}'
            report.note(str(broken_data_error(frames[index], problem)))
    return sizes


def _check_video(record: VideoRecord, report: VideoReport) -> list[Size | None]:
    """The same of a video file, a piece at a time: of hours there is never more in memory."""
    sizes: list[Size | None] = [None] * record['length']
    for piece in _pieces(record['length']):
        results = report.attempt(LoadFrames().transform, {**record, 'frame_ids': piece})
        if results is None:
            break
        sizes[piece[0] : piece[-1] + 1] = [image.shape[:2] for image in results['frames']]
    return sizes


def _size_of(path: str) -> Size:
    height, width = read_image(path).shape[:2]
    return height, width


def _pieces(length: int) -> list[NDArray[np.int64]]:
    frames = np.arange(length)
    return np.split(frames, frames[_PIECE::_PIECE])


def _check_label_maps(
    record: VideoRecord,
    loader: LoadLabelMaps,
    sizes: Sequence[Size | None],
    report: VideoReport,
) -> None:
    for path, size in zip(record['label_maps'], sizes, strict=True):
        label = None if path is None else report.attempt(loader.read, path)
        if label is not None:
            report.masks += 1
            if size is not None and label.shape != size:
                problem = f'is {label.shape} (H, W), but its frame is {size}'
                report.note(str(broken_data_error(str(path), problem)))


def _check_tracks(record: VideoRecord, sizes: Sequence[Size | None], report: VideoReport) -> None:
    """Read the masks of every frame, and compare their size with that of the frames."""
    seen = next((size for size in sizes if size is not None), None)
    for piece in _pieces(record['length']):
        results: dict[str, Any] = {**record, 'frame_ids': piece}
        if seen is not None:
            results['ori_shape'] = seen
        results = report.attempt(LoadTracks(form='tracks').transform, results)
        if results is None:
            break
        masks = results['gt_tracks']['masks'] if 'gt_tracks' in results else []
        report.masks += sum(rle is not None for track in masks for rle in track.rles)


def _check_audio(record: VideoRecord, loader: LoadAudio, report: VideoReport) -> None:
    path, audio = record['audio'], None
    for piece in _pieces(record['length']):
        results = report.attempt(loader.transform, {**record, 'frame_ids': piece})
        if results is None:
            return
        audio = results['audio']
    if path is not None and audio is not None and audio.ndim == 1:
        try:
            seconds = audio_info(path).seconds
        except BrokenDataError:  # silence stands in for it, as the config wants
            return
        report.slack = float(np.round(seconds - record['length'] / record['fps'], 3))
