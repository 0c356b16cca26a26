"""Checkpoints of which a killed run always leaves a complete one."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from avis.engine.atomic_backend import AtomicBackend
from avis.engine.sharded_state import own_part
from avis.registry import HOOKS
from avis.utils.atomic import remove_stale_parts, write_atomic


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Write checkpoints under a temporary name, rename them, and only then remove older ones.

    mmengine's hook writes in place and removes the older file first: a kill in between leaves a
    truncated checkpoint or none. Weights that are not finite are never written. Arguments are
    those of :class:`mmengine.hooks.CheckpointHook`.
    """

    backend_args: dict[str, Any] | None
    file_backend: Any

    def before_train(self, runner: Runner) -> None:
        """Choose the file backend and remove the incomplete files of a killed run."""
        super().before_train(runner)
        if self.backend_args is None and type(self.file_backend) is LocalBackend:
            self.backend_args = {'backend': 'atomic'}
            self.file_backend = AtomicBackend()
            if is_main_process():
                remove_stale_parts(Path(self.out_dir))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        check_weights(runner)
        outdated = self._keep(runner, step)
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
        with self._postpone_removals():
            super()._save_best_checkpoint(runner, metrics)

    @contextlib.contextmanager
    def _postpone_removals(self) -> Iterator[None]:
        """Postpone removals to the end of the block, and keep files that it has written again."""
        backend = self.file_backend
        postponed = _PostponedRemovals(backend)
        self.file_backend = postponed
        try:
            yield
        finally:
            self.file_backend = backend
        best = {
            getattr(self, 'best_ckpt_path', None),
            *getattr(self, 'best_ckpt_path_dict', {}).values(),
        }
        for path in postponed.paths:
            if path not in best:
                backend.remove(path)


class _PostponedRemovals:
    """A file backend that collects the paths to remove."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.paths: list[str] = []

    def remove(self, path: str) -> None:
        self.paths.append(path)

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
