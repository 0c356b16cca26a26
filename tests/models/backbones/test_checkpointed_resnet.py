"""CheckpointedResNet equals mmdet's ResNet and uses less memory."""

import pytest
import torch
from mmdet.models.backbones import ResNet

from avis.models.backbones.checkpointed_resnet import CheckpointedResNet


@pytest.mark.parametrize('recompute', [True, False])
def test_training_step_equals_mmdet(recompute: bool) -> None:
    torch.manual_seed(0)
    sizes = {'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'norm_eval': False}
    plain = ResNet(**sizes).double()
    lean = CheckpointedResNet(**sizes, recompute=recompute).double()
    lean.load_state_dict(plain.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64, dtype=torch.double)
    for model in (plain, lean):
        model.train()
        sum((level**2).mean() for level in model(images)).backward()
    for (name, ours), theirs in zip(
        lean.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, msg=name)
    for ours, theirs in zip(lean.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_returns_stages_of_out_indices() -> None:
    model = CheckpointedResNet(depth=18, base_channels=8, stem_channels=8, out_indices=(1, 3))
    shapes = [tuple(level.shape) for level in model(torch.randn(1, 3, 64, 64))]
    assert shapes == [(1, 16, 8, 8), (1, 64, 2, 2)]


@pytest.mark.parametrize(('recompute', 'passes'), [(True, 2), (False, 1)])
def test_blocks_run_again_in_the_backward_pass_on_request(recompute: bool, passes: int) -> None:
    model = CheckpointedResNet(depth=18, base_channels=8, stem_channels=8, recompute=recompute)
    calls = []
    model.layer1[0].conv1.register_forward_hook(lambda *_: calls.append(1))
    model(torch.randn(1, 3, 64, 64))[-1].sum().backward()
    assert len(calls) == passes
