"""Compare values of a config with the types that a class or function states for its arguments.

Only values that cannot work are refused: text or a list for a number, a fraction for a count, a
number for a text. Anything else, and arguments with other types, is left to the class itself.
"""

import collections.abc
import inspect
import os
import types
import typing
from typing import Any

from mmengine.config.lazy import LazyAttr, LazyObject

# Packages whose annotations are complete. In others, such as mmdet, a count may be a list, too.
_ANNOTATED = ('avis.', 'mmengine.', 'torch.optim.', 'torch.utils.data.', 'tests.', 'projects.')
_PLAIN = (str, bool, int, float, list, tuple)
_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)


def wrong_value(target: Any, name: str, value: Any) -> str | None:
    """What is expected instead of the value of an argument; None if the value may work.

    Args:
        target: Class or function.
        name: Name of the argument.
        value: Its value.
    """
    if not isinstance(value, _PLAIN) or not f'{target.__module__}.'.startswith(_ANNOTATED):
        return None
    owners = target.__mro__ if inspect.isclass(target) else [target]
    for owner in owners:
        function = vars(owner).get('__init__') if inspect.isclass(target) else owner
        parameter = _parameters(function).get(name)
        if parameter is not None:
            return _mismatch(function, parameter, value)
    return None


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _mismatch(function: Any, parameter: inspect.Parameter, value: Any) -> str | None:
    if parameter.annotation is parameter.empty:
        return None
    # One at a time: others may use names that exist for type checkers only.
    one = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        hint = typing.get_type_hints(one, globalns=function.__globals__)[parameter.name]
    except (NameError, TypeError, AttributeError):
        return None
    if value == parameter.default or fits(value, hint):
        return None
    return inspect.formatannotation(hint).replace('typing.', '')


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value may be of an annotated type."""
    if isinstance(value, LazyObject | LazyAttr) or not isinstance(value, (*_PLAIN, dict)):
        return True
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    kind = origin or hint
    if kind is float:
        return isinstance(value, int | float)
    if kind is int:
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if kind is bool:
        return isinstance(value, bool | int)
    if kind in _SEQUENCES:
        return isinstance(value, list | tuple) or (kind not in (list, tuple) and kind is not str)
    if kind in (dict, collections.abc.Mapping):
        return isinstance(value, dict)
    if kind is type(None):
        return False
    if not inspect.isclass(kind) or kind in (object, typing.Any):
        return True
    if isinstance(value, str) and issubclass(kind, os.PathLike):
        return True
    # A dict is the config of an object of any class; plain values are instances or wrong.
    return isinstance(value, dict) or _is_instance(value, kind)


def _is_instance(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # protocols
        return True
