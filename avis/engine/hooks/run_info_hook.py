"""Log everything that is needed to repeat a run."""

import contextlib
import functools
import importlib.metadata
import subprocess
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

import avis
from avis.engine.effective_batch import EffectiveBatch, batch_warning
from avis.engine.model_parts import count_parameters, parameter_lines
from avis.registry import HOOKS

PACKAGES = ('mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'torchaudio', 'numpy')


@HOOKS.register_module()
class RunInfoHook(Hook):
    """Log versions, seed and effective batch at the start; write the versions into checkpoints.

    A training logs the parameters of each part of the model, and which are trained.

    A warning follows if the effective batch of training is not ``auto_scale_lr.base_batch_size``
    and the learning rate is not scaled.

    mmengine itself logs the machine, torch and the whole config.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Log once per run of training or testing."""
        versions = ', '.join(f'{name} {version}' for name, version in package_versions().items())
        runner.logger.info('Versions: %s', versions)
        backend = torch.distributed.get_backend() if runner.world_size > 1 else 'one process'
        runner.logger.info('Seed %s, %s process(es) (%s)', runner.seed, runner.world_size, backend)
        training = isinstance(runner._train_loop, BaseLoop)
        loop = runner._train_loop if training else runner._test_loop or runner._val_loop
        if training:
            module = runner.model.module if is_model_wrapper(runner.model) else runner.model
            lines = parameter_lines(count_parameters(module))
            runner.logger.info('Parameters:\n%s', '\n'.join(lines))
        if not isinstance(loop, BaseLoop):
            return
        steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1) if training else 1
        batch = EffectiveBatch(batch_size(loop.dataloader), runner.world_size, steps)
        scaling = runner.auto_scale_lr or {}
        base = scaling.get('base_batch_size') if training else None
        published = '' if base is None else f'; the config is for {base}'
        runner.logger.info('Effective batch %s%s', batch, published)
        if base is not None and not scaling.get('enable', False):
            warning = batch_warning(batch, base)
            if warning is not None:
                runner.logger.warning(warning)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write the versions into the checkpoint, beside mmengine's own."""
        checkpoint['meta']['versions'] = dict(package_versions())


def batch_size(dataloader: Any) -> int:
    """Samples per batch of one process."""
    return getattr(dataloader.batch_sampler, 'batch_size', None) or dataloader.batch_size


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions of avis (with its commit, if it runs from a clone) and of its main dependencies."""
    commit = git_commit(Path(avis.__file__).parent)
    versions = {'avis': avis.__version__ + (f'+{commit}' if commit else '')}
    versions['torch'] = str(torch.__version__)
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def git_commit(folder: Path) -> str | None:
    """Short commit of a folder under git, with ``-dirty`` if tracked files were changed."""

    def git(*arguments: str) -> str:
        command = ['git', '-C', str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        # Fails if the repository is another one, around site-packages.
        git('ls-files', '--error-unmatch', '__init__.py')
        dirty = git('status', '--porcelain', '--untracked-files=no', '.')
        return git('rev-parse', '--short', 'HEAD') + ('-dirty' if dirty else '')
    except (OSError, subprocess.SubprocessError):
        return None
