"""Randomness that depends on seed, step and sample, never on processes, workers or a restart.

The augmentation of a sample is drawn from (run seed, pass over the data, index in the data set):
the sampler yields indices with these numbers, and the data set seeds with them. Because they are
part of the index, prefetching and persistent workers cannot mix up two epochs. Losses that sample
at random for a clip use the same numbers, from its data sample. Other random numbers of a model
(dropout) depend on (run seed, iteration, rank), see
:class:`~avis.engine.hooks.seed_hook.SeedHook`.
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
    """Hash several non-negative numbers to one 32-bit seed.

    >>> derive_seed(1, 2) == derive_seed(1, 2), derive_seed(1, 2) == derive_seed(2, 1)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextlib.contextmanager
def fixed_randomness(*numbers: int) -> Iterator[None]:
    """Seed Python, NumPy and torch (CPU) with ``numbers`` within the block, then restore them.

    CUDA generators are not changed: data pipelines run on the CPU, often in forked workers.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    seed = derive_seed(*numbers)
    random.seed(seed)
    # Transforms, those of mmcv included, draw from NumPy's global state.
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


class SampleIndex(int):
    """An index into a data set together with the seed of its sample.

    Args:
        index: The index.
        seed: Numbers that determine the sample: run seed, pass over the data, index.
    """

    seed: tuple[int, ...]

    def __new__(cls, index: int, seed: tuple[int, ...]) -> 'SampleIndex':
        """Create the integer, and set its seed."""
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> tuple[int, tuple[int, ...]]:  # type: ignore[override]
        """Return the arguments that rebuild the index in a worker process."""
        return int(self), self.seed


class SeededSampler(Sampler):
    """Wraps any sampler, and converts its indices to :class:`SampleIndex`.

    Args:
        dataset: Data set to sample from.
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
        # set_epoch is not called for endless samplers: their pass follows from the position.
        size = max(len(self.dataset), 1)  # type: ignore[arg-type]
        for position, index in enumerate(self.sampler):
            if not isinstance(index, int):  # samplers of other projects may yield tuples
                yield index
                continue
            data_pass = self.epoch
            if not getattr(self.sampler, 'one_pass', False):
                step = position * self.world_size + self.rank
                data_pass += step if getattr(self.sampler, 'repeats', False) else step // size
            yield SampleIndex(index, (self.seed, data_pass, index))

    def __len__(self) -> int:
        return len(self.sampler)

    def set_epoch(self, epoch: int) -> None:
        """Start pass number ``epoch``; the wrapped sampler shuffles for it."""
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)


class SeededDataset(Dataset):
    """Wraps any data set; a :class:`SampleIndex` determines all random numbers of its pipeline.

    The data sample gets the numbers as metainfo ``seed``, for what the model samples at random for
    a clip (points of its masks).

    Args:
        dataset: Data set or its config.
    """

    def __init__(self, *, dataset: Any) -> None:
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
            if hasattr(dataset, 'full_init'):
                dataset.full_init()
        if not len(dataset):  # a loop over no clips would divide by zero
            raise ValueError(
                f'{type(dataset).__name__}: expected at least one clip, got none; check its '
                f'annotations and split'
            )
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
        """Return other attributes (``metainfo``, ``record``, ...) of the wrapped data set."""
        if name == 'dataset':  # not set yet while a worker unpickles the wrapper
            raise AttributeError(name)
        return getattr(self.dataset, name)


def keep_worker_seeds(worker_id: int) -> None:
    """Keep the seeds of a data loading worker as torch has set them.

    torch seeds Python, NumPy and torch of a worker with a number that is drawn for each epoch;
    the default of mmengine replaces them by the same seeds in every epoch.
    """
