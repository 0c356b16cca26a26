"""Draw clips from several data sets, from each as often as its share says."""

from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from avis.datasets.mixed_dataset import MixedDataset


@DATA_SAMPLERS.register_module()
class MixedSampler(Sampler):
    """Draws without end: first a data set, then its next clip.

    Each data set is shuffled and starts again when all of its clips were drawn. Processes draw the
    same clips together as one process alone.

    Args:
        dataset: A :class:`~avis.datasets.mixed_dataset.MixedDataset`.
        seed: Seed; None draws one that all processes share.
    """

    repeats: ClassVar[bool] = True  # one index can occur many times before another

    def __init__(self, dataset: Any, *, seed: int | None = None) -> None:
        dataset = getattr(dataset, 'dataset', dataset)
        if not isinstance(dataset, MixedDataset):
            raise ValueError(f'MixedSampler: expected a MixedDataset, got {type(dataset).__name__}')
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.sizes = [len(part) for part in dataset.parts]
        self.shares = dataset.shares / dataset.shares.sum()

    def __iter__(self) -> Iterator[int]:
        starts = np.cumsum([0, *self.sizes]).tolist()
        chosen = np.random.default_rng((self.seed, len(self.sizes)))
        parts = [self._endless(part) for part in range(len(self.sizes))]
        for position in count():
            part = int(chosen.choice(len(parts), p=self.shares))
            index = starts[part] + next(parts[part])
            if position % self.world_size == self.rank:
                yield index

    def __len__(self) -> int:
        return sum(self.sizes)

    def _endless(self, part: int) -> Iterator[int]:
        """Yield the clips of one data set, in a new order each time."""
        random = np.random.default_rng((self.seed, part))
        while True:
            yield from random.permutation(self.sizes[part]).tolist()
