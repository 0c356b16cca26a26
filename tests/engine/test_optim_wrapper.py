"""bfloat16 without a loss scaler."""

import torch
from torch import nn

from avis.engine.optim_wrapper import BFloat16OptimWrapper


def test_the_forward_pass_runs_in_bfloat16_and_the_weights_stay_float32() -> None:
    model = nn.Linear(4, 2)
    before = model.weight.detach().clone()
    wrapper = BFloat16OptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        output = model(torch.ones(3, 4))
    assert output.dtype == torch.bfloat16
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(model.weight, before - 0.3)
    assert model(torch.ones(3, 4)).dtype == torch.float32
