"""TPAVI in its low-rank form equals the official N x N form."""

import pytest
import torch
from torch import Tensor, nn

from avis.models.fusion.tpavi import TPAVI
from benchmarks.published_tpavi import PublishedTPAVI


def awake(block: TPAVI) -> TPAVI:
    """Give the norm after W_z, which starts at zero, an effect."""
    nn.init.normal_(block.norm.weight)
    nn.init.normal_(block.norm.bias)
    return block.double()


def clip(batch: int = 2, frames: int = 3) -> tuple[Tensor, Tensor]:
    visual = torch.randn(batch, frames, 16, 4, 5, dtype=torch.double, requires_grad=True)
    return visual, torch.rand(batch, frames, 6, dtype=torch.double, requires_grad=True)


@pytest.mark.parametrize('norm', [None, {'type': 'GN', 'num_groups': 4}], ids=['BN', 'GN'])
@pytest.mark.parametrize('training', [True, False], ids=['train', 'eval'])
def test_values_and_gradients_equal_official_form(norm, training) -> None:
    torch.manual_seed(0)
    block = awake(TPAVI(channels=16, audio_dim=6, norm_cfg=norm)).train(training)
    visual, audio = clip()
    results = []
    for form in (block, PublishedTPAVI(block)):
        mixed, audio_embed = form(visual, audio)
        wanted = [visual, audio, *block.parameters()]
        weight = torch.linspace(-1, 1, mixed.numel(), dtype=torch.double).view(mixed.shape)
        gradients = torch.autograd.grad((mixed * weight).sum() + audio_embed.sum(), wanted)
        results.append([mixed, audio_embed, *gradients])
    for ours, published in zip(*results, strict=True):
        torch.testing.assert_close(ours, published, rtol=1e-9, atol=1e-9)


def test_groups_of_frames_are_independent() -> None:
    block = awake(TPAVI(channels=16, audio_dim=6, frames_per_group=5)).eval()
    visual, audio = clip(batch=1, frames=12)
    whole, _ = block(visual, audio)
    parts = [
        PublishedTPAVI(block)(visual[:, part], audio[:, part])[0]
        for part in (slice(0, 5), slice(5, 10), slice(10, 12))
    ]
    torch.testing.assert_close(whole, torch.cat(parts, 1))


def test_initial_block_is_layer_norm_unless_identity_init_is_false() -> None:
    visual, audio = (x.float() for x in clip())
    block = TPAVI(channels=16, audio_dim=6)
    mixed, _ = block(visual, audio)
    plain = block.layer_norm(visual.permute(0, 1, 3, 4, 2)).permute(0, 1, 4, 2, 3)
    torch.testing.assert_close(mixed, plain)
    mixed, _ = TPAVI(channels=16, audio_dim=6, identity_init=False)(visual, audio)
    assert (mixed - plain).abs().max() > 0.1


def test_zero_audio_without_bias_projects_to_zero() -> None:
    visual, audio = (x.float() for x in clip())
    _, audio_embed = TPAVI(channels=16, audio_dim=6, audio_bias=False)(visual, audio * 0)
    assert not audio_embed.any()


def test_half_precision_does_not_overflow() -> None:
    """Products of theta and phi of ordinary maps exceed the range of float16, 65504."""
    torch.manual_seed(0)
    block = TPAVI(channels=256)
    nn.init.ones_(block.norm.weight)
    visual, audio = 60 * torch.randn(1, 5, 256, 4, 4), 60 * torch.rand(1, 5, 128)
    with torch.autocast('cpu', dtype=torch.float16):
        mixed, _ = block(visual, audio)
    exact, _ = block(visual, audio)
    assert torch.isfinite(mixed).all()
    assert (mixed - exact).abs().max() < 0.1


def test_invalid_frames_per_group_raises() -> None:
    with pytest.raises(ValueError, match=r'frames_per_group: expected at least 1, .* got 0'):
        TPAVI(channels=16, frames_per_group=0)
