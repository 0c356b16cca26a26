"""Overrides of a config by dotted keys, as from ``--cfg-options``."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

_NOTHING = object()


def apply_overrides(cfg: Config, options: Mapping[str, Any]) -> dict[str, str]:
    """Merge overrides into a config.

    A dict below a key whose value is None replaces the None.

    Args:
        cfg: The config, changed in place.
        options: Dotted key -> value.

    Returns:
        The components whose ``type`` was replaced while their other arguments stay: dotted key ->
        name of the previous type.

    Raises:
        ValueError: Text for a number or a flag, or a path through a value that has no such key.
    """
    merged: dict[str, Any] = {}
    replaced = {}
    for key, value in options.items():
        _check_path(cfg, key)
        _check_value(key, value, _lookup(cfg, key))
        for parent in _parents(key):
            if _lookup(cfg, parent) is None:
                merged[f'{parent}._delete_'] = True
        merged[key] = value
        component = key.removesuffix('.type')
        before = _lookup(cfg, key)
        if component != key and before is not _NOTHING and before != value:
            replaced[component] = getattr(before, '__name__', str(before))
    try:
        cfg.merge_from_dict(merged)
    except RecursionError as error:
        raise ValueError(f'--cfg-options {" ".join(options)}: nested too deeply') from error
    except Exception as error:  # whatever mmengine's merge raises
        raise ValueError(f'--cfg-options {" ".join(options)}: {error}') from error
    return {key: kind for key, kind in replaced.items() if not options.get(f'{key}._delete_')}


def _check_path(cfg: Config, key: str) -> None:
    """Refuse a key through a value that has no keys, or through a list without this index."""
    value: Any = cfg
    parts = key.split('.')
    for depth, part in enumerate(parts):
        above = '.'.join(parts[:depth])
        if not part:
            raise ValueError(f'--cfg-options {key}: expected a name between the dots')
        if isinstance(value, list | tuple):
            if not part.isdecimal() or int(part) >= len(value):
                raise ValueError(
                    f'--cfg-options {key}: expected an index below {len(value)} after {above!r}, '
                    f'got {part!r}'
                )
            value = value[int(part)]
        elif isinstance(value, dict | Config):
            value = value.get(part)
        elif value is not None:
            raise ValueError(f'--cfg-options {key}: {above!r} is {value!r}, which has no keys')


def _check_value(key: str, value: Any, before: Any) -> None:
    """Refuse text where a number or a flag is: every such value would fail far from its key."""
    if isinstance(before, bool | int | float) and isinstance(value, str):
        expected = 'True or False' if isinstance(before, bool) else 'a number'
        raise ValueError(
            f'--cfg-options {key}: expected {expected}, got {value!r} (now {before!r})'
        )


def _parents(key: str) -> list[str]:
    """The dotted keys above a key: ``a`` and ``a.b`` for ``a.b.c``."""
    parts = key.split('.')
    return ['.'.join(parts[:end]) for end in range(1, len(parts))]


def _lookup(cfg: Config, key: str) -> Any:
    """The value at a dotted key, ``_NOTHING`` if there is no such key."""
    value: Any = cfg
    for part in key.split('.'):
        if isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict | Config) and part in value:
            value = value[part]
        else:
            return _NOTHING
    return value
