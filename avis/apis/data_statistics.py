"""Statistics of a data set and duplicates between its splits: behind ``avis data stats``."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from rich.table import Table

from avis.datasets.av_dataset import AVDataset
from avis.datasets.fingerprints import (
    AUDIO_RATE,
    AudioPrint,
    hash_audio,
    hash_frames,
    similar_audio,
    similar_frames,
)
from avis.datasets.mixed_dataset import parts_of_splits
from avis.datasets.preparation.files import video_of_clip
from avis.datasets.readers.audio import read_audio
from avis.datasets.readers.container import NoAudioError
from avis.datasets.readers.errors import UNUSABLE_FILE
from avis.datasets.statistics import SplitStatistics, count_split
from avis.datasets.transforms.loading import LoadFrames
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.atomic import atomic_path
from avis.utils.parallel import map_in_processes, show_progress

_HASHED_FRAMES = 5  # of each video, evenly distributed
_NO_WAVEFORM = ('.pkl', '.npy')
_MOST_BARS = 30

_Print = TypeVar('_Print')


@dataclass(frozen=True)
class Duplicate:
    """Two videos of different splits that have something in common.

    Attributes:
        kind: 'name' (parts of one video by their names), 'frames' or 'audio'.
        split: Split of the first one.
        video: Its name.
        other_split: Split of the second one.
        other_video: Its name.
    """

    kind: str
    split: str
    video: str
    other_split: str
    other_video: str


@dataclass(frozen=True)
class _Fingerprints:
    """What is compared of a video."""

    name: str
    frames: NDArray[np.uint64]
    audio: AudioPrint


def build_splits(cfg: Config, splits: Sequence[str] | None = None) -> dict[str, AVDataset]:
    """Build the data sets of a config.

    Args:
        cfg: A config with ``train_dataloader`` and so on.
        splits: Some of 'train', 'val' and 'test'; None for all that the config has.

    Returns:
        The data set of each split; of several data sets in one split each has an own key.

    Raises:
        ValueError: The config has no data loader for a split.
    """
    return {name: DATASETS.build(part) for name, part in parts_of_splits(cfg, splits).items()}


def find_duplicates(datasets: dict[str, AVDataset], *, processes: int = 1) -> list[Duplicate]:
    """Find videos that several splits share: by name, by frames and by audio.

    Frames are compared by perceptual hashes of five frames per video, audio by fingerprints; audio
    that is stored as log-mel examples or features is not compared. Splits that read the same
    annotation file and split of a data set, such as val and test of some configs, are compared
    once.

    Args:
        datasets: The data set of each split.
        processes: Number of videos at a time.
    """
    distinct: dict[tuple[str, str], str] = {}
    for name, dataset in datasets.items():
        distinct.setdefault((str(dataset.ann_file), dataset.split), name)
    prints: dict[str, list[_Fingerprints]] = {}
    for name in distinct.values():
        records = [datasets[name].record(index) for index in range(len(datasets[name]))]
        results = map_in_processes(_fingerprint, records, processes=processes)
        prints[name] = list(show_progress(results, f'Fingerprints {name}', len(records)))
    found: list[Duplicate] = []
    for one, other in combinations(prints, 2):
        ours, theirs = prints[one], prints[other]
        pairs = {
            'name': _same_video(ours, theirs),
            'frames': similar_frames([p.frames for p in ours], [p.frames for p in theirs]),
            'audio': similar_audio([p.audio for p in ours], [p.audio for p in theirs]),
        }
        for kind, indices in pairs.items():
            found += [Duplicate(kind, one, ours[i].name, other, theirs[k].name) for i, k in indices]
    return found


def _same_video(ours: list[_Fingerprints], theirs: list[_Fingerprints]) -> list[tuple[int, int]]:
    """Pairs of clips whose names say that they come from one video."""
    videos: dict[str, list[int]] = {}
    for index, video in enumerate(theirs):
        videos.setdefault(video_of_clip(video.name), []).append(index)
    return [
        (index, other)
        for index, video in enumerate(ours)
        for other in videos.get(video_of_clip(video.name), ())
    ]


def _fingerprint(record: VideoRecord) -> _Fingerprints:
    """The fingerprints of a video; empty where a file is missing or broken."""
    indices = np.unique(np.linspace(0, record['length'] - 1, _HASHED_FRAMES).astype(int))
    frames = _or_none(lambda: LoadFrames().transform({**record, 'frame_ids': indices})['frames'])
    path = record['audio']
    samples = None
    if path is not None and not path.endswith(_NO_WAVEFORM):
        first = round(record.get('start', 0.0) * AUDIO_RATE)
        count = round(record['length'] / record['fps'] * AUDIO_RATE)
        read = partial(read_audio, path, sample_rate=AUDIO_RATE, start=first, num_samples=count)
        samples = _or_none(read)
    return _Fingerprints(
        record['video_name'],
        np.zeros(0, np.uint64) if frames is None else hash_frames(frames),
        hash_audio(np.zeros(0, np.float32) if samples is None else samples),
    )


def _or_none(read: Callable[[], _Print]) -> _Print | None:
    try:
        return read()
    except (*UNUSABLE_FILE, NoAudioError):
        return None


def count_splits(datasets: dict[str, AVDataset]) -> dict[str, SplitStatistics]:
    """Count the content of each split, see :func:`~avis.datasets.statistics.count_split`."""
    return {name: count_split(dataset) for name, dataset in datasets.items()}


def statistics_table(statistics: dict[str, SplitStatistics]) -> Table:
    """Return the table that ``avis data stats`` prints."""
    table = Table('', *statistics)
    rows = {name: _cells(split.to_json()) for name, split in statistics.items()}
    for key in dict.fromkeys(key for cells in rows.values() for key in cells):
        table.add_row(key, *(cells.get(key, '-') for cells in rows.values()))
    return table


def _cells(content: dict[str, Any]) -> dict[str, str]:
    """The rows of one split: title and text."""
    cells = {
        name.replace('_', ' '): str(content[name])
        for name in ('videos', 'frames', 'labeled_frames', 'unreadable')
    }
    silent, seconds, areas = (content[key] for key in ('silent_share', 'seconds', 'areas'))
    if silent is not None:
        cells['silent'] = f'{silent:.1%}'
    if 'median' in seconds:
        cells['seconds'] = '{min:.1f} to {max:.1f}, median {median:.1f}'.format(**seconds)
    if 'median' in areas:
        cells['mask area'] = '{min:.1%} to {max:.1%}, median {median:.1%}'.format(**areas)
    for title, key in (('frames with {} sources', 'sources'), ('size {}', 'sizes')):
        cells.update({title.format(name): str(count) for name, count in content[key].items()})
    cells.update({f'class {name}': str(count) for name, count in content['classes'].items()})
    for attribute, values in content['attributes'].items():
        cells.update({f'{attribute} {name}': str(count) for name, count in values.items()})
    return cells


def to_json(
    statistics: dict[str, SplitStatistics], duplicates: Sequence[Duplicate] | None
) -> dict[str, Any]:
    """Return all results as one object; ``duplicates`` is null if they were not searched."""
    return {
        'splits': {name: split.to_json() for name, split in statistics.items()},
        'duplicates': None if duplicates is None else [asdict(each) for each in duplicates],
    }


def write_plots(statistics: dict[str, SplitStatistics], folder: str | Path) -> list[Path]:
    """Draw the statistics of all splits, one PNG per kind.

    Args:
        statistics: The statistics by split.
        folder: It is created if necessary.

    Returns:
        ``lengths``, ``areas``, ``sources``, ``classes`` and ``ATTRIBUTE``, as far as there are any.
    """
    charts: dict[str, Callable[[Any], None]] = {}
    for key, unit in (('seconds', 'seconds'), ('areas', 'share of the frame')):
        values = {name: getattr(split, key) for name, split in statistics.items()}
        if any(values.values()):
            charts['lengths' if key == 'seconds' else key] = partial(_histogram, values, unit)
    counts: dict[str, dict[str, Counter[Any]]] = {
        'sources': {name: split.sources for name, split in statistics.items()},
        'classes': {name: split.classes for name, split in statistics.items()},
    }
    for name in dict.fromkeys(name for split in statistics.values() for name in split.attributes):
        counts[name] = {
            key: split.attributes.get(name, Counter()) for key, split in statistics.items()
        }
    for name, found in counts.items():
        if any(found.values()):
            charts[name] = partial(_bars, found, in_order=name == 'sources')
    paths = []
    for name, draw in charts.items():
        path = Path(folder) / f'{name}.png'
        _save(draw, path)
        paths.append(path)
    return paths


def _save(draw: Callable[[Any], None], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw(axes)
    axes.set_title(path.stem)
    axes.legend()
    with atomic_path(path) as part:
        figure.savefig(part, format='png', dpi=150)


def _histogram(values: dict[str, list[float]], unit: str, axes: Any) -> None:
    present = {name: found for name, found in values.items() if found}
    axes.hist(list(present.values()), bins=20, label=list(present))
    axes.set_xlabel(unit)


def _bars(counts: dict[str, Counter[Any]], axes: Any, *, in_order: bool) -> None:
    """The most frequent values of all splits side by side; or all of them in their order."""
    totals: Counter[Any] = sum(counts.values(), Counter())
    most = sorted(totals, key=lambda value: (-totals[value], value))[:_MOST_BARS]
    names = sorted(most) if in_order else most
    width = 0.8 / len(counts)
    for index, (split, found) in enumerate(counts.items()):
        heights = [found[name] for name in names]
        axes.bar(np.arange(len(names)) + index * width, heights, width, label=split)
    positions = np.arange(len(names)) + 0.4 - width / 2
    axes.set_xticks(positions, [str(name) for name in names], rotation=0 if in_order else 90)
