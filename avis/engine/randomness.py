"""Randomness that depends on seed, step and sample, never on processes, workers or a restart.

A sample's augmentation is drawn from (run seed, pass over the data, index in the data set): the
sampler hands out indices that carry these numbers, the data set seeds with them. They travel with
the index itself, so prefetching and long-living workers cannot mix up two epochs. Losses that draw
for a clip take the same numbers from its data sample. What the model draws otherwise (dropout) is a
function of (run seed, iteration, rank), see :class:`~avis.engine.hooks.seed_hook.SeedHook`.
"""

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS, DATASETS
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset, Sampler


def derive_seed(*numbers: int) -> int:
    """One well mixed 32-bit seed from several non-negative numbers.

    >>> derive_seed(1, 2) == derive_seed(1, 2), derive_seed(1, 2) == derive_seed(2, 1)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextlib.contextmanager
def fixed_randomness(*numbers: int) -> Iterator[None]:
    """Within the block Python, NumPy and torch (CPU) draw from ``numbers``, then go on as before.

    CUDA generators stay untouched: data pipelines run on the CPU, often in forked workers.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    seed = derive_seed(*numbers)
    random.seed(seed)
    # Transforms, mmcv's among them, draw from NumPy's global state.
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


class SampleIndex(int):
    """An index into a data set that carries the seed of its sample.

    Args:
        index: The index.
        seed: Numbers that fix the sample: run seed, pass over the data, index.
    """

    seed: tuple[int, ...]

    def __new__(cls, index: int, seed: tuple[int, ...]) -> 'SampleIndex':
        """Integers are made by ``__new__``."""
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> tuple[int, tuple[int, ...]]:  # type: ignore[override]
        """How the index is rebuilt in a worker process."""
        return int(self), self.seed


class SeededSampler(Sampler):
    """Any sampler, its indices turned into :class:`SampleIndex`.

    Args:
        dataset: Data set that is sampled.
        sampler: Sampler or its config.
        seed: Seed of the run; None draws one that all processes share.
    """

    def __init__(self, *, dataset: Dataset, sampler: Any, seed: int | None = None) -> None:
        self.seed = sync_random_seed() if seed is None else seed
        if isinstance(sampler, dict):
            defaults = {'dataset': dataset, 'seed': self.seed}
            sampler = DATA_SAMPLERS.build(sampler, default_args=defaults)
        self.sampler = sampler
        self.dataset = dataset
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()

    def __iter__(self) -> Iterator[Any]:
        # Endless samplers never see set_epoch: their pass follows from the position.
        size = max(len(self.dataset), 1)  # type: ignore[arg-type]
        for position, index in enumerate(self.sampler):
            if not isinstance(index, int):  # samplers of other projects may yield tuples
                yield index
                continue
            lap = self.epoch + (position * self.world_size + self.rank) // size
            yield SampleIndex(index, (self.seed, lap, index))

    def __len__(self) -> int:
        return len(self.sampler)

    def set_epoch(self, epoch: int) -> None:
        """Start pass number ``epoch``; the wrapped sampler shuffles for it."""
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)


class SeededDataset(Dataset):
    """Any data set; a :class:`SampleIndex` fixes all that its pipeline draws.

    The data sample carries its numbers on as metainfo ``seed``, for what the model draws of a clip
    (points of its masks).

    Args:
        dataset: Data set or its config.
    """

    def __init__(self, *, dataset: Any) -> None:
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
            if hasattr(dataset, 'full_init'):
                dataset.full_init()
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, SampleIndex):
            return self.dataset[index]
        with fixed_randomness(*index.seed):
            item = self.dataset[int(index)]
        sample = item.get('data_samples') if isinstance(item, Mapping) else None
        if isinstance(sample, BaseDataElement):
            sample.set_metainfo({'seed': index.seed})
        return item

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        """Everything else (``metainfo``, ``record``, ...) is asked of the wrapped data set."""
        if name == 'dataset':  # not there yet while a worker unpickles the wrapper
            raise AttributeError(name)
        return getattr(self.dataset, name)


def keep_worker_seeds(worker_id: int) -> None:
    """Leave the seeds of a data loading worker as torch set them.

    torch seeds Python, NumPy and torch of a worker from a number drawn anew for each epoch;
    mmengine's default replaces them by the same seeds in every epoch.
    """
