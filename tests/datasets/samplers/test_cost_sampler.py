"""Videos are assigned to processes by their cost."""

from itertools import chain

import pytest

from avis.datasets.samplers import cost_sampler
from avis.datasets.samplers.cost_sampler import CostSampler


class Videos:
    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def get_data_info(self, index):
        return {'length': self.lengths[index]}


def shares(monkeypatch, lengths, count, **settings):
    found = []
    for rank in range(count):
        monkeypatch.setattr(cost_sampler, 'get_dist_info', lambda rank=rank: (rank, count))
        sampler = CostSampler(Videos(lengths), **settings)
        assert len(sampler) == len(list(sampler))
        found.append(list(sampler))
    return found


def test_every_video_is_assigned_once_with_about_equal_work(monkeypatch):
    lengths = [100, 10, 10, 10, 60, 10]
    dealt = shares(monkeypatch, lengths, 2, per_video=0)
    assert sorted(chain(*dealt)) == list(range(6))
    assert [sum(lengths[video] for video in share) for share in dealt] == [100, 100]


def test_per_video_cost_is_added_to_short_videos(monkeypatch):
    lengths = [30, 1, 1, 1]
    assert shares(monkeypatch, lengths, 2, per_video=0) == [[0], [1, 2, 3]]
    assert shares(monkeypatch, lengths, 2, per_video=30) == [[0, 3], [1, 2]]


@pytest.mark.parametrize('count', [1, 3, 8])
def test_more_processes_than_videos_leave_some_empty(monkeypatch, count):
    assert sorted(chain(*shares(monkeypatch, [5, 5], count))) == [0, 1]
