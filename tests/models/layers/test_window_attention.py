"""Windows along time: which frames attend to which, and equality with torch's attention."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avis.models.layers.window_attention import (
    WindowCrossAttention,
    WindowSelfAttention,
    window_groups,
)

SIZES = {'channels': 16, 'num_heads': 4, 'hidden_channels': 8, 'window': 6}


@given(length=st.integers(1, 100), size=st.integers(1, 9), offset=st.integers(0, 8))
def test_window_groups_partition_frames(length, size, offset) -> None:
    offset = min(offset, size - 1)
    windows = [
        (start + index * frames, frames)
        for start, count, frames in window_groups(length, size, offset)
        for index in range(count)
    ]
    assert [t for start, frames in windows for t in range(start, start + frames)] == list(
        range(length)
    )
    assert all(0 < frames <= size for _, frames in windows)
    assert all(start % size == offset for start, _ in windows[1:])


@pytest.mark.parametrize(
    ('shifted', 'together'), [(False, range(6, 12)), (True, range(3, 9))], ids=['plain', 'shifted']
)
def test_frame_attends_to_its_window_only(shifted, together) -> None:
    torch.manual_seed(0)
    layer = WindowSelfAttention(**SIZES)
    tokens = torch.randn(1, 14, 3, 16, requires_grad=True)
    (layer(tokens, shifted=shifted)[0, 7] * torch.randn(3, 16)).sum().backward()
    read = tokens.grad[0].flatten(1).abs().amax(1) > 0
    assert read.nonzero()[:, 0].tolist() == list(together)


@pytest.mark.parametrize('length', [2, 6, 10])
@pytest.mark.parametrize('shifted', [False, True])
def test_self_attention_equals_torch(length, shifted) -> None:
    torch.manual_seed(0)
    layer = WindowSelfAttention(**SIZES)
    torch.nn.init.normal_(layer.in_proj.bias)
    tokens = torch.randn(2, length, 3, 16)
    read = torch.zeros_like(tokens)
    for start, stop in bounds(length, shifted):
        flat = tokens[:, start:stop].flatten(1, 2)
        read[:, start:stop] = reference(layer, flat, flat).view(2, -1, 3, 16)
    expected = layer.ffn(layer.norm(tokens + read))
    torch.testing.assert_close(layer(tokens, shifted=shifted), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize('length', [2, 6, 10])
@pytest.mark.parametrize('shifted', [False, True])
def test_cross_attention_equals_torch(length, shifted) -> None:
    torch.manual_seed(0)
    layer = WindowCrossAttention(**SIZES)
    torch.nn.init.normal_(layer.in_proj.bias)
    audio, tokens = torch.randn(2, length, 16), torch.randn(2, length, 3, 16)
    read = torch.zeros_like(audio)
    for start, stop in bounds(length, shifted):
        read[:, start:stop] = reference(
            layer, audio[:, start:stop], tokens[:, start:stop].flatten(1, 2)
        )
    expected = layer.ffn(layer.norm(audio + read))
    torch.testing.assert_close(layer(audio, tokens, shifted=shifted), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize('shifted', [False, True])
def test_window_of_zero_frames_is_the_whole_clip(shifted) -> None:
    torch.manual_seed(0)
    whole = WindowSelfAttention(**{**SIZES, 'window': 0})
    large = WindowSelfAttention(**{**SIZES, 'window': 10})
    large.load_state_dict(whole.state_dict())
    tokens = torch.randn(2, 10, 3, 16)
    assert torch.equal(whole(tokens, shifted=shifted), large(tokens, shifted=False))


def bounds(length, shifted):
    cuts = [0, *range(3 if shifted else 6, length, 6), length]
    return list(pairwise(cuts))


def reference(layer, query, memory):
    """torch's multi-head attention with the weights of a layer."""
    attention = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    attention.in_proj_weight, attention.in_proj_bias = layer.in_proj.weight, layer.in_proj.bias
    attention.out_proj.weight, attention.out_proj.bias = layer.out_proj.weight, layer.out_proj.bias
    return attention(query, memory, memory)[0]


def test_channels_not_divisible_by_heads_raise() -> None:
    with pytest.raises(ValueError, match='got channels=16 and num_heads=3'):
        WindowCrossAttention(**{**SIZES, 'num_heads': 3})
