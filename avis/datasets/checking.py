"""Check a data set on disk, file by file, with the loaders that training uses."""

import logging
import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from avis.datasets.av_dataset import AVDataset
from avis.datasets.mixed_dataset import parts_of_splits
from avis.datasets.readers.audio import audio_info
from avis.datasets.readers.errors import REMEDY, BrokenDataError, broken_data_error
from avis.datasets.readers.images import read_image
from avis.datasets.readers.stored_masks import mask_file
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.audio_mix import LoadMixedAudio
from avis.datasets.transforms.clip_geometry import Size
from avis.datasets.transforms.faces import LoadFaces
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.spectrogram import LoadAudioExcerpt
from avis.datasets.transforms.tracks import LoadTracks
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.parallel import show_progress
from avis.utils.tables import read_rows

_FILE_ERRORS = (BrokenDataError, OSError)
_CHUNK = 64  # frames in memory at a time
_MISSING_SECONDS = 1.0  # official audio files end up to a second before their clip


@dataclass
class VideoReport:
    """Result of the check of one video.

    Attributes:
        frames: Number of readable frames.
        masks: Number of readable label maps, or masks of instances.
        surplus: Seconds by which the audio is longer than the clip; None without an audio file.
        problems: One line per missing or broken file.
    """

    frames: int = 0
    masks: int = 0
    surplus: float | None = None
    problems: list[str] = field(default_factory=list)

    def attempt(self, call: Callable[..., Any], *args: Any) -> Any:
        """Return the value of ``call``; None if it fails, after adding the problem."""
        try:
            return call(*args)
        except _FILE_ERRORS as error:
            self.add_problem(_describe(error))
        except Exception as error:  # a defect, or a file of an unexpected kind
            path = next((arg for arg in args if isinstance(arg, str | Path)), '')
            self.add_problem(f'{path}: {type(error).__name__}: {error}'.removeprefix(': '))
            print_log(traceback.format_exc(), logger='current', level=logging.ERROR)
        return None

    def add_problem(self, problem: str) -> None:
        """Add a problem, without the advice to run this check."""
        self.problems.append(problem.removesuffix(REMEDY).rstrip())


def check_dataset(
    cfg: Any, *, splits: Sequence[str] | None = None, workers: int | None = None
) -> int:
    """Check the data sets of a config, and print what exists, what is missing and what is broken.

    Args:
        cfg: A config with ``train_dataloader`` and so on.
        splits: Some of 'train', 'val' and 'test'; defaults to all that the config has.
        workers: Number of threads that read files; defaults to one per core.

    Returns:
        Number of problems.

    Raises:
        ValueError: The config has no data loader for a split.
    """
    parts = parts_of_splits(cfg, splits)
    console = Console()
    table = Table('split', 'videos', 'published', 'frames', 'masks', 'audio - clip, s', 'problems')
    problems: list[str] = []
    for title, part in parts.items():
        row, found = _check_split(part, workers, console)
        table.add_row(title, *row, str(len(found)), style='red' if found else 'green')
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
        loaders: The transforms of its pipeline; the loaders among them decide what is read.
    """
    report = VideoReport()
    sizes: list[Size | None] = [None] * record['length']
    for loader in loaders:
        if isinstance(loader, LoadFrames):
            sizes = _check_frames(record, report)
        elif isinstance(loader, LoadFaces):
            _check_faces(record, loader, report)
        elif isinstance(loader, LoadLabelMaps):
            _check_label_maps(record, loader, sizes, report)
        elif isinstance(loader, LoadTracks):
            _check_tracks(record, sizes, report)
        elif isinstance(loader, LoadAudio):
            _check_audio(record, loader, report)
        elif isinstance(loader, LoadMixedAudio | LoadAudioExcerpt):
            report.attempt(loader.transform, {**record})
    return report


def _check_split(cfg: Any, workers: int | None, console: Console) -> tuple[list[str], list[str]]:
    """Return the cells of the table and the problems of one split."""
    try:
        dataset: AVDataset = DATASETS.build(cfg)
        reports = _check_videos(dataset, workers, console)
        _print_counts(dataset, reports, console)
    except (OSError, ValueError) as error:
        return ['-'] * 5, [_describe(error)]
    surplus = [report.surplus for report in reports if report.surplus is not None]
    cells = [
        str(len(dataset)),
        '-' if dataset.published is None else str(dataset.published),
        str(sum(report.frames for report in reports)),
        str(sum(report.masks for report in reports)),
        f'{min(surplus):+.2f} to {max(surplus):+.2f}' if surplus else '-',
    ]
    problems = [problem for report in reports for problem in report.problems]
    return cells, _check_table(dataset) + problems


def _check_table(dataset: AVDataset) -> list[str]:
    """Rows of the csv that no split uses: one in place of the header, and unknown splits."""
    column = dataset.SPLIT_COLUMN
    if column is None:
        return []
    first, *rows = read_rows(dataset.ann_file)
    header = [name.strip() for name in first]
    position = header.index(column) if isinstance(column, str) else column
    problems = []
    known = {*dataset.SPLITS, *dataset.UNUSED_SPLITS, *dataset.JOINED_SPLITS}
    if header[position] in dataset.SPLITS:
        problems.append(
            f'{dataset.ann_file}: line 1 is a row, {header}, and is not used: expected the names '
            f'of the columns. Add a header.'
        )
    for number, row in enumerate(rows, start=2):
        if row and row[position].strip() not in known:
            problems.append(
                f'{dataset.ann_file}: line {number} has split {row[position].strip()!r} and is '
                f'not used: expected one of {list(dataset.SPLITS)}. Correct the row.'
            )
    return problems


def _describe(error: Exception) -> str:
    """One line for a file that cannot be used; the system names the file at the end of its own."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return f'{error.filename}: cannot be read: {error.strerror}.'
    return str(error)


