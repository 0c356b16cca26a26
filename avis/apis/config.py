"""Load a config and refuse keys that nothing reads.

mmengine accepts any key: a typo silently trains with the default. Four checks close that gap. Every
top-level name must be read by the Runner or by the config files; a variable of the base files must
not be set where it has no effect any more; every ``type`` must resolve; and every key beside a
``type`` must be an argument of that class.
"""

import difflib
import importlib
import inspect
import re
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

from avis.apis.compatibility import check_compatibility
from avis.apis.config_files import config_files, names_assigned, names_read
from avis.apis.config_overrides import apply_overrides
from avis.apis.config_values import wrong_value
from avis.apis.models import find_model

# Read by mmengine.Runner from ``runner.cfg``, besides the arguments of its constructor.
_RUNNER_EXTRAS = {
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
}
# Read before the constructor gets the other keys: name of the dict -> keys.
_BUILDER_KEYS = {
    'norm_cfg': {'requires_grad'},
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'param_scheduler': {'convert_to_iter_based'},
    'default_hooks': {'priority'},
    'custom_hooks': {'priority'},
    'train_cfg': {'by_epoch'},
}
# Last word of a key of the Runner -> the dicts below it that need a ``type``; '' is itself.
_COMPONENTS = {'model': ('',), 'dataloader': ('dataset', 'sampler')}
# A data loader is a dict without ``type``; mmengine reads these before torch's DataLoader.
_LOADER_KEYS = {'dataset', 'num_batch_per_epoch', 'disable_subprocess_warning'}


def load_config(
    path: str | Path, cfg_options: Mapping[str, Any] | None = None, *, check_types: bool = True
) -> Config:
    """Load a config, apply overrides and check every key.

    Args:
        path: Config file, pure Python; or the name or an alias of a config of avis.
        cfg_options: Overrides, dotted key to value, as from ``--cfg-options``.
        check_types: Resolve every ``type`` and check its arguments. This imports the classes;
            without it only top-level names are checked.

    Raises:
        FileNotFoundError: There is no such file or name; the message suggests a similar one.
        ValueError: The file cannot be executed, a key that nothing reads, an unknown class, or a
            value of a wrong kind; the message names file and key.
    """
    path = Path(path)
    if not path.is_file():
        path = find_model(path).config
    files = list(config_files(path))
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # whatever the code in a config raises
        raise ValueError(_describe(error, path)) from error
    options = dict(cfg_options or {})
    replaced = apply_overrides(cfg, options)
    _check_top_level(cfg, files, options)
    if check_types:
        check_config(cfg, path, replaced)
    return cfg


def check_config(cfg: Config, path: str | Path, replaced: Mapping[str, str] | None = None) -> None:
    """Check the ``type`` and the keys of every nested dict of a config; see :func:`load_config`.

    Args:
        cfg: The config.
        path: Its file, for the error messages.
        replaced: Dotted key -> previous type of the components whose ``type`` was overridden.
    """
    for key in _runner_keys() & set(cfg):
        try:
            value = cfg[key]
        except ImportError as error:
            raise ValueError(_describe_import(error, key, path)) from error
        try:
            _check(value, key, key, str(path))
            _check_component(value, key, str(path))
        except _ArgumentError as error:
            raise ValueError(f'{error}{_merge_hint(error.key, replaced or {})}') from error
    check_compatibility(cfg, path)


def _check_component(value: Any, key: str, path: str) -> None:
    """A value of the Runner has the right kind, and its components have a type."""
    from mmengine.runner import Runner

    expected = wrong_value(Runner, key, value)
    if expected:
        raise ValueError(f'{path}: {key}: expected {expected}, got {value!r}')
    for name in _COMPONENTS.get(key.rsplit('_', 1)[-1], ()):
        if not isinstance(value, dict) or (name and name not in value):
            continue
        part, dotted = (value[name], f'{key}.{name}') if name else (value, key)
        if isinstance(part, str | int | float | list | tuple | None) or (
            isinstance(part, dict) and 'type' not in part
        ):
            raise ValueError(f'{path}: {dotted}: expected a dict with a type, got {part!r}'[:300])
    hooks: Any = value if key in ('default_hooks', 'custom_hooks') else ()
    pairs: Any = hooks.items() if isinstance(hooks, dict) else enumerate(hooks or ())
    for name, hook in pairs:
        if isinstance(hook, str | int | float):
            raise ValueError(
                f'{path}: {key}.{name}: expected a dict with a type or None, got {hook!r}'
            )


