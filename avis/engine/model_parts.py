"""Parameters of a model by part, and its floating-point operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

_ALL = 'all'


@dataclass(frozen=True)
class PartCount:
    """Parameters of one part.

    Attributes:
        name: Name of the part in the model.
        kind: Class of the part.
        parameters: Number of parameters.
        trained: Number of those that require a gradient.
    """

    name: str
    kind: str
    parameters: int
    trained: int


def count_parameters(model: nn.Module) -> list[PartCount]:
    """Count the parameters of each direct child of a model that has some, and of the whole model.

    A parameter that two parts share counts in both, in the model once. The last entry is ``all``.
    """
    counts = [_count(name, child) for name, child in model.named_children()]
    return [*(part for part in counts if part.parameters), _count(_ALL, model)]


def parameter_lines(counts: list[PartCount]) -> list[str]:
    """Return one line per part for a log, with the state trained, frozen, or a percentage."""
    width = max(len(f'{part.name} ({part.kind})') for part in counts)
    return [
        f'{f"{part.name} ({part.kind})":{width}}  {part.parameters / 1e6:9.3f} M  {_state(part)}'
        for part in counts
    ]


def count_flops(model: nn.Module, inputs: Mapping[str, Any]) -> dict[str, int]:
    """Count the floating-point operations of a forward pass by direct child of a model.

    An addition and a multiplication count as two operations, in convolutions, matrix products and
    attention; element-wise operations do not count.

    Args:
        model: Model whose ``forward`` takes one batch of inputs, see
            :class:`~avis.models.segmentors.base.BaseAVSegmentor`.
        inputs: Preprocessed batch.

    Returns:
        Operations by name of the part; ``all`` for the whole model.
    """
    counter = FlopCounterMode(display=False)
    model.eval()
    with torch.no_grad(), counter:
        model(inputs, mode='tensor')
    found = counter.get_flop_counts()
    root = type(model).__name__
    flops = {
        name: _flops_of(found, f'{root}.{name}', child) for name, child in model.named_children()
    }
    return {**flops, _ALL: sum(found.get('Global', {}).values())}


def complexity_table(counts: list[PartCount], flops: Mapping[str, int]) -> Table:
    """Return a table of parameters (millions) and operations (GFLOPs) by part."""
    table = Table('part', 'class')
    for title in ('parameters (M)', 'trained (M)', 'GFLOPs'):
        table.add_column(title, justify='right')
    for part in counts:
        table.add_row(
            part.name,
            part.kind,
            f'{part.parameters / 1e6:.3f}',
            f'{part.trained / 1e6:.3f}',
            f'{flops.get(part.name, 0) / 1e9:.4g}',
        )
    return table


def _flops_of(found: Mapping[str, Mapping[Any, int]], path: str, module: nn.Module) -> int:
    """Operations of a module; of its children if it is a list, which is not called itself."""
    if path in found:
        return sum(found[path].values())
    children = module.named_children()
    return sum(_flops_of(found, f'{path}.{name}', child) for name, child in children)


def _count(name: str, module: nn.Module) -> PartCount:
    parameters = list(module.parameters())
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    total = sum(each.numel() for each in parameters)
    return PartCount(name, type(module).__name__, total, trained)


def _state(part: PartCount) -> str:
    if part.trained in (0, part.parameters):
        return 'trained' if part.trained else 'frozen'
    return f'{100 * part.trained / part.parameters:.1f} % trained'
