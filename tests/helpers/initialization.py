"""Compare initial weights with a published distribution."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

# Standard errors that one tensor may be off; 1,000 tensors are compared with fixed seeds.
_ERRORS = 6
_SMALLEST = 100  # smaller tensors say too little about a distribution
_LARGEST = 20_000  # of larger ones, so many values are compared


def _bound(model: nn.Module, name: str, kind: str) -> float | None:
    """The largest value of a uniform distribution, None for a normal one."""
    layer = name.rpartition('.')[0]
    weight = model.get_parameter(f'{layer}.weight')  # of a bias, too
    inputs, outputs = weight[0].numel(), len(weight) * weight[0, 0].numel()
    bounds = {
        'default': 1 / math.sqrt(inputs),
        'kaiming_uniform': math.sqrt(3 / inputs),
        'xavier_uniform': math.sqrt(6 / (inputs + outputs)),
    }
    return None if kind == 'normal' else bounds[kind]


def problems(model: nn.Module, name: str, published: Mapping[str, Any]) -> Iterator[str]:
    """Say how the values of a parameter differ from a published distribution.

    Args:
        model: The model, after ``init_weights``.
        name: Name of the parameter.
        published: As in tests/data/recipes/README.md.
    """
    values = model.get_parameter(name).detach().flatten()
    values = values[:: len(values) // _LARGEST + 1].double()
    kind = published['distribution']
    if kind == 'constant':
        if not torch.all(values == published['value']):
            yield f'{name}: expected {published["value"]} everywhere, got a std of {values.std()}'
    elif kind != 'not stated' and len(values) >= _SMALLEST:
        bound = _bound(model, name, kind)
        yield from _spread_problems(name, values, bound, published.get('std'))


def _spread_problems(
    name: str, values: Tensor, bound: float | None, std: float | None
) -> Iterator[str]:
    """Compare mean, standard deviation and largest value of a uniform or normal distribution."""
    expected = std if bound is None else bound / math.sqrt(3)
    error = _ERRORS / math.sqrt(len(values))
    largest, spread = float(values.abs().max()), float(values.std(correction=0))
    if abs(spread / expected - 1) > error:
        yield f'{name}: expected a std of {expected:.5f}, got {spread:.5f}'
    if abs(float(values.mean())) > error * expected:
        yield f'{name}: expected a mean of 0, got {float(values.mean()):.5f}'
    if bound is not None and largest > bound * (1 + 1e-6):
        yield f'{name}: expected values up to {bound:.5f}, got {largest:.5f}'
    if bound is None and len(values) >= 1000 and largest < 2.5 * expected:
        yield f'{name}: expected a normal distribution, the largest value is {largest:.5f}'
