"""mmengine's Runner with reproducible data loading, and plain logs without a terminal."""

import contextlib
import itertools
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import MMLogger
from mmengine.logging.logger import MMFormatter
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from avis.datasets.av_dataset import AVDataset
from avis.engine.changed_settings import Change, apply_new_settings, changed_settings
from avis.engine.randomness import SeededDataset, SeededSampler, keep_worker_seeds
from avis.engine.resume import check_training_state
from avis.engine.sharded_state import gathered_state, is_fully_sharded, loads_whole_state
from avis.utils.compat.checkpoint_loading import load_file

# What classes raise for values of a config that they do not check.
WRONG_VALUES = (
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
)


class AVRunner(Runner):
    """Builds every data loader with :mod:`avis.engine.randomness`; otherwise mmengine's Runner."""

    def train(self) -> nn.Module:
        """See mmengine; worker processes of data loaders end here, as in the two methods below."""
        with self._stopping_workers():
            return super().train()

    def val(self) -> dict[str, float]:
        """See mmengine."""
        with self._stopping_workers():
            return super().val()

    def test(self) -> dict[str, float]:
        """See mmengine."""
        with self._stopping_workers():
            return super().test()

    @contextlib.contextmanager
    def _stopping_workers(self) -> Iterator[None]:
        """Stop the workers that persist: PyTorch waits 5 seconds if a garbage collection does it.

        By then it has closed the queues through which it tells the workers to end.
        """
        try:
            yield
        finally:
            for loop in (self._train_loop, self._val_loop, self._test_loop):
                loader = getattr(loop, 'dataloader', None)  # None if the loop was not built
                endless = getattr(loop, 'dataloader_iterator', None)  # of IterBasedTrainLoop
                for owner in (loader, endless):
                    stop = getattr(getattr(owner, '_iterator', None), '_shutdown_workers', None)
                    if stop is not None:
                        stop()
                if loader is not None:
                    loader._iterator = None  # a further run starts workers again

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

    def setup_env(self, env_cfg: dict) -> None:
        """See mmengine; runs that start in the same second have folders of their own."""
        super().setup_env(env_cfg)
        names = [_make_folder(Path(self.work_dir), self.timestamp) if is_main_process() else '']
        broadcast_object_list(names)
        self._timestamp = names[0]

    def build_train_loop(self, loop: Any) -> Any:
        """See mmengine; an error names the config and its key, as in the methods below."""
        with self._naming('train_cfg, train_dataloader'):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop: Any) -> Any:
        """See mmengine."""
        with self._naming('val_cfg, val_dataloader, val_evaluator'):
            return _record_errors(super().build_val_loop(loop))

    def build_test_loop(self, loop: Any) -> Any:
        """See mmengine."""
        with self._naming('test_cfg, test_dataloader, test_evaluator'):
            return _record_errors(super().build_test_loop(loop))

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """See mmengine."""
        with self._naming('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """See mmengine."""
        with self._naming('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    @contextlib.contextmanager
    def _naming(self, keys: str) -> Iterator[None]:
        try:
            yield
        except WRONG_VALUES as error:
            raise ValueError(
                f'{self.cfg.filename}: {keys}: {type(error).__name__}: {error}'
            ) from error

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate to the effective batch; mmengine ignores accumulation."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        steps = getattr(optim_wrapper, '_accumulative_counts', 1)
        if auto_scale_lr is not None and auto_scale_lr.get('enable', False) and steps > 1:
            self.logger.info('Scaling the LR by %s for as many accumulated batches.', steps)
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= steps

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume from a checkpoint; settings of the config count, see ``changed_settings``.

        Raises:
            ValueError: The content of the checkpoint is wrong; the message names it.
        """
        seed = self._randomness_cfg.get('seed')
        checkpoint = load_file(filename, 'cpu')
        text = check_training_state(checkpoint, filename).get('cfg', '')
        changes = changed_settings(text, self.cfg.pretty_text) if text else []
        single = isinstance(self.optim_wrapper, OptimWrapper)
        try:
            with loads_whole_state(self.model, self._optimizer):
                if changes and single:
                    options = {'resume_optimizer': False, 'resume_param_scheduler': False}
                    super().resume(filename, **{**kwargs, **options})
                    lines = apply_new_settings(self, checkpoint)
                    self._log_changes('The new settings count', changes, lines)
                else:
                    super().resume(filename, *args, **kwargs)
                    self._log_changes('The checkpoint overrules the new settings', changes, [])
        except (TypeError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            raise ValueError(
                f'Checkpoint {filename} cannot be resumed ({type(error).__name__}: {error}). Its '
                f'training state is of another run or damaged; to start a new run from its '
                f'weights: --cfg-options load_from={filename}'
            ) from error
        if seed is not None and seed != self._randomness_cfg.get('seed'):
            self._randomness_cfg.update(seed=seed)
            self.set_randomness(**self._randomness_cfg)

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """See mmengine; a state that the processes share is gathered in process 0 first."""
        with gathered_state(self.model, self._optimizer):
            super().save_checkpoint(*args, **kwargs)

    @property
    def _optimizer(self) -> Any:
        """The optimizer; None if there are several."""
        return getattr(self.optim_wrapper, 'optimizer', None)

    def _init_model_weights(self) -> None:
        if not is_fully_sharded(self.model):  # else initialized before
            super()._init_model_weights()

    def _log_changes(self, what: str, changes: Sequence[Change], lines: Sequence[str]) -> None:
        if changes:
            text = '; '.join([*map(str, changes), *lines])
            self.logger.warning('%s since the checkpoint was written: %s', what, text)

    def build_logger(self, log_level: int | str = 'INFO', **kwargs: Any) -> MMLogger:  # type: ignore[override]
        """Build the logger; without a terminal its lines contain no color codes."""
        logger = super().build_logger(log_level=log_level, **kwargs)
        for handler in logger.handlers:
            to_console = not isinstance(handler, logging.FileHandler)
            if to_console and not sys.stdout.isatty():
                handler.setFormatter(MMFormatter(color=False, datefmt='%m/%d %H:%M:%S'))
        return logger


def _make_folder(parent: Path, name: str) -> str:
    """Make a folder; if it exists, a number is added to its name. Returns the name."""
    for number in itertools.count():
        own = f'{name}_{number}' if number else name
        with contextlib.suppress(FileExistsError):
            (parent / own).mkdir()
            break
    return own


def _record_errors(loop: Any) -> Any:
    """Let a clip that cannot be read not end the loop; see ``check_failures``."""
    dataset = getattr(loop.dataloader.dataset, 'dataset', None)
    if isinstance(dataset, AVDataset):
        dataset.record_errors()
    return loop