class _ArgumentError(ValueError):
    """A key beside a ``type`` that is no argument of it; ``key`` is the path of their dict."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def _merge_hint(key: str, replaced: Mapping[str, str]) -> str:
    """What to do about arguments that a replaced component left behind."""
    if key not in replaced:
        return ''
    return (
        f' The override of {key}.type keeps the other arguments of {replaced[key]}; to drop them, '
        f'add {key}._delete_=True and state all arguments of the new type.'
    )


def _describe(error: Exception, path: Path) -> str:
    """One line about an error in a config file, with the line where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    names = {str(path), str(path.resolve())}
    lines = [frame.lineno for frame in frames if frame.filename in names]
    place = f'{path}:{lines[-1]}' if lines else str(path)
    if isinstance(error, AttributeError):
        return f'{place}: {error}. A key on the path to a value is misspelled.'
    return f'{place}: {type(error).__name__}: {error}'


def _describe_import(error: ImportError, key: str, path: str | Path) -> str:
    """One line about a class that cannot be imported."""
    found = re.search(r'Failed to import (\w+) from ([\w.]+) ', str(error))
    known = dir(importlib.import_module(found[2])) if found else []
    return f'{path}: {key}: {error}.' + (_suggest(found[1], known) if found else '')


def _runner_keys() -> set[str]:
    from mmengine.runner import Runner

    return (set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}) | _RUNNER_EXTRAS


def _check_top_level(cfg: Config, files: Sequence[Path], options: Mapping[str, Any]) -> None:
    """Every top-level name is an argument of the Runner or is used by the config files."""
    path = files[0]
    used = set().union(*(names_read(file) for file in files))
    known = _runner_keys()
    for key in cfg._cfg_dict.to_dict():
        value = dict.get(cfg._cfg_dict, key)
        if key == 'read_base' or isinstance(value, LazyObject | LazyAttr):
            continue
        if key not in known | used:
            raise ValueError(f'{path}: nothing reads the key {key!r}.{_suggest(key, known | used)}')
    in_bases = set().union(*(names_assigned(file) for file in files[1:]))
    late = in_bases & names_assigned(path) - names_read(path)
    late |= {key.split('.')[0] for key in options}
    for name in sorted(late - known):
        keys = ', '.join(_keys_named(name, {k: cfg[k] for k in known & set(cfg)})) or 'them'
        raise ValueError(
            f'{path}: setting the variable {name!r} has no effect, the base files have used its '
            f'value already. Set the keys made from it instead: {keys}.'
        )


def _keys_named(name: str, value: Any, above: str = '') -> Iterator[str]:
    """The dotted keys at any depth whose last part is ``name``."""
    items = dict.items(value) if isinstance(value, dict) else ()
    for key, item in items:
        if key == name and above:
            yield f'{above}.{key}'
        yield from _keys_named(name, item, f'{above}.{key}'.lstrip('.'))


