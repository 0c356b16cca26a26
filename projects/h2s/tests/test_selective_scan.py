"""The blocked scan equals the recurrence token by token."""

import pytest
import torch
from h2s.dynamics_modulator import DynamicsModulatorBlock, four_orders, sum_orders
from h2s.selective_scan import selective_scan
from torch import Tensor


def draw(length: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = [(length, 2, 3, 4), (length, 2, 3, 4), (3, 4, 5), (length, 2, 3, 5), (length, 2, 3, 5)]
    x, delta, a, b, c = (torch.randn(*shape, generator=rng, dtype=dtype) for shape in shapes)
    return [value.requires_grad_() for value in (x, delta.exp(), -a.exp(), b, c)]


def scan_tokens(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    state, outputs = x.new_zeros(*x.shape[1:], a.shape[-1]), []
    for t in range(len(x)):
        state = (delta[t, ..., None] * a).exp() * state
        state = state + (delta[t] * x[t])[..., None] * b[t, :, :, None]
        outputs.append((state * c[t, :, :, None]).sum(-1))
    return torch.stack(outputs)


@pytest.mark.parametrize('length', [1, 16, 37, 600])
def test_output_and_gradients_are_those_of_the_recurrence(length: int) -> None:
    results = []
    for scan in (scan_tokens, selective_scan):
        inputs = draw(length, torch.float64)
        y = scan(*inputs)
        (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
        results.append([y, *(value.grad for value in inputs)])
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_scan_runs_in_float32_under_autocast() -> None:
    inputs = draw(20)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        y = selective_scan(inputs[0].bfloat16(), *inputs[1:])
    assert y.dtype == torch.float32


def test_orders_are_frames_queries_and_their_reverse() -> None:
    plane = torch.arange(6.0).view(2, 3)
    orders = four_orders(plane).tolist()
    assert orders[0] == [0, 1, 2, 3, 4, 5]
    assert orders[1] == [0, 3, 1, 4, 2, 5]
    assert orders[2:] == [orders[0][::-1], orders[1][::-1]]
    assert torch.equal(sum_orders(four_orders(plane), (2, 3)), 4 * plane)


def test_block_treats_clips_and_kept_layers_independently() -> None:
    torch.manual_seed(0)
    block = DynamicsModulatorBlock(8)
    tokens, audio = torch.randn(2 * 2, 3, 4, 8), torch.randn(2, 3, 4, 8)
    together = block(tokens, audio)
    for index in range(4):
        alone = block(tokens[index : index + 1], audio[index % 2 : index % 2 + 1])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-4, atol=1e-5)
