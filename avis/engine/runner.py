"""mmengine's Runner with reproducible data loading, and plain logs without a terminal."""

import logging
import sys
from typing import Any

from mmengine.logging import MMLogger
from mmengine.logging.logger import MMFormatter
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from avis.engine.randomness import SeededDataset, SeededSampler, keep_worker_seeds


class AVRunner(Runner):
    """Builds every data loader with :mod:`avis.engine.randomness`; otherwise mmengine's Runner."""

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader whose samples do not depend on the number of processes or workers."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        wrapped = {
            'worker_init_fn': {'type': keep_worker_seeds},
            **dataloader,
            'dataset': {'type': SeededDataset, 'dataset': dataloader['dataset']},
            'sampler': {'type': SeededSampler, 'sampler': dataloader['sampler']},
        }
        if not wrapped.get('num_workers'):  # torch raises an error for it without workers
            wrapped['persistent_workers'] = False
        return Runner.build_dataloader(wrapped, seed, diff_rank_seed)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate to the effective batch; mmengine ignores accumulation."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        steps = getattr(optim_wrapper, '_accumulative_counts', 1)
        if auto_scale_lr is not None and auto_scale_lr.get('enable', False) and steps > 1:
            self.logger.info('Scaling the LR by %s for as many accumulated batches.', steps)
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= steps

    def build_logger(self, log_level: int | str = 'INFO', **kwargs: Any) -> MMLogger:  # type: ignore[override]
        """Build the logger; without a terminal its lines contain no color codes."""
        logger = super().build_logger(log_level=log_level, **kwargs)
        for handler in logger.handlers:
            to_console = not isinstance(handler, logging.FileHandler)
            if to_console and not sys.stdout.isatty():
                handler.setFormatter(MMFormatter(color=False, datefmt='%m/%d %H:%M:%S'))
        return logger
