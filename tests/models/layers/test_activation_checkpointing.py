"""Checkpointed layers have the same outputs, gradients and running statistics."""

import copy

import pytest
import torch
from torch import Tensor, nn

from avis.models.layers.activation_checkpointing import checkpoint_activations


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Conv2d(4, 2, 1)).double()


@pytest.mark.parametrize('training', [True, False])
def test_training_steps_equal_those_without_checkpointing(module, training) -> None:
    plain, lean = module.train(training), copy.deepcopy(module).train(training)
    inputs = torch.randn(2, 2, 3, 6, 6, dtype=torch.double)
    outputs = []
    for run in (plain, lambda x: checkpoint_activations(lean, x)):
        torch.manual_seed(1)
        for x in inputs:
            out = run(x)
            (out**2).sum().backward()
            outputs.append(out)
    torch.testing.assert_close(outputs[:2], outputs[2:])
    for (name, ours), theirs in zip(
        lean.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs), name
    for ours, theirs in zip(lean.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_only_inputs_are_saved_for_backward(module) -> None:
    kept = []

    def keep(x: Tensor) -> Tensor:
        kept.append(tuple(x.shape))
        return x

    x = torch.randn(1, 3, 6, 6, dtype=torch.double)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        checkpoint_activations(module, x)
    assert kept == [tuple(x.shape)]


def test_without_gradient_module_runs_once(module) -> None:
    x = torch.randn(1, 3, 6, 6, dtype=torch.double)
    with torch.no_grad():
        assert torch.equal(checkpoint_activations(module.eval(), x), module(x))


def test_compiled_step_equals_a_plain_one(module) -> None:
    module[3].p = 0.0  # compiled code draws other random numbers
    lean, x = copy.deepcopy(module), torch.randn(2, 3, 6, 6, dtype=torch.double)
    compiled = torch.compile(
        lambda x: checkpoint_activations(lean, x), backend='aot_eager', fullgraph=True
    )
    for run in (module, compiled):
        run(x).square().sum().backward()
    torch.testing.assert_close(dict(lean.named_buffers()), dict(module.named_buffers()))
    for ours, theirs in zip(lean.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
