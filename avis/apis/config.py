"""Load a config and refuse what nobody would read.

mmengine accepts any key: a typo silently trains with the default. Three checks close that. Every
top-level name must be read by the Runner or by the config itself; every ``type`` must resolve;
and every key beside a ``type`` must be an argument of that class.
"""

import ast
import difflib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

# Read by mmengine.Runner from ``runner.cfg``, besides the arguments of its constructor.
_RUNNER_EXTRAS = {
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
}
# Read by whoever builds the object, before its constructor sees the rest: key of the dict -> names.
_BUILDER_KEYS = {
    'norm_cfg': {'requires_grad'},
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'param_scheduler': {'convert_to_iter_based'},
    'default_hooks': {'priority'},
    'custom_hooks': {'priority'},
    'train_cfg': {'by_epoch'},
}
# A data loader is a dict without ``type``; mmengine reads these before torch's DataLoader.
_LOADER_KEYS = {'dataset', 'num_batch_per_epoch', 'disable_subprocess_warning'}


def load_config(
    path: str | Path, cfg_options: Mapping[str, Any] | None = None, *, check_types: bool = True
) -> Config:
    """Load a config file, apply overrides and check every key.

    Args:
        path: Config file, pure Python.
        cfg_options: Overrides, dotted key to value, as from ``--cfg-options``.
        check_types: Resolve every ``type`` and check its arguments. This imports the classes;
            without it only top-level names are checked.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: A key that nobody reads, an unknown class, or a broken path to a value; the
            message names file and key.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'Config {path} does not exist.')
    try:
        cfg = Config.fromfile(path)
    except AttributeError as error:
        raise ValueError(f'{path}: {error}. A path to a value is misspelt.') from error
    if cfg_options:
        cfg.merge_from_dict(dict(cfg_options))
    _check_top_level(cfg, path)
    if check_types:
        check_config(cfg, path)
    return cfg


def check_config(cfg: Config, path: str | Path) -> None:
    """Check the ``type`` and the keys of every nested dict of a config; see :func:`load_config`."""
    for key in _runner_keys() & set(cfg):
        try:
            value = cfg[key]
        except ImportError as error:
            raise ValueError(f'{path}: {key}: {error}') from error
        _check(value, key, key, str(path))


def _runner_keys() -> set[str]:
    from mmengine.runner import Runner

    return (set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}) | _RUNNER_EXTRAS


def _check_top_level(cfg: Config, path: Path) -> None:
    """Every top-level name is an argument of the Runner or is used by the config files."""
    used = set().union(*(_names_read(file) for file in _config_files(path)))
    known = _runner_keys()
    for key in cfg._cfg_dict.to_dict():
        value = dict.get(cfg._cfg_dict, key)
        if key == 'read_base' or isinstance(value, LazyObject | LazyAttr):
            continue
        if key not in known | used:
            raise ValueError(f'{path}: nobody reads the key {key!r}.{_suggest(key, known | used)}')


def _config_files(path: Path) -> Iterator[Path]:
    """The file and all it inherits from by ``with read_base()``."""
    yield path
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.With) and 'read_base' in ast.dump(node.items[0]):
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module and line.level:
                    base = path.resolve().parents[line.level - 1].joinpath(*line.module.split('.'))
                    yield from _config_files(base.with_suffix('.py'))


def _names_read(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


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
        raise ValueError(f'{path}: {key}: {error}') from error
    names = {name for name, _ in items}
    if 'type' in names:
        _check_arguments(value['type'], names - {'type'}, key, role, path)
    elif role.endswith('_dataloader') and key == role:
        _check_loader(names, key, path)
    for name, item in items:
        inherits_role = role in ('default_hooks', 'custom_hooks') and key == role
        _check(item, f'{key}.{name}', role if inherits_role else str(name), path)


def _check_arguments(kind: Any, names: set[str], key: str, role: str, path: str) -> None:
    """Compare the keys beside a ``type`` with the arguments of that class or function."""
    target = _resolve(kind, key, path) if isinstance(kind, str) else kind
    arguments = _arguments(target)
    if arguments is None:
        return
    known = arguments | _BUILDER_KEYS.get(role, set())
    for name in sorted(names - known):
        raise ValueError(
            f'{path}: {key}.{name}: {target.__name__} has no argument {name!r}.'
            f'{_suggest(name, known)}'
        )


def _check_loader(names: set[str], key: str, path: str) -> None:
    from torch.utils.data import DataLoader

    known = set(inspect.signature(DataLoader.__init__).parameters) | _LOADER_KEYS
    for name in sorted(names - known):
        raise ValueError(f'{path}: {key}.{name}: no such option.{_suggest(name, known)}')


def _arguments(target: Any) -> set[str] | None:
    """Names a callable accepts, following ``**kwargs`` up the parents; None if it takes any."""
    if not inspect.isclass(target):
        parameters = inspect.signature(target).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        return None if takes_any else set(parameters)
    names: set[str] = set()
    for cls in target.__mro__:
        if '__init__' not in vars(cls) or cls is object:
            continue
        parameters = inspect.signature(vars(cls)['__init__']).parameters
        names |= {n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return names
    return names if names else None


def _resolve(name: str, key: str, path: str) -> Any:
    """Find the class behind a string in the registries under the scope ``avis``."""
    import mmdet.registry
    import mmengine.registry
    from mmengine.registry import Registry

    import avis.registry

    rooms = (avis.registry, mmdet.registry, mmengine.registry)
    registries = [r for room in rooms for r in vars(room).values() if isinstance(r, Registry)]
    for registry in registries:
        target = registry.get(name)
        if target is not None:
            return target
    known = {k for registry in registries for k in registry.module_dict}
    raise ValueError(f'{path}: {key}.type: no class {name!r} is registered.{_suggest(name, known)}')


def _suggest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f' Did you mean {close[0]!r}?' if close else ''
