"""Count what a data set contains, from its annotations and label files; no frame is decoded."""

import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.datasets.av_dataset import AVDataset
from avis.datasets.readers.errors import UNUSABLE_FILE
from avis.datasets.transforms.loading import LoadLabelMaps
from avis.datasets.transforms.tracks import LoadTracks
from avis.structures.video_record import VideoRecord
from avis.utils.parallel import show_progress

_MOST_VALUES = 50  # of an attribute that is a category and not a name or a number


@dataclass
class SplitStatistics:
    """The content of a split.

    Attributes:
        videos: Number of videos, or of face tracks.
        frames: Number of frames.
        labeled_frames: Number of frames with ground truth.
        seconds: Length of each video.
        sources: Number of labeled frames by the number of sources in them: instances, classes of a
            label map, or a speaking face.
        sizes: Number of videos by frame size, ``HxW``; '?' where the annotations do not state it.
        classes: Number of instances of each class; of label maps the number of frames with it.
        areas: Area of each mask as a share of its frame.
        attributes: Number of videos by value, for each attribute with few values.
        unreadable: Number of videos whose labels cannot be read.
    """

    videos: int = 0
    frames: int = 0
    labeled_frames: int = 0
    seconds: list[float] = field(default_factory=list)
    sources: Counter[int] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    areas: list[float] = field(default_factory=list)
    attributes: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: int = 0

    @property
    def silent_share(self) -> float | None:
        """Share of the labeled frames without any source; None without labeled frames."""
        return self.sources[0] / self.labeled_frames if self.labeled_frames else None

    def to_json(self) -> dict[str, Any]:
        """Return counts, and quantiles of lengths and areas."""
        return {
            'videos': self.videos,
            'frames': self.frames,
            'labeled_frames': self.labeled_frames,
            'silent_share': self.silent_share,
            'seconds': {'total': sum(self.seconds), **_quantiles(self.seconds)},
            'sources': {str(number): self.sources[number] for number in sorted(self.sources)},
            'sizes': dict(self.sizes.most_common()),
            'classes': dict(self.classes.most_common()),
            'areas': _quantiles(self.areas),
            'attributes': {name: dict(values) for name, values in self.attributes.items()},
            'unreadable': self.unreadable,
        }


@dataclass
class _Labels:
    """The labels of one video."""

    sources: list[int] = field(default_factory=list)
    classes: Counter[int] = field(default_factory=Counter)
    areas: list[float] = field(default_factory=list)
    size: tuple[int, int] | None = None


def count_split(dataset: AVDataset) -> SplitStatistics:
    """Count the content of a data set.

    Args:
        dataset: The data set, with the pipeline of its config: its loaders read the labels.
    """
    loaders = [
        step for step in dataset.pipeline.transforms if isinstance(step, LoadLabelMaps | LoadTracks)
    ]
    statistics = SplitStatistics()
    attributes: dict[str, Counter[str]] = {}

    def read(index: int) -> tuple[VideoRecord, _Labels | None]:
        record = dataset.record(index)
        try:
            return record, _read_labels(record, loaders)
        except UNUSABLE_FILE:
            return record, None

    names = dataset.metainfo.get('classes', ())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(read, range(len(dataset)))
        title = f'{type(dataset).__name__} {dataset.split}'
        for record, labels in show_progress(results, title, len(dataset)):
            _add(statistics, record, labels, names)
            _add_attributes(attributes, record.get('attributes', {}))
    statistics.attributes = {
        name: values for name, values in attributes.items() if _is_category(values)
    }
    return statistics


def _read_labels(record: VideoRecord, loaders: list[Any]) -> _Labels:
    if 'speaking' in record:
        speaking = record['speaking'] == 1
        return _Labels(sources=speaking.astype(int).tolist())
    for loader in loaders:
        if isinstance(loader, LoadLabelMaps):
            return _of_label_maps(record, loader)
        return _of_tracks(record)
    return _Labels()


def _of_label_maps(record: VideoRecord, loader: LoadLabelMaps) -> _Labels:
    labels = _Labels()
    for path in record['label_maps']:
        image = None if path is None else loader.read(path)
        if image is None:
            continue
        found, counts = np.unique(image[image > 0], return_counts=True)
        height, width = image.shape
        labels.size = height, width
        labels.sources.append(len(found))
        labels.classes.update(found.tolist())
        labels.areas += (counts / image.size).tolist()
    return labels


def _of_tracks(record: VideoRecord) -> _Labels:
    frame_ids = np.arange(record['length'])
    results = LoadTracks(form='tracks').transform({**record, 'frame_ids': frame_ids})
    if 'gt_tracks' not in results:
        return _Labels()
    tracks = results['gt_tracks']
    present = np.zeros((len(tracks['masks']), record['length']), bool)
    labels = _Labels(classes=Counter(tracks['labels'].tolist()))
    for row, masks in zip(present, tracks['masks'], strict=True):
        areas = masks.areas
        row[:] = areas > 0
        labels.size = masks.height, masks.width
        labels.areas += (areas[areas > 0] / (masks.height * masks.width)).tolist()
    known: NDArray[np.bool_] = results.get('labeled_frames', np.ones(record['length'], bool))
    labels.sources = present.sum(axis=0)[known].tolist()
    return labels


def _add(
    statistics: SplitStatistics, record: VideoRecord, labels: _Labels | None, names: Any
) -> None:
    """Add a video."""
    statistics.videos += 1
    statistics.frames += record['length']
    statistics.seconds.append(record['length'] / record['fps'])
    size = (record['height'], record['width']) if record['height'] else None
    if labels is None:
        statistics.unreadable += 1
    else:
        size = size or labels.size
        statistics.labeled_frames += len(labels.sources)
        statistics.sources.update(labels.sources)
        statistics.areas += labels.areas
        for number, count in labels.classes.items():
            name = names[number] if number < len(names) else str(number)
            statistics.classes[name] += count
    statistics.sizes['?' if size is None else f'{size[0]}x{size[1]}'] += 1


def _add_attributes(found: dict[str, Counter[str]], attributes: Mapping[str, Any]) -> None:
    """Count the values of attributes that are text, or a list of text."""
    for name, value in attributes.items():
        values = value if isinstance(value, list) else [value]
        if values and all(isinstance(each, str) for each in values):
            found.setdefault(name, Counter()).update(values)


def _is_category(values: Counter[str]) -> bool:
    is_number = all(value.replace('.', '', 1).isdigit() for value in values)
    return len(values) <= _MOST_VALUES and not is_number


def _quantiles(values: list[float]) -> dict[str, float]:
    """Smallest, median and largest value, and the mean; empty without values."""
    if not values:
        return {}
    names = ('min', 'median', 'max')
    found = dict(zip(names, np.quantile(values, (0, 0.5, 1)).tolist(), strict=True))
    return {**found, 'mean': float(np.mean(values))}
