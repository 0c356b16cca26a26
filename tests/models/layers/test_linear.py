"""linear equals F.linear, with gradients, for any number of tokens in any memory layout."""

import pytest
import torch
import torch.nn.functional as F

from avis.models.layers.linear import TokenLinear, linear


@pytest.mark.parametrize('shape', [(3, 8), (2, 400, 8), (601, 8), (4, 16, 16, 8), (0, 8)])
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('bias', [True, False])
def test_equals_torch_linear(shape: tuple[int, ...], threads: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = TokenLinear(8, 5, bias=bias)
    x = torch.randn(shape, requires_grad=True)
    inputs = [x, *layer.parameters()]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, theirs = layer(x), F.linear(x, layer.weight, layer.bias)
        assert ours.is_contiguous()
        torch.testing.assert_close(ours, theirs)
        for got, expected in zip(
            torch.autograd.grad(ours.square().sum(), inputs),
            torch.autograd.grad(theirs.square().sum(), inputs),
            strict=True,
        ):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    finally:
        torch.set_num_threads(before)


def test_any_memory_layout_is_supported() -> None:
    x, weight = torch.randn(8, 700, 2).permute(2, 1, 0), torch.randn(5, 8)
    torch.testing.assert_close(linear(x, weight), F.linear(x, weight))


def test_other_dtypes_are_kept() -> None:
    x, layer = torch.randn(600, 8), TokenLinear(8, 5)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    assert torch.equal(layer.double()(x.double()), F.linear(x.double(), layer.weight, layer.bias))


def test_torch_compile_uses_linear() -> None:
    x, layer = torch.randn(600, 8), TokenLinear(8, 5)
    compiled = torch.compile(layer, backend='aot_eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x))