def _check_videos(dataset: AVDataset, workers: int | None, console: Console) -> list[VideoReport]:
    """Check all videos of a data set in threads, with a progress bar on a terminal."""

    def check(index: int) -> VideoReport:
        record = dataset.record(index)
        report = VideoReport()
        checked = report.attempt(check_video, record, dataset.pipeline.transforms)
        report.problems = [f'{record["video_id"]}: {problem}' for problem in report.problems]
        return report if checked is None else checked

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        reports = pool.map(check, range(len(dataset)))
        title = f'{type(dataset).__name__} {dataset.split}'
        return list(show_progress(reports, title, len(dataset), console=console))


def _print_counts(dataset: AVDataset, reports: Sequence[VideoReport], console: Console) -> None:
    """Print how the number of videos differs from the published one and from those on disk."""
    name = f'{type(dataset).__name__} {dataset.split}'
    complete = sum(not report.problems for report in reports)
    total = max(len(dataset), dataset.published or 0)
    lines = [f'{name}: {note}' for note in dataset.notes()]
    if complete < total:
        lines.append(
            f'{name}: a partial set, {complete} of {total} videos are complete '
            f'({complete / total:.1%}).'
        )
    if dataset.published not in (None, len(dataset)):
        lines.append(
            f'{name}: {len(dataset)} videos, published are {dataset.published}. '
            f'{dataset.PUBLISHED_NOTE}'.rstrip()
        )
    unlisted = dataset.unlisted_videos()
    if unlisted:
        more = ', ...' if len(unlisted) > 3 else ''
        lines.append(
            f'{name}: {len(unlisted)} videos on disk are in no annotation: '
            f'{", ".join(unlisted[:3])}{more}'
        )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _check_frames(record: VideoRecord, report: VideoReport) -> list[Size | None]:
    """Return the size (H, W) of each frame, None where it cannot be read."""
    frames = record['frames']
    if isinstance(frames, str):
        sizes = _check_video(record, report)
    else:
        # A missing folder is one problem, not one per frame.
        folders = {Path(path).parent for path in frames}
        known = {folder: report.attempt(folder.is_dir) for folder in sorted(folders)}
        missing = {folder for folder, is_there in known.items() if not is_there}
        for folder in [folder for folder, is_there in known.items() if is_there is False]:
            report.add_problem(f'{folder} does not exist, so the frames of a video are missing.')
        sizes = [
            None if Path(path).parent in missing else report.attempt(_size_of, path)
            for path in frames
        ]
    readable = [size for size in sizes if size is not None]
    report.frames = len(readable)
    for index, size in enumerate(sizes):
        if size is not None and size != readable[0]:
            problem = f'is {size} (H, W), but the first frame is {readable[0]}'
            report.add_problem(str(broken_data_error(frames[index], problem)))
    return sizes


