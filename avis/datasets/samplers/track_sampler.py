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
    """Yields the tracks of one process, group by group; the groups are shuffled every epoch.

    Tracks are sorted by length, longest first, and divided into groups of as many as have at most
    ``frames`` frames if all were as long as the first; a longer track is alone. The groups stay the
    same in all epochs, tracks of equal length are in random order. All processes get the same
    number of groups; some are repeated where they do not divide evenly.

    Source: the data loader of TalkNet (Tao et al., ACM MM 2021), which Light-ASD and LR-ASD share.

    Args:
        dataset: Data set whose records have a ``length``.
        frames: Largest number of frames of a group.
        seed: Seed; None draws one that all processes share.
    """

    one_pass: ClassVar[bool] = True  # yields no index of a later epoch

    def __init__(self, dataset: Any, *, frames: int = 2000, seed: int | None = None) -> None:
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()
        lengths = np.array([dataset.get_data_info(i)['length'] for i in range(len(dataset))])
        self.groups = group_tracks(lengths, frames, np.random.default_rng(self.seed))

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
    """Yields each group of a :class:`TrackSampler` as a batch.

    Args:
        sampler: The sampler, or one that wraps it as ``sampler.sampler``.
        batch_size: Not used, the groups are the batches; mmengine passes it.
    """

    def __init__(self, sampler: Any, batch_size: int | None = None) -> None:
        self.sampler = sampler

    def __iter__(self) -> Iterator[list[int]]:
        tracks = self._track_sampler()
        indices = iter(self.sampler)
        for group in tracks.epoch_groups():
            yield [next(indices) for _ in group]

    def __len__(self) -> int:
        tracks = self._track_sampler()
        return math.ceil(len(tracks.groups) / tracks.world_size)

    def _track_sampler(self) -> TrackSampler:
        inner = getattr(self.sampler, 'sampler', self.sampler)
        if not isinstance(inner, TrackSampler):
            raise ValueError(
                f'TrackBatchSampler: expected a TrackSampler as sampler, got {type(inner).__name__}'
            )
        return inner


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
