"""The blocks of the decoders equal torch's own attention."""

import pytest
import torch
from torch import nn

from avis.models.layers.attention import AttentionBlock, DecoderLayer

CHANNELS, HEADS = 16, 4


def test_attention_with_mask_equals_torch() -> None:
    torch.manual_seed(0)
    block = AttentionBlock(CHANNELS, HEADS)
    nn.init.normal_(block.in_proj.bias)
    theirs = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
    theirs.load_state_dict(
        {
            'in_proj_weight': block.in_proj.weight,
            'in_proj_bias': block.in_proj.bias,
            'out_proj.weight': block.out_proj.weight,
            'out_proj.bias': block.out_proj.bias,
        }
    )
    queries, position = torch.randn(2, 5, CHANNELS), torch.randn(5, CHANNELS)
    key, value = torch.randn(2, 7, CHANNELS), torch.randn(2, 7, CHANNELS)
    attn_mask = torch.rand(2, 5, 7) < 0.5
    attn_mask[..., 0] = True
    for mask in (None, attn_mask):
        forbidden = None if mask is None else ~mask.repeat_interleave(HEADS, 0)
        read, _ = theirs(queries + position, key, value, attn_mask=forbidden)
        expected = block.norm(queries + read)
        torch.testing.assert_close(block(queries, key, value, position, mask), expected)


def test_masked_tokens_have_no_effect() -> None:
    torch.manual_seed(0)
    layer = DecoderLayer(CHANNELS, HEADS, 32)
    queries, position = torch.randn(1, 3, CHANNELS), torch.randn(3, CHANNELS)
    memory = torch.randn(1, 6, CHANNELS)
    attn_mask = torch.ones(1, 3, 6, dtype=torch.bool)
    attn_mask[..., 4:] = False
    out = layer(queries, memory, memory, position, attn_mask)
    memory[:, 4:] += 100
    assert torch.equal(layer(queries, memory, memory, position, attn_mask), out)
    shorter = layer(queries, memory[:, :4], memory[:, :4], position)
    torch.testing.assert_close(shorter, out)


def test_channels_not_divisible_by_heads_raise() -> None:
    with pytest.raises(ValueError, match='got channels=16 and num_heads=3'):
        AttentionBlock(16, 3)
