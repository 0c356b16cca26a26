"""Deformable attention: all implementations equal a direct sum; choice of kernels."""

import itertools
import logging

import pytest
import torch
from torch import Tensor

from avis.ops import deformable_kernels
from avis.ops.deformable_attention import deformable_attention, sample_bags, sample_grids
from avis.ops.deformable_kernels import KERNELS, choose_kernel, compare_kernels

SHAPES = [(2, 3), (4, 5)]
FORMS = {'grids': sample_grids, 'bags': sample_bags}


def draw(dtype: torch.dtype = torch.float32, queries: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Value, locations (some of them outside) and weights of two images, three heads."""
    generator = torch.Generator().manual_seed(1)
    value = torch.randn(2, 2 * 3 + 4 * 5, 3, 4, generator=generator, dtype=dtype)
    locations = torch.rand(2, queries, 3, 2, 2, 2, generator=generator, dtype=dtype) * 1.8 - 0.4
    weights = torch.rand(2, queries, 3, 2, 2, generator=generator, dtype=dtype)
    return value, locations, weights


def written_out(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """Compute every sample from its four neighbors in a loop."""
    images, queries, heads = weights.shape[:3]
    out = value.new_zeros(images, queries, heads, value.shape[-1])
    starts = [0, SHAPES[0][0] * SHAPES[0][1]]
    for n, q, m, level, p in itertools.product(*map(range, weights.shape)):
        height, width = SHAPES[level]
        x, y = (locations[n, q, m, level, p] * torch.tensor([width, height]) - 0.5).tolist()
        for i, j in itertools.product(range(height), range(width)):
            near = max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            sample = value[n, starts[level] + i * width + j, m]
            out[n, q, m] += weights[n, q, m, level, p] * near * sample
    return out.flatten(2)


@pytest.mark.parametrize('form', FORMS)
def test_implementations_equal_direct_sum(form) -> None:
    value, locations, weights = draw()
    locations[0, 0, 0, 0, 0] = torch.tensor([1e9, -1e9])  # far outside
    locations[0, 1, 0] = torch.tensor([1.0, 0.0])  # on the corner of the map
    got = FORMS[form](value, SHAPES, locations, weights)
    torch.testing.assert_close(got, written_out(value, locations, weights), rtol=1e-5, atol=1e-5)


def test_gradients_equal_numerical_gradients() -> None:
    inputs = [x.requires_grad_() for x in draw(torch.float64, queries=2)]
    assert torch.autograd.gradcheck(
        lambda value, locations, weights: deformable_attention(value, SHAPES, locations, weights),
        inputs,
    )


def test_implementations_agree_on_large_pyramid() -> None:
    generator = torch.Generator().manual_seed(2)
    shapes = [(6, 10), (12, 20), (24, 40)]
    positions = sum(height * width for height, width in shapes)
    value = torch.randn(2, positions, 8, 32, generator=generator)
    locations = torch.rand(2, positions, 8, 3, 4, 2, generator=generator) * 1.2 - 0.1
    weights = torch.rand(2, positions, 8, 3, 4, generator=generator)
    bags = sample_bags(value, shapes, locations, weights)
    torch.testing.assert_close(
        bags, sample_grids(value, shapes, locations, weights), rtol=0, atol=1e-4
    )
    # An image does not depend on its neighbors in the batch.
    alone = sample_bags(value[1:], shapes, locations[1:], weights[1:])
    assert torch.equal(alone[0], bags[1])


@pytest.mark.parametrize('training', [True, False])
def test_half_precision_computes_in_float32(training: bool) -> None:
    value, locations, weights = draw()
    value, weights = value.bfloat16().requires_grad_(training), weights.bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = deformable_attention(value, SHAPES, locations, weights)
    exact = sample_grids(value.float(), SHAPES, locations, weights.float())
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got, exact.bfloat16())


@pytest.mark.parametrize('training', [True, False])
def test_torch_compile_has_no_graph_break(training: bool) -> None:
    inputs = [x.requires_grad_(training) for x in draw()]

    def attend(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return deformable_attention(value, SHAPES, locations, weights)

    compiled = torch.compile(attend, backend='aot_eager', fullgraph=True)
    ours, theirs = compiled(*inputs), attend(*inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    if training:
        for got, expected in zip(
            torch.autograd.grad(ours.sum(), inputs),
            torch.autograd.grad(theirs.sum(), inputs),
            strict=True,
        ):
            torch.testing.assert_close(got, expected)


def test_nan_is_propagated() -> None:
    value, locations, weights = draw()
    locations[0, 0], weights[0, 0] = torch.nan, torch.nan
    for form in FORMS.values():
        got = form(value, SHAPES, locations, weights)
        assert got[0, 0].isnan().all()
        assert got[:, 1:].isfinite().all()


def test_inconsistent_shapes_raise() -> None:
    value, locations, weights = draw()
    with pytest.raises(ValueError, match=r'S = 26 positions of 2 levels, got \(2, 25, 3, 4\)'):
        deformable_attention(value[:, 1:], SHAPES, locations, weights)
    with pytest.raises(ValueError, match='of 1 levels'):
        deformable_attention(value, SHAPES[:1], locations, weights)


@pytest.fixture
def no_choice_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deformable_kernels, '_CHOSEN', {})


def test_agreeing_kernel_is_used_and_logged_once(no_choice_yet, monkeypatch, caplog) -> None:
    calls = []

    def attend(*inputs) -> Tensor:
        calls.append(1)
        return sample_grids(*inputs)

    monkeypatch.setattr(deformable_kernels, 'KERNELS', {'mine': lambda device: attend})
    messages = []
    monkeypatch.setattr(
        deformable_kernels, 'print_log', lambda text, *rest: messages.append((text, rest))
    )
    value, locations, weights = draw()
    for _ in range(2):
        got = deformable_attention(value, SHAPES, locations, weights)
    assert torch.equal(got, sample_grids(value, SHAPES, locations, weights))
    assert len(calls) == 3  # one to compare, two to compute
    assert [text for text, _ in messages] == ['Deformable attention on cpu: kernel of mine']
    deformable_attention(value, SHAPES, locations, weights, kernel='pytorch')
    assert len(calls) == 3


@pytest.mark.parametrize(
    ('attend', 'reason'),
    [
        (lambda value, *rest: sample_grids(value * 1.1, *rest), 'differs from PyTorch by'),
        (lambda *inputs: sample_grids(*inputs) * torch.nan, 'differs from PyTorch by inf'),
        (lambda value, *rest: value.missing(), 'AttributeError'),
        (lambda *inputs: torch.zeros(2).view(3), 'RuntimeError'),
    ],
)
def test_disagreeing_kernel_is_not_used(attend, reason, no_choice_yet, monkeypatch) -> None:
    monkeypatch.setattr(deformable_kernels, 'KERNELS', {'bad': lambda device: attend})
    messages = []
    monkeypatch.setattr(
        deformable_kernels, 'print_log', lambda text, *rest: messages.append((text, rest[-1]))
    )
    value, locations, weights = draw()
    got = deformable_attention(value, SHAPES, locations, weights)
    assert torch.equal(got, sample_bags(value, SHAPES, locations, weights))
    assert reason in messages[0][0]
    assert messages[0][1] == logging.WARNING
    with pytest.raises(ImportError, match=f'bad: .*{reason}'):
        deformable_attention(value, SHAPES, locations, weights, kernel='bad')


def test_missing_kernels_raise(no_choice_yet) -> None:
    device = torch.device('cpu')
    assert choose_kernel('auto', device, sample_grids) is None
    for name in KERNELS:
        with pytest.raises(ImportError, match=f'{name}: has no kernel for cpu'):
            choose_kernel(name, device, sample_grids)
    with pytest.raises(ValueError, match="unknown kernel of deformable attention 'cuda'"):
        choose_kernel('cuda', device, sample_grids)
    for name in KERNELS:
        with pytest.raises(ImportError, match=r'not installed|no compiled operators'):
            KERNELS[name](torch.device('cuda'))


class FakeModule:
    """The functions of mmcv and Deformable DETR in PyTorch; they return gradients differently."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def ms_deform_attn_forward(self, value, shapes, starts, locations, weights, step):
        assert len(value) % step == 0
        assert starts.tolist() == [0, 35]
        return sample_grids(value, shapes.tolist(), locations, weights)

    def ms_deform_attn_backward(self, value, shapes, starts, locations, weights, grad, *rest):
        inputs = [x.detach().requires_grad_() for x in (value, locations, weights)]
        with torch.enable_grad():
            out = sample_grids(inputs[0], shapes.tolist(), *inputs[1:])
            gradients = torch.autograd.grad(out, inputs, grad)
        if self.__name__ != 'mmcv._ext':
            return gradients
        for given, computed in zip(rest[:3], gradients, strict=True):
            given.copy_(computed)
        return None


@pytest.mark.parametrize('name', ['mmcv._ext', 'MultiScaleDeformableAttention'])
def test_both_backward_conventions_of_compiled_modules(name: str) -> None:
    attend = deformable_kernels._compiled(FakeModule(name))
    assert compare_kernels(attend, sample_grids, torch.device('cpu')) < 1e-6
