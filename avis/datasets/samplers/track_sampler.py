"""Batches of face tracks of similar length, with an equal number of frames."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class TrackSampler(Sampler):
    """Yields the tracks of one process, batch by batch of :class:`TrackBatchSampler`.

    Tracks are sorted by length, longest first, and divided into groups of as many as have at most
    the frames of a batch if all were as long as the first; a longer track is alone. The groups stay
    the same in all epochs, but are shuffled; tracks of equal length are in random order. All
    processes get the same number of groups; some are repeated where they do not divide evenly.

    Source: the data loader of TalkNet (Tao et al., ACM MM 2021), which Light-ASD and LR-ASD share.

    Args:
        dataset: Data set whose records have a ``length``.
        seed: Seed; None draws one that all processes share.
    """

    one_pass: ClassVar[bool] = True  # yields no index of a later epoch

    def __init__(self, dataset: Any, *, seed: int | None = None) -> None:
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()
        self.lengths = np.array([dataset.get_data_info(i)['length'] for i in range(len(dataset))])
        self.groups: list[list[int]] = []

    def group(self, frames: int) -> None:
        """Divide the tracks into groups of at most ``frames`` frames."""
        self.groups = group_tracks(self.lengths, frames, np.random.default_rng(self.seed))

    def set_epoch(self, epoch: int) -> None:
        """Shuffle the groups for epoch number ``epoch``."""
        self.epoch = epoch

    def epoch_groups(self) -> list[list[int]]:
        """The groups of this process in this epoch."""
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.groups))
        total = math.ceil(len(order) / self.world_size) * self.world_size
        return [
            self.groups[group] for group in np.resize(order, total)[self.rank :: self.world_size]
        ]

    def __iter__(self) -> Iterator[int]:
        return (index for group in self.epoch_groups() for index in group)

    def __len__(self) -> int:
        return sum(len(group) for group in self.epoch_groups())


@DATA_SAMPLERS.register_module()
class TrackBatchSampler(Sampler):
    """Yields batches of tracks of similar length; ``batch_size`` counts frames, not tracks.

    Args:
        sampler: A :class:`TrackSampler`, or a sampler that wraps it as ``sampler.sampler``.
        batch_size: Largest number of frames of a batch.

    Raises:
        ValueError: Another sampler.
    """

    def __init__(self, sampler: Any, batch_size: int) -> None:
        self.sampler = sampler
        tracks = getattr(sampler, 'sampler', sampler)
        if not isinstance(tracks, TrackSampler):
            raise ValueError(
                f'TrackBatchSampler: expected a TrackSampler as sampler, got '
                f'{type(tracks).__name__}'
            )
        self.tracks = tracks
        self.batch_size = batch_size
        tracks.group(batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        for group in self.tracks.epoch_groups():
            yield [next(indices) for _ in group]

    def __len__(self) -> int:
        return len(self.tracks.epoch_groups())


def group_tracks(lengths: np.ndarray, frames: int, rng: np.random.Generator) -> list[list[int]]:
    """Divide tracks into groups of similar length.

    Args:
        lengths: Frames of each track, int (N,).
        frames: Largest number of tracks times the longest length; a longer track is alone.
        rng: Decides the order of equal lengths.

    Returns:
        Indices of the tracks of each group.
    """
    order = np.lexsort((rng.permutation(len(lengths)), -lengths))
    groups, start = [], 0
    while start < len(order):
        size = max(frames // max(int(lengths[order[start]]), 1), 1)
        groups.append(order[start : start + size].tolist())
        start += size
    return groups