def _check(value: Any, key: str, role: str, path: str) -> None:
    """Check one value; ``key`` is its dotted path, ``role`` the nearest named key above it."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f'{key}[{index}]', role, path)
    if not isinstance(value, dict):
        return
    try:
        items = list(value.items())
    except ImportError as error:
        raise ValueError(_describe_import(error, key, path)) from error
    names = {name for name, _ in items}
    if 'type' in names:
        _check_arguments(value, names - {'type'}, key, role, path)
    elif role.endswith('_dataloader') and key == role:
        _check_loader(value, names, key, path)
    for name, item in items:
        inherits_role = role in ('default_hooks', 'custom_hooks') and key == role
        _check(item, f'{key}.{name}', role if inherits_role else str(name), path)


def _check_arguments(
    value: dict[str, Any], names: set[str], key: str, role: str, path: str
) -> None:
    """Compare the keys beside a ``type`` with the arguments of that class or function."""
    kind = value['type']
    if kind is None or isinstance(kind, int | float | list | dict):
        raise ValueError(f'{path}: {key}.type: expected a class or its name, got {kind!r}')
    target = resolve_type(kind, key, path) if isinstance(kind, str) else kind
    arguments = _arguments(target)
    if arguments is None:
        return
    known = arguments | _BUILDER_KEYS.get(role, set())
    if 'optimizer_type' in names:
        known |= _inner_arguments(value['optimizer_type'])
    for name in sorted(names - known):
        message = f'{path}: {key}.{name}: {target.__name__} has no argument {name!r}.'
        raise _ArgumentError(message + _suggest(name, known), key)
    for name in sorted(names):
        expected = wrong_value(target, name, value[name])
        if expected:
            raise ValueError(f'{path}: {key}.{name}: expected {expected}, got {value[name]!r}')


def _check_loader(value: dict[str, Any], names: set[str], key: str, path: str) -> None:
    from torch.utils.data import DataLoader

    known = set(inspect.signature(DataLoader.__init__).parameters) | _LOADER_KEYS
    for name in sorted(names - known):
        raise ValueError(
            f'{path}: {key}.{name}: DataLoader has no argument {name!r}.{_suggest(name, known)}'
        )
    for name in sorted(names - {'dataset', 'sampler', 'batch_sampler'}):
        expected = wrong_value(DataLoader, name, value[name])
        if expected:
            raise ValueError(f'{path}: {key}.{name}: expected {expected}, got {value[name]!r}')


def _arguments(target: Any) -> set[str] | None:
    """Names a callable accepts; None if it takes any."""
    defaults = argument_defaults(target)
    return None if defaults is None else set(defaults)


def _inner_arguments(optimizer: str) -> set[str]:
    """Names that ZeroRedundancyOptimizer passes on to an optimizer of torch."""
    from torch import optim

    inner = getattr(optim, str(optimizer), None)
    return set() if inner is None else _arguments(inner) or set()


def argument_defaults(target: Any) -> dict[str, Any] | None:
    """The arguments of a class or function and their defaults.

    Args:
        target: A class, whose ``**kwargs`` are followed up its parents, or a function.

    Returns:
        Argument -> default, :data:`inspect.Parameter.empty` if it has none; None for a callable
        that accepts any argument.
    """
    if not inspect.isclass(target):
        return _named(inspect.signature(target))
    defaults: dict[str, Any] = {}
    for cls in target.__mro__:
        if '__init__' not in vars(cls) or cls is object:
            continue
        signature = inspect.signature(vars(cls)['__init__'])
        own = {
            p.name: p.default for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD
        }
        defaults = {**own, **defaults}
        if _named(signature) is not None:
            return defaults
    return defaults or None


def _named(signature: inspect.Signature) -> dict[str, Any] | None:
    """Argument -> default of one signature; None if it has ``**kwargs``."""
    parameters = signature.parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name: parameter.default for parameter in parameters}


def resolve_type(name: str, key: str, path: str) -> Any:
    """Find the class behind a string in the registries under the scope ``avis``.

    Args:
        name: Value of a ``type``.
        key: Dotted key of its dict, for the error message.
        path: Config file, for the error message.

    Raises:
        ValueError: No registry has the name.
    """
    import mmdet.registry
    import mmengine.registry
    from mmengine.registry import Registry

    import avis.registry

    modules = (avis.registry, mmdet.registry, mmengine.registry)
    registries = [r for module in modules for r in vars(module).values() if isinstance(r, Registry)]
    for registry in registries:
        target = registry.get(name)
        if target is not None:
            return target
    known = {k for registry in registries for k in registry.module_dict}
    raise ValueError(f'{path}: {key}.type: no class {name!r} is registered.{_suggest(name, known)}')


def _suggest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f' Did you mean {close[0]!r}?' if close else ''
