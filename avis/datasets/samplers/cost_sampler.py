"""Deal whole videos to the processes of a distributed run by what they cost."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from avis.datasets.window_dataset import share_videos


class CostSampler(Sampler):
    """Each process gets videos of about as much work, every video exactly once.

    Args:
        dataset: A data set whose items are whole videos.
        per_video: Cost of a video apart from its frames, in frames.
        seed: Not used: nothing is drawn. mmengine gives it to every sampler.
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
