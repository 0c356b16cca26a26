"""Predictions in the output folder of an inference: ``<video>/results.json``, one per video.

They are converted to the submission layout of the benchmark in a temporary folder.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avis.evaluation.benchmarks.avtrack_files import find_annotated_videos
from avis.evaluation.benchmarks.png_folders import frame_number, list_folders, list_pngs
from avis.export.layouts import write_avtrack, write_youtube_vis
from avis.export.results import RESULTS_FILE, read_results
from avis.structures.video_result import VideoResult
from avis.utils.json_stream import JsonStream
from avis.utils.png import read_png
from avis.utils.vis_format import video_name

_HEAD = 256  # bytes
_VIS = ('aviseg', 'youtube_vis')


@dataclass
class _VisHead:
    """What the ground truth states about its videos, by name, and its class ids, by name."""

    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)


@contextmanager
def as_submission(benchmark: str, gt: str | Path, pred: str | Path) -> Iterator[Path]:
    """Path of a prediction in the layout of the benchmark.

    Args:
        benchmark: Name of the benchmark; only ``aviseg``, ``youtube_vis`` and ``avtrack`` score
            tracks.
        gt: The ground truth.
        pred: An output folder, the folder of one video in it, or its file; any other prediction
            is yielded as it is.

    Raises:
        ValueError: A video does not have the frames of the ground truth, or a class that the
            ground truth does not have.
    """
    pred = Path(pred)
    files = _find_files(pred)
    if not files or not (benchmark == 'avtrack' or (benchmark in _VIS and Path(gt).is_file())):
        yield pred
        return
    with tempfile.TemporaryDirectory(prefix='avis-submission-') as name:
        folder = Path(name)
        if benchmark == 'avtrack':
            _write_persons(folder, files, find_annotated_videos(Path(gt))[0])
            yield folder
        else:
            yield _write_vis(folder / RESULTS_FILE, files, _read_head(gt))


def _find_files(pred: Path) -> list[Path]:
    found = [pred, pred / RESULTS_FILE, *sorted(pred.glob(f'*/{RESULTS_FILE}'))]
    return [path for path in found if path.is_file() and _is_own(path)]


def _is_own(path: Path) -> bool:
    """Whether a file states the version of its schema at the start, unlike submissions."""
    with path.open('rb') as file:
        return b'"schema_version"' in file.read(_HEAD)


def _write_vis(path: Path, files: Sequence[Path], head: _VisHead) -> Path:
    """Write the videos that the ground truth has as one file."""
    results, ids = [], {}
    for file in files:
        video = head.videos.get(file.parent.name)
        if video is not None:
            result = read_results(file)
            _check_frames(file, result, (len(video['file_names']), video['height'], video['width']))
            result.name = file.parent.name
            for track in result.tracks:
                # The writer counts classes from 1.
                track.label = _category(file, track.class_name, track.label, head.categories) - 1
            results.append(result)
            ids[result.name] = video['id']
    _check_names(files, results, head.videos)
    return write_youtube_vis(path, results, ids)


def _write_persons(folder: Path, files: Sequence[Path], masks: Path) -> None:
    """Write the videos that the ground truth has as folders of persons."""
    known = [folder.name for folder in list_folders(masks)]
    chosen = [file for file in files if file.parent.name in known]
    _check_names(files, chosen, known)
    for file in chosen:
        name, result = file.parent.name, read_results(file)
        frames = list_pngs(masks / name)
        if frames:
            size = read_png(masks / name / frames[0]).shape[:2]
            _check_frames(file, result, (len(frames), *size))
            write_avtrack(folder / name, result, [frame_number(frame) or 0 for frame in frames])


def _check_names(files: Sequence[Path], chosen: Sequence[Any], known: Iterable[str]) -> None:
    if not chosen:
        raise ValueError(
            f'{files[0].parent.parent}: expected folders with names of ground-truth videos, such '
            f'as {_some(known)}; got {_some(file.parent.name for file in files)}'
        )


def _check_frames(file: Path, result: VideoResult, expected: tuple[int, ...]) -> None:
    found = result.length, result.height, result.width
    if found != expected:
        raise ValueError(
            f'{file}: expected {expected[0]} frames of {expected[1]} x {expected[2]} (H x W) as in '
            f'the ground truth, got {found[0]} of {found[1]} x {found[2]}. Run the inference on '
            f'the frames of the ground truth.'
        )


def _category(file: Path, name: str | None, label: int, categories: Mapping[str, int]) -> int:
    """The class id of a track by its class name; the class index counts from 1 without a name."""
    if name is None:
        return label + 1
    if name not in categories:
        raise ValueError(
            f'{file}: expected classes of the ground truth, such as {_some(categories)}; got '
            f'{name!r}. Take a model of these classes.'
        )
    return categories[name]


def _read_head(gt: str | Path) -> _VisHead:
    """Videos and categories; entries with a problem are left to the benchmark, which lists them."""
    head, stream = _VisHead(), JsonStream(gt)
    try:
        for element in stream.elements(skip={'segmentations', 'areas', 'bboxes'}):
            value = element.value if isinstance(element.value, dict) else {}
            if element.key == 'videos' and {'id', 'file_names', 'height', 'width'} <= value.keys():
                head.videos[video_name(value)] = value
            elif element.key == 'categories' and {'id', 'name'} <= value.keys():
                head.categories[value['name']] = value['id']
    finally:
        stream.close()
    return head


def _some(names: Iterable[str]) -> str:
    return ', '.join(sorted(names)[:3])
