"""A data set of own videos and labels in the layout of AVISeg, split by video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avis.datasets.av_dataset import AVDataset
from avis.datasets.label_formats.coco import write_vis_labels
from avis.datasets.label_formats.labels import LabeledVideo, label_classes
from avis.datasets.preparation.clips import ClipJob, RegularTimes, WavFile
from avis.datasets.preparation.files import RawVideos
from avis.datasets.preparation.running import describe_problem
from avis.datasets.readers.video import VideoInfo, video_info
from avis.structures.media_time import num_frames
from avis.utils.parallel import map_in_processes, show_progress


@dataclass(frozen=True, kw_only=True)
class CustomSettings:
    """How own videos become a data set.

    Attributes:
        fps: Frames per second.
        shares: Shares of the videos of train, val and test.
        seed: Seed of the splits.
    """

    fps: float = 1.0
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0


@dataclass(frozen=True)
class CustomVideos:
    """The readable videos.

    Attributes:
        infos: What each contains, by name, sorted.
        splits: Split of each.
        broken: Reason for each that cannot be read.
    """

    infos: dict[str, VideoInfo]
    splits: dict[str, str]
    broken: dict[str, str]


def split_videos(
    names: Sequence[str], shares: tuple[float, float, float], *, seed: int
) -> dict[str, str]:
    """Assign each video to a split; the same names, shares and seed give the same splits.

    Args:
        names: Names of the videos, in any order.
        shares: Of train, val and test; a share above 0 gets at least one video.
        seed: Seed of the order in which the videos are assigned.

    Raises:
        ValueError: A share is negative, they do not sum to 1, or there are fewer videos than
            splits.

    >>> split_videos(['a', 'b', 'c', 'd'], (0.5, 0.25, 0.25), seed=0)
    {'a': 'test', 'b': 'val', 'c': 'train', 'd': 'train'}
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f'expected shares from 0 on that sum to 1, got {shares}')
    counts = [max(round(share * len(names)), 1) if share else 0 for share in shares]
    largest = int(np.argmax(shares))
    counts[largest] += len(names) - sum(counts)
    if counts[largest] < 1:
        raise ValueError(
            f'expected at least one video per split, got {len(names)} videos for shares {shares}; '
            f'a share of 0 leaves out a split'
        )
    of_position = [
        split for split, n in zip(AVDataset.SPLITS, counts, strict=True) for _ in range(n)
    ]
    order = np.random.default_rng(seed).permutation(len(names))
    return {name: of_position[rank] for name, rank in zip(sorted(names), order, strict=True)}


def inspect_videos(videos: RawVideos, settings: CustomSettings, *, processes: int) -> CustomVideos:
    """Read size and length of all videos; broken ones keep their split, so that it is stable."""
    names = sorted(videos.paths)
    paths = [str(videos.paths[name]) for name in names]
    splits = split_videos(names, settings.shares, seed=settings.seed)
    results = map_in_processes(_inspect, paths, processes=processes)
    found = dict(zip(names, show_progress(results, 'Videos', len(names)), strict=True))
    return CustomVideos(
        {name: info for name, info in found.items() if isinstance(info, VideoInfo)},
        splits,
        {name: problem for name, problem in found.items() if isinstance(problem, str)},
    )


def _inspect(path: str) -> VideoInfo | str:
    try:
        return video_info(path)
    except Exception as error:  # one video must not end the others
        return describe_problem(error)


def plan_custom(root: Path, videos: RawVideos, found: CustomVideos, *, fps: float) -> list[ClipJob]:
    """The frames at ``fps``, frame k shown at k / ``fps`` seconds, and the audio at 16 kHz."""
    jobs = []
    for name, info in found.infos.items():
        folder = root / found.splits[name]
        count = num_frames(info.seconds, fps)
        frames = tuple(str(folder / 'JPEGImages' / name / f'{k:05d}.jpg') for k in range(count))
        wav = WavFile(str(folder / 'WAVAudios' / f'{name}.wav'))
        source = str(videos.paths[name])
        jobs.append(ClipJob(name, source, 0.0, frames, RegularTimes(fps), wav))
    return jobs


def write_annotations(
    root: Path, found: CustomVideos, labels: Mapping[str, LabeledVideo], *, fps: float
) -> dict[str, str]:
    """Write ``train.json``, ``val.json`` and ``test.json`` of the readable videos with labels.

    Args:
        root: Folder of the data set.
        found: The videos.
        labels: Their labels by name.
        fps: Frames per second of the data set.

    Returns:
        Reason for each video that is left out.
    """
    problems: dict[str, str] = {}
    chosen: dict[str, list[LabeledVideo]] = {split: [] for split in set(found.splits.values())}
    for name, info in found.infos.items():
        if name not in labels:
            problems[name] = 'has no labels'
            continue
        try:
            video = fit_labels(labels[name], info, fps)
        except ValueError as error:
            problems[name] = str(error)
        else:
            chosen[found.splits[name]].append(video)
    classes = label_classes(labels.values())
    for split, videos in chosen.items():
        write_vis_labels(videos, root / f'{split}.json', classes=classes, fps=fps)
    return problems


def fit_labels(video: LabeledVideo, info: VideoInfo, fps: float) -> LabeledVideo:
    """Number labels by the frames of the data set.

    Args:
        video: Labels of images, which must be the frames of the data set, or of a video file.
        info: The video.
        fps: Frames per second of the data set.

    Raises:
        ValueError: They have another size than the video, or frames after its end.
    """
    if (video.height, video.width) != (info.height, info.width):
        raise ValueError(
            f'expected labels of {(info.height, info.width)} (height, width) as the video has, got '
            f'{(video.height, video.width)}'
        )
    count = num_frames(info.seconds, fps)
    if video.of_video_file:
        numbers = {round(k / fps * info.fps): k for k in range(count)}
    else:
        numbers = {k: k for k in range(count)}
        if video.length > count:
            raise ValueError(
                f'expected labels of frames 0 to {count - 1}, got frame {video.length - 1}'
            )
    tracks = []
    for track in video.tracks:
        masks = {numbers[k]: mask for k, mask in track.masks.items() if k in numbers}
        tracks += [replace(track, masks=masks)] if masks else []
    frames = {k: f'{k:05d}.jpg' for k in range(count)}
    return replace(video, frames=frames, tracks=tracks)