def _check_video(record: VideoRecord, report: VideoReport) -> list[Size | None]:
    """Return the same for a video file, chunk by chunk, so that memory does not grow with it."""
    sizes: list[Size | None] = [None] * record['length']
    for frame_ids in _chunks(record['length']):
        results = report.attempt(LoadFrames().transform, {**record, 'frame_ids': frame_ids})
        if results is None:
            break
        sizes[frame_ids[0] : frame_ids[-1] + 1] = [image.shape[:2] for image in results['frames']]
    return sizes


def _size_of(path: str) -> Size:
    height, width = read_image(path).shape[:2]
    return height, width


def _chunks(length: int, size: int = _CHUNK) -> list[NDArray[np.int64]]:
    """Split the indices of all frames into chunks that are in memory one at a time."""
    frames = np.arange(length)
    return np.split(frames, frames[size::size])


def _check_faces(record: VideoRecord, loader: LoadFaces, report: VideoReport) -> None:
    """Read every face: crops one by one, those in a video chunk by chunk."""
    are_files = Path(str(record['frames'])).is_dir()
    for frame_ids in _chunks(record['length'], 1 if are_files else _CHUNK):
        if report.attempt(loader.transform, {**record, 'frame_ids': frame_ids}) is not None:
            report.frames += len(frame_ids)
        elif not are_files:
            break


def _check_label_maps(
    record: VideoRecord,
    loader: LoadLabelMaps,
    sizes: Sequence[Size | None],
    report: VideoReport,
) -> None:
    for path, size in zip(record['label_maps'], sizes, strict=True):
        label = None if path is None else report.attempt(loader.read, path)
        if path is not None and label is not None:
            report.masks += 1
            if size is not None and label.shape != size:
                problem = f'is {label.shape} (H, W), but its frame is {size}'
                report.add_problem(str(broken_data_error(mask_file(path), problem)))


def _check_tracks(record: VideoRecord, sizes: Sequence[Size | None], report: VideoReport) -> None:
    """Read the masks of every frame, and compare their size with that of the frames."""
    first_size = next((size for size in sizes if size is not None), None)
    for frame_ids in _chunks(record['length']):
        results: dict[str, Any] = {**record, 'frame_ids': frame_ids}
        if first_size is not None:
            results['ori_shape'] = first_size
        results = report.attempt(LoadTracks(form='tracks').transform, results)
        if results is None:
            break
        masks = results['gt_tracks']['masks'] if 'gt_tracks' in results else []
        report.masks += sum(rle is not None for track in masks for rle in track.rles)


def _check_audio(record: VideoRecord, loader: LoadAudio, report: VideoReport) -> None:
    path, audio = record['audio'], None
    for frame_ids in _chunks(record['length']):
        results = report.attempt(loader.transform, {**record, 'frame_ids': frame_ids})
        if results is None:
            return
        audio = results['audio']
    if path is not None and audio is not None and audio.ndim == 1:
        try:
            seconds = audio_info(path).seconds
        except (BrokenDataError, OSError):  # the loader has replaced it by silence, as configured
            return
        clip_seconds = record['length'] / record['fps']
        surplus = float(np.round(seconds - record.get('start', 0.0) - clip_seconds, 3))
        if loader.max_padding is None and surplus < -_MISSING_SECONDS:
            # Training accepts it, but the file may be truncated.
            report.add_problem(
                f'{path}: lasts {seconds:.2f} s, but the clip of {record["length"]} frames lasts '
                f'{clip_seconds:.2f} s. Training uses it as it is.'
            )
            return
        if 'face_boxes' not in record or path != record['frames']:  # a track is part of a video
            report.surplus = surplus
