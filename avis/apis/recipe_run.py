"""What mmengine makes of a config: parameters, optimizer groups, learning rates, validations.

Read from the built objects instead of the config, so that multipliers, defaults and loops count as
they act. Weights are neither initialized nor read, which takes 0.1 s and 20 MB for Swin-L.
"""

import contextlib
import copy
import logging
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

Rows = dict[str, Any]
_INITIALIZERS = {'uniform_', 'normal_', 'erfinv_'}
_MAX_CHANGES = 5


class _WithoutInitialization(TorchFunctionMode):
    """Skip the functions that draw weights: their memory is never touched."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        named = getattr(func, '__name__', '') in _INITIALIZERS
        if named or getattr(func, '__module__', '') == 'torch.nn.init':
            return args[0] if args else kwargs['tensor']
        return func(*args, **kwargs)


def built_rows(cfg: Config) -> tuple[Rows, Rows]:
    """Build the model and its optimizer.

    Returns:
        Rows on the model (parameters, frozen parts, batch norms) and on the optimizer: its groups,
        one per combination of learning rate and weight decay, with their numbers of parameters.
    """
    from mmengine.optim import build_optim_wrapper

    from avis.registry import MODELS

    init_default_scope(cfg.get('default_scope', 'avis'))
    with _quiet(), _WithoutInitialization():
        model = MODELS.build(copy.deepcopy(cfg.model))
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    model.train()
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    rows = {
        'trained parameters': trained,
        'frozen': list(_frozen(model)),
        'batch norm': _batch_norms(model) or 'none',
    }
    return rows, {'parameter groups': _groups(wrapper.optimizer)}


def _groups(optimizer: torch.optim.Optimizer) -> list[Rows]:
    """Groups by learning rate and weight decay, the highest first, without frozen parameters."""
    counts: Counter = Counter()
    for group in optimizer.param_groups:
        trained = sum(weight.numel() for weight in group['params'] if weight.requires_grad)
        counts[group['lr'], group['weight_decay']] += trained
    return [
        {'lr': lr, 'weight_decay': decay, 'parameters': count}
        for (lr, decay), count in sorted(counts.items(), reverse=True)
        if count
    ]


def _frozen(module: nn.Module, path: str = '') -> Iterator[str]:
    """The outermost modules without trained parameters; batch norms have a row of their own."""
    weights = list(module.parameters())
    if not weights or isinstance(module, _BatchNorm):
        return
    if not any(weight.requires_grad for weight in weights):
        yield path or 'model'
        return
    for name, weight in module.named_parameters(recurse=False):
        if not weight.requires_grad:
            yield f'{path}.{name}'.lstrip('.')
    for name, child in module.named_children():
        yield from _frozen(child, f'{path}.{name}'.lstrip('.'))


def _batch_norms(model: nn.Module) -> dict[str, str]:
    """Component of the model -> how its batch norms work in training."""
    modes: dict[str, set[str]] = {}
    for path, module in model.named_modules():
        if isinstance(module, _BatchNorm):
            statistics = 'batch statistics' if module.training else 'fixed statistics'
            affine = all(weight.requires_grad for weight in module.parameters())
            mode = f'{statistics}, {"trained" if affine else "fixed"} weights'
            modes.setdefault(path.split('.')[0], set()).add(mode)
    return {name: ' or '.join(sorted(found)) for name, found in modes.items()}


def learning_rates(cfg: Config, lr: float) -> list[float] | None:
    """Let the schedulers run, and record the learning rate of each iteration, or of each epoch.

    Args:
        cfg: A config with a training loop.
        lr: Learning rate of a group at the start.

    Returns:
        One value per iteration of an iteration-based run, else one per epoch; None if that depends
        on the number of iterations in an epoch.
    """
    from mmengine.registry import PARAM_SCHEDULERS

    by_epoch = 'max_epochs' in cfg.train_cfg
    schedulers = cfg.get('param_scheduler') or []
    if by_epoch and any(
        not scheduler.get('by_epoch', True) or scheduler.get('convert_to_iter_based')
        for scheduler in schedulers
    ):
        return None
    length = cfg.train_cfg.max_epochs if by_epoch else cfg.train_cfg.max_iters
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    built = [
        PARAM_SCHEDULERS.build(copy.deepcopy(scheduler), default_args={'optimizer': optimizer})
        for scheduler in schedulers
        if scheduler.get('by_epoch', True) == by_epoch
    ]
    optimizer.step()  # else the schedulers warn
    rates = []
    for _ in range(length):
        rates.append(float(optimizer.param_groups[0]['lr']))
        for scheduler in built:
            scheduler.step()
    return rates


def learning_rate(cfg: Config) -> dict[int, float] | None:
    """First iteration or epoch (from 0) -> learning rate from there on, of the largest group.

    Where it changes all the time, only a few values are returned.
    """
    rates = learning_rates(cfg, cfg.optim_wrapper.optimizer['lr'])
    if rates is None:
        return None
    changes = {
        step: rate for step, rate in enumerate(rates) if step == 0 or rate != rates[step - 1]
    }
    if len(changes) > _MAX_CHANGES:
        last = len(rates) - 1
        steps = [round(last * part / (_MAX_CHANGES - 1)) for part in range(_MAX_CHANGES)]
        changes = {step: rates[step] for step in steps}
    return {step: float(f'{rate:.6g}') for step, rate in changes.items()}


class _NoData:
    """Batches for a loop that does nothing with them."""

    dataset = SimpleNamespace(metainfo={})

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[None]:
        return iter([None] * self.length)


def validations(cfg: Config) -> list[int]:
    """Run the training loop without a model, and record when it validates.

    Returns:
        Numbers of finished epochs or iterations.
    """
    from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

    points: list[int] = []
    loop: Any = None
    settings = dict(cfg.train_cfg)
    by_epoch = 'max_epochs' in settings
    settings.pop('by_epoch', None)
    make_loop = settings.pop('type', EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop)
    model = SimpleNamespace(train=_nothing, train_step=_nothing)
    runner = SimpleNamespace(
        call_hook=_nothing,
        model=model,
        optim_wrapper=None,
        visualizer=SimpleNamespace(),
        val_loop=SimpleNamespace(run=lambda: points.append(loop.epoch if by_epoch else loop.iter)),
    )
    loop = make_loop(runner, _NoData(1 if by_epoch else settings['max_iters']), **settings)
    loop.run()
    return points


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Stand-in for hooks and training steps."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what mmengine logs about each parameter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
