"""Checkpoints of which a killed run always leaves a complete one."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.runner import EpochBasedTrainLoop, Runner

from avis.engine.atomic_backend import AtomicBackend
from avis.engine.loops import validates_now
from avis.engine.sharded_state import own_part
from avis.registry import HOOKS
from avis.utils.atomic import remove_stale_parts, write_atomic

# Names of the files that a checkpoint has replaced, among the infos that it contains.
_OUTDATED = 'outdated_ckpts'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Write checkpoints under a temporary name, rename them, and only then remove older ones.

    mmengine's hook writes in place and removes the older file first: a kill in between leaves a
    truncated checkpoint or none. A run that resumes removes the files that its checkpoint has
    replaced, and validates again if the checkpoint was written right before a validation, which
    may have found the best weights. Weights that are not finite are never written. Arguments are
    those of :class:`mmengine.hooks.CheckpointHook`.
    """

    backend_args: dict[str, Any] | None
    file_backend: Any

    def before_train(self, runner: Runner) -> None:
        """Choose the file backend, and end what a killed run has begun."""
        super().before_train(runner)
        if self.backend_args is None and type(self.file_backend) is LocalBackend:
            self.backend_args = {'backend': 'atomic'}
            self.file_backend = AtomicBackend()
            if is_main_process():
                remove_stale_parts(Path(self.out_dir))
        if is_main_process():
            self._remove_outdated(runner)
        if self.save_best and runner.iter and self._is_before_validation(runner.train_loop):
            runner.logger.info('Validating again, since the run may have ended in the validation.')
            runner.val_loop.run()

    def _remove_outdated(self, runner: Runner) -> None:
        """Remove the files that the checkpoint has replaced, unless the killed run did."""
        for name in runner.message_hub.runtime_info.get(_OUTDATED, ()):
            name = Path(name).name  # a checkpoint of others must not name files elsewhere
            path = self.file_backend.join_path(self.out_dir, name)
            is_replaced = name.endswith('.pth') and not self._is_best(name)
            if is_replaced and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _is_before_validation(self, loop: Any) -> bool:
        """Whether the checkpoint with which a loop begins was written before a validation."""
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        has_validation = loop.runner.val_loop is not None
        return has_validation and by_epoch == self.by_epoch and validates_now(loop)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        check_weights(runner)
        outdated = self._keep(runner, step)
        if outdated is not None:
            runner.message_hub.update_info(_OUTDATED, [Path(outdated).name])
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_atomic(Path(runner.work_dir) / 'last_checkpoint', self.last_ckpt)
            if outdated is not None and self.file_backend.isfile(outdated):
                self.file_backend.remove(outdated)

    def _keep(self, runner: Runner, step: int) -> str | None:
        """Add a checkpoint to those that are kept; returns the path of the one it replaces."""
        if self.max_keep_ckpts <= 0 or (self.keep_ckpt_ids and self.keep_ckpt_ids[-1] == step):
            return None
        full = len(self.keep_ckpt_ids) == self.max_keep_ckpts
        oldest = self.keep_ckpt_ids[0] if full else None
        self.keep_ckpt_ids.append(step)  # a deque of that length: drops the oldest
        runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        if oldest is None:
            return None
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(oldest))

    def _save_best_checkpoint(self, runner: Runner, metrics: Mapping[str, float]) -> None:
        for name in self.save_best or ():
            if name != 'auto' and name not in metrics:
                raise ValueError(
                    f'default_hooks.checkpoint.save_best is {name!r}, but the validation reports '
                    f'{sorted(metrics)}: name one of these.'
                )
        with self._postpone_removals(runner):
            super()._save_best_checkpoint(runner, metrics)

    @contextlib.contextmanager
    def _postpone_removals(self, runner: Runner) -> Iterator[None]:
        """Postpone removals to the end of the block, and keep files that it has written again."""
        backend = self.file_backend
        postponed = _PostponedRemovals(backend, runner.message_hub)
        self.file_backend = postponed
        try:
            yield
        finally:
            self.file_backend = backend
        for path in postponed.paths:
            if not self._is_best(Path(path).name):
                backend.remove(path)

    def _is_best(self, name: str) -> bool:
        """Whether a file is the best checkpoint by one of the metrics."""
        several: Mapping[str, str] = getattr(self, 'best_ckpt_path_dict', {})
        best = (getattr(self, 'best_ckpt_path', None), *several.values())
        return name in {Path(path).name for path in best if path is not None}


class _PostponedRemovals:
    """A file backend that collects the paths to remove, and names them in the message hub."""

    def __init__(self, backend: Any, message_hub: MessageHub) -> None:
        self.backend, self.message_hub = backend, message_hub
        self.paths: list[str] = []

    def remove(self, path: str) -> None:
        self.paths.append(path)
        self.message_hub.update_info(_OUTDATED, [Path(each).name for each in self.paths])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


def check_weights(runner: Runner) -> None:
    """Raise an error for weights that are not finite, in all processes together.

    Raises:
        FloatingPointError: A weight or buffer of some process is NaN or infinite.
    """
    state = runner.model.state_dict()
    own = {name: own_part(value) for name, value in state.items()}
    broken = [
        name
        for name, value in own.items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    device = next(iter(state.values())).device if state else torch.device('cpu')
    count = torch.tensor(float(len(broken)), device=device)
    all_reduce(count)
    if count > 0:
        names = ', '.join(broken[:3]) or 'weights of another process'
        raise FloatingPointError(
            f'{names} became NaN or infinite before iteration {runner.iter + 1}; no checkpoint was '
            f'written. Resume from the last one with a lower learning rate, with '
            f'optim_wrapper.clip_grad, or without --amp.'
        )
