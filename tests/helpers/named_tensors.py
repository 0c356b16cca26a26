"""Names of the tensors in the outputs of a model."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def named_tensors(value: Any, name: str = '') -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors within dicts, lists and dataclasses, with their path as name."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from named_tensors(part, f'{name}.{key}' if name else str(key))
    elif isinstance(value, list | tuple):
        yield from named_tensors(dict(enumerate(value)), name)
    elif is_dataclass(value):
        yield from named_tensors({f.name: getattr(value, f.name) for f in fields(value)}, name)
