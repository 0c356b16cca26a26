"""All fusion blocks have the same interface, keep the shape, and report invalid shapes."""

import pytest
import torch
from torch import nn

from avis.models.fusion.cross_attention import CrossAttentionFusion
from avis.models.fusion.simple import AddFusion, ConcatFusion, NoFusion
from avis.models.fusion.tpavi import TPAVI

BLOCKS = [TPAVI, AddFusion, ConcatFusion, CrossAttentionFusion, NoFusion]
WITH_SOUND = BLOCKS[:-1]


def build(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    block = kind(channels=16, audio_dim=6)
    if kind is TPAVI:
        nn.init.ones_(block.norm.weight)
    return block


@pytest.mark.parametrize('kind', BLOCKS)
@pytest.mark.parametrize('frames', [1, 3])
def test_outputs_have_expected_shapes(kind, frames) -> None:
    mixed, audio = build(kind)(torch.randn(2, frames, 16, 3, 4), torch.rand(2, frames, 6))
    assert mixed.shape == (2, frames, 16, 3, 4)
    assert audio.shape == (2, frames, 16)


@pytest.mark.parametrize('kind', BLOCKS)
def test_every_parameter_and_input_has_gradient(kind) -> None:
    block = build(kind)
    visual = torch.randn(2, 3, 16, 3, 4, requires_grad=True)
    mixed, _ = block(visual, torch.rand(2, 3, 6))
    (mixed * torch.randn_like(mixed)).sum().backward()
    assert visual.grad.any()
    assert all(weight.grad is not None for weight in block.parameters())


@pytest.mark.parametrize('kind', WITH_SOUND)
def test_audio_changes_map(kind) -> None:
    block, visual = build(kind).eval(), torch.randn(1, 3, 16, 3, 4)
    loud, _ = block(visual, torch.rand(1, 3, 6))
    silent, _ = block(visual, torch.zeros(1, 3, 6))
    assert (loud - silent).abs().max() > 1e-3


def test_no_fusion_ignores_audio() -> None:
    visual = torch.randn(1, 3, 16, 3, 4)
    mixed, audio = build(NoFusion)(visual, torch.rand(1, 3, 6))
    assert mixed is visual
    assert not audio.any()


@pytest.mark.parametrize('kind', BLOCKS)
def test_number_of_audio_embeddings_must_equal_frames(kind) -> None:
    with pytest.raises(ValueError, match=rf'{kind.__name__}.*\(1, 3, 16, 3, 4\).*\(1, 2, 6\)'):
        build(kind)(torch.randn(1, 3, 16, 3, 4), torch.rand(1, 2, 6))


def test_add_fusion_adds_projected_audio() -> None:
    visual = torch.randn(1, 2, 16, 3, 4)
    mixed, audio = build(AddFusion)(visual, torch.rand(1, 2, 6))
    torch.testing.assert_close(mixed - visual, audio[..., None, None].expand_as(visual))


def test_concat_fusion_equals_convolution_of_concatenated_map() -> None:
    block, visual = build(ConcatFusion), torch.randn(2, 3, 16, 3, 4)
    mixed, audio = block(visual, torch.rand(2, 3, 6))
    both = torch.cat([visual, audio[..., None, None].expand_as(visual)], 2).flatten(0, 1)
    weight = torch.cat([block.mix_visual.weight, block.mix_audio.weight[..., None, None]], 1)
    wanted = torch.conv2d(both, weight, block.mix_visual.bias)
    torch.testing.assert_close(mixed.flatten(0, 1), wanted)


def test_cross_attention_does_not_depend_on_order_of_audio() -> None:
    """Unlike addition and concatenation, it attends to the audio of all frames."""
    block, visual, audio = build(CrossAttentionFusion), torch.randn(1, 3, 16, 3, 4), None
    audio = torch.rand(1, 3, 6)
    mixed, _ = block(visual, audio)
    shuffled, _ = block(visual, audio[:, [2, 0, 1]])
    torch.testing.assert_close(mixed, shuffled)
