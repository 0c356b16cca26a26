"""Several data sets to train on together, each with a share of the clips."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset

from avis.registry import DATASETS


@DATASETS.register_module()
class MixedDataset(ConcatDataset):
    """Several data sets as one, for :class:`~avis.datasets.samplers.mixed_sampler.MixedSampler`.

    Args:
        datasets: Data sets or their configs by name. The classes are those of the last one.
        shares: Share of the clips by name of the data set; any positive scale.

    Raises:
        ValueError: The names differ, or a share is not positive.
    """

    def __init__(self, *, datasets: Mapping[str, Any], shares: Mapping[str, float]) -> None:
        if set(datasets) != set(shares) or any(share <= 0 for share in shares.values()):
            raise ValueError(
                f'MixedDataset: expected a positive share for each of {list(datasets)}, got '
                f'{dict(shares)}'
            )
        self.parts: list[Any] = [
            DATASETS.build(part) if isinstance(part, dict) else part for part in datasets.values()
        ]
        super().__init__(self.parts)
        self.shares = np.array([shares[name] for name in datasets], np.float64)

    @property
    def metainfo(self) -> dict[str, Any]:
        """Metadata of the last data set."""
        metainfo: dict[str, Any] = self.parts[-1].metainfo
        return metainfo

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return the record of a clip."""
        part = int(np.searchsorted(self.cumulative_sizes, index, side='right'))
        start = self.cumulative_sizes[part] - len(self.parts[part])
        record: dict[str, Any] = self.parts[part].get_data_info(index - start)
        return record


def parts_of(cfg: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Configs of the data sets that a config of a data set contains, by name.

    The name of a single one, also within a wrapper such as ``RepeatDataset``, is empty.
    """
    while 'dataset' in cfg:
        cfg = cfg['dataset']
    if isinstance(cfg.get('datasets'), Mapping):
        return {
            f'{name} {inner}'.strip(): part
            for name, wrapped in cfg['datasets'].items()
            for inner, part in parts_of(wrapped).items()
        }
    return {'': cfg}


def parts_of_splits(
    cfg: Mapping[str, Any], splits: Sequence[str] | None = None
) -> dict[str, Mapping[str, Any]]:
    """Configs of the data sets of a whole config, by split, and by name if a split has several.

    Args:
        cfg: A config with ``train_dataloader`` and so on.
        splits: Some of 'train', 'val' and 'test'; None for all that the config has.

    Raises:
        ValueError: The config has no data loader for a split.
    """
    known = [split for split in ('train', 'val', 'test') if cfg.get(f'{split}_dataloader')]
    for split in splits or known:
        if split not in known:
            raise ValueError(
                f'the config has no {split}_dataloader: it has data loaders for {known}, not for '
                f'{split!r}'
            )
    return {
        f'{split} {name}'.strip(): part
        for split in splits or known
        for name, part in parts_of(cfg[f'{split}_dataloader']['dataset']).items()
    }
