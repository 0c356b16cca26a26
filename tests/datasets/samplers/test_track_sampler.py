"""Batches of face tracks by length."""

from itertools import chain

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler

from avis.datasets.samplers import track_sampler
from avis.datasets.samplers.track_sampler import TrackBatchSampler, TrackSampler, group_tracks
from avis.engine.randomness import SeededSampler

LENGTHS = [30, 10, 50, 10, 20, 40, 10, 25, 60, 10]
FRAMES = 60


class Tracks:
    def __len__(self) -> int:
        return len(LENGTHS)

    def get_data_info(self, index: int) -> dict:
        return {'length': LENGTHS[index]}


def batches(epoch: int, rank: int = 0, world_size: int = 1, monkeypatch=None) -> list[list[int]]:
    if monkeypatch is not None:
        monkeypatch.setattr(track_sampler, 'get_dist_info', lambda: (rank, world_size))
    seeded = SeededSampler(dataset=Tracks(), sampler={'type': TrackSampler}, seed=3)
    sampler = TrackBatchSampler(seeded, batch_size=FRAMES)
    seeded.set_epoch(epoch)
    assert len(sampler) == len(seeded.sampler.epoch_groups())
    return list(sampler)


def test_groups_have_at_most_the_frames_of_a_batch() -> None:
    groups = group_tracks(np.array(LENGTHS), FRAMES, np.random.default_rng(0))
    assert sorted(chain(*groups)) == list(range(len(LENGTHS)))
    lengths = [[LENGTHS[index] for index in group] for group in groups]
    assert lengths == [[60], [50], [40], [30, 25], [20, 10, 10], [10, 10]]
    assert group_tracks(np.array([100, 1]), FRAMES, np.random.default_rng(0)) == [[0], [1]]


def test_epochs_shuffle_batches_and_give_tracks_the_seed_of_the_epoch() -> None:
    first, second = batches(0), batches(1)
    assert first != second
    assert sorted(map(sorted, first)) == sorted(map(sorted, second))
    assert first == batches(0)
    assert [index.seed for batch in second for index in batch] == [
        (3, 1, int(index)) for batch in second for index in batch
    ]


def test_two_processes_share_the_batches_of_one(monkeypatch) -> None:
    one = batches(2)
    pair = [batches(2, rank, 2, monkeypatch) for rank in range(2)]
    assert list(chain(*zip(*pair, strict=True))) == one
    seeds = [[index.seed for index in batch] for batch in pair[1]]
    assert seeds == [[index.seed for index in batch] for batch in one[1::2]]
    four = [batches(2, rank, 4, monkeypatch) for rank in range(4)]
    assert [len(own) for own in four] == [2] * 4  # two of the six batches are repeated
    assert {tuple(batch) for own in four for batch in own} == {tuple(batch) for batch in one}


def test_another_sampler_is_an_error() -> None:
    with pytest.raises(ValueError, match='expected a TrackSampler as sampler, got DefaultSampler'):
        TrackBatchSampler(DefaultSampler(Tracks()), batch_size=FRAMES)
