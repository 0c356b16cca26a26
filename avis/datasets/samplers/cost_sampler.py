"""Assign whole videos to the processes of a distributed run by their cost."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from avis.utils.shares import share_videos


class CostSampler(Sampler):
    """Assigns every video to exactly one process, so that all processes have about equal work.

    Args:
        dataset: A data set whose items are whole videos.
        per_video: Fixed cost of a video, in frames; it is added to the number of its frames.
        seed: Not used, because nothing is random; mmengine passes it to every sampler.
    """

    def __init__(self, dataset: Any, *, per_video: int = 10, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        costs = [
            int(dataset.get_data_info(index)['length']) + per_video for index in range(len(dataset))
        ]
        self.indices = share_videos(costs, world_size)[rank]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
