"""Resume a run whose optimizer or schedule was changed since its checkpoint.

mmengine overwrites both with the state in the checkpoint, so that a new learning rate would be
ignored. Here the settings of the config count: the optimizer keeps its moments, if they fit, and
the schedule continues as if the run had started with the new settings.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler.param_scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import EpochBasedTrainLoop

# The state in the checkpoint overwrites what is made from these keys; other keys always count.
_OVERWRITTEN = (
    'optim_wrapper.optimizer.',
    'optim_wrapper.paramwise_cfg',
    'optim_wrapper.constructor',
    'param_scheduler',
    'auto_scale_lr.',
)


class Change(NamedTuple):
    """A setting with another value: its dotted key, the value in the checkpoint, the value now."""

    key: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f'{self.key}: {_shown(self.before)} -> {_shown(self.now)}'


def _shown(value: Any) -> str:
    return 'not set' if value is _MISSING else repr(value)


_MISSING = object()


def changed_settings(before: str, now: str) -> list[Change]:
    """Compare the settings of optimizer and schedule in two config texts.

    Args:
        before: Config in the checkpoint, as mmengine writes it; parsed, not executed.
        now: Config of this run, likewise.

    Returns:
        The changes; empty if one of the texts cannot be parsed.
    """
    try:
        old, new = (dict(_leaves(_parse(text))) for text in (before, now))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    keys = [key for key in {**old, **new} if key.startswith(_OVERWRITTEN)]
    pairs = [Change(key, old.get(key, _MISSING), new.get(key, _MISSING)) for key in keys]
    return [change for change in pairs if change.before != change.now]


def _parse(text: str) -> dict[str, Any]:
    """The top-level variables of a config text."""
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): _value(node.value) for node in nodes}


def _value(node: ast.expr) -> Any:
    """The value of a literal, of ``dict(...)`` and of containers of them; else its source."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict' and not node.args:
        return {str(word.arg): _value(word.value) for word in node.keywords}
    if isinstance(node, ast.Dict):
        keys = [None if key is None else ast.unparse(key) for key in node.keys]
        return dict(zip(map(str, keys), map(_value, node.values), strict=True))
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _leaves(value: Any, above: str = '') -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of the innermost settings."""
    if isinstance(value, dict) and value:
        items: Any = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)
    else:
        yield above, value
        return
    for key, item in items:
        yield from _leaves(item, f'{above}.{key}' if above else str(key))


def apply_new_settings(runner: Any, checkpoint: Mapping[str, Any]) -> list[str]:
    """Load the optimizer state and advance the schedule of a runner with changed settings.

    Args:
        runner: A runner that has built optimizer and schedulers, and has resumed its epoch and
            iteration, but neither of both.
        checkpoint: Content of the checkpoint.

    Returns:
        What could not be resumed, one line each.
    """
    wrapper: OptimWrapper = runner.optim_wrapper
    groups = [
        {key: copy.deepcopy(value) for key, value in group.items() if key != 'params'}
        for group in wrapper.param_groups
    ]
    lines = []
    saved = checkpoint['optimizer']
    if _fits(wrapper, saved):
        base = getattr(wrapper, 'base_param_settings', None)
        wrapper.load_state_dict(copy.deepcopy(saved))
        if base is not None:
            wrapper.base_param_settings = base
        for group, settings in zip(wrapper.param_groups, groups, strict=True):
            group.update(settings)
    else:
        lines.append(
            f'{type(wrapper.optimizer).__name__} starts without the moments of the checkpoint: '
            f'they are of another optimizer or of other parameter groups.'
        )
    return lines + _advance(runner, checkpoint)


def _fits(wrapper: OptimWrapper, saved: Mapping[str, Any]) -> bool:
    """Whether a saved state is of the same kind of optimizer and of the same parameters."""
    names = [
        [
            (len(group['params']), set(group) - {'initial_lr', 'initial_momentum'})
            for group in groups
        ]
        for groups in (wrapper.optimizer.param_groups, saved['param_groups'])
    ]
    return names[0] == names[1]


def _advance(runner: Any, checkpoint: Mapping[str, Any]) -> list[str]:
    """Step all schedulers as often as the run would have done up to here."""
    schedulers = runner.param_schedulers or []
    plateau = [s for s in schedulers if isinstance(s, ReduceOnPlateauParamScheduler)]
    by_epoch = [s for s in schedulers if s.by_epoch and s not in plateau]
    by_iteration = [s for s in schedulers if not s.by_epoch and s not in plateau]
    runner.optim_wrapper._global_step = 0  # else mmengine warns that no step came before
    loop = runner.train_loop
    if isinstance(loop, EpochBasedTrainLoop):
        rounds, iterations = loop.epoch, len(loop.dataloader)
    else:
        rounds, iterations, by_epoch = 1, loop.iter, []
    for _ in range(rounds):
        for _ in range(iterations):
            for scheduler in by_iteration:
                scheduler.step()
        for scheduler in by_epoch:
            scheduler.step()
    return [f'{type(s).__name__} starts anew: its past metrics are not stored.' for s in plateau]
