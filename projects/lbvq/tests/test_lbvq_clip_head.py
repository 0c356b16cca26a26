"""LBVQ's clip module: equal to its formula, any length, and the order of frames has no effect."""

import lbvq.clip_head
import pytest
import torch
from lbvq import LBVQClipHead
from torch import Tensor, nn

SIZES = {'num_classes': 5, 'channels': 16, 'num_queries': 4, 'num_heads': 4, 'hidden_channels': 8}


@pytest.fixture
def head() -> LBVQClipHead:
    torch.manual_seed(0)
    head = LBVQClipHead(**SIZES, num_decoder_layers=2).eval()
    for name, bias in head.named_parameters():
        if name.endswith('in_proj.bias'):
            nn.init.normal_(bias)
    return head


def frame_queries(batch: int, length: int, layers: int = 1) -> Tensor:
    return torch.randn(layers, batch, length, 4, 16, generator=torch.Generator().manual_seed(1))


def logits(head: LBVQClipHead, queries: Tensor) -> Tensor:
    return head(queries, queries.new_zeros(*queries.shape[1:3], 0)).layers[-1].class_logits


def attend(block: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """torch's multi-head attention with the weights of a block."""
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    attention.in_proj_weight, attention.in_proj_bias = block.in_proj.weight, block.in_proj.bias
    attention.out_proj.weight, attention.out_proj.bias = block.out_proj.weight, block.out_proj.bias
    return attention(query, key, value)[0]


def reference(head: LBVQClipHead, queries: Tensor, scale: float) -> Tensor:
    """The formula, with a loop over frames, for one clip (T, Q, C)."""
    source = head.input_proj(queries)
    weights = head.time_attention(source).softmax(0)
    x, position = (weights * source).sum(0, keepdim=True), head.query_embed.weight
    for layer in head.layers:
        block = layer.self_attention
        x = block.norm(x + attend(block, x + position, x + position, x))
        block, total = layer.cross_attention, torch.zeros_like(x)
        for frame in source:
            key = frame[None] + head.frame_query_embed.weight
            total = total + block.norm(x + attend(block, x + position, key, frame[None]))
        x = layer.ffn(x + scale * total)
    return head.class_embed(head.decoder_norm(x))


@torch.no_grad()
@pytest.mark.parametrize('divide', [False, True])
def test_head_equals_a_loop_over_frames(head, divide) -> None:
    head.divide_by_frames = divide
    queries = frame_queries(1, 5)
    expected = reference(head, queries[0, 0], 1 / 5 if divide else 1.0)
    torch.testing.assert_close(logits(head, queries)[0], expected, rtol=0, atol=5e-6)


@torch.no_grad()
def test_clip_does_not_depend_on_batch_chunks_or_order_of_frames(head, monkeypatch) -> None:
    queries = frame_queries(3, 7, layers=2)
    together = logits(head, queries)
    assert together.shape == (2, 3, 4, 6)
    alone = torch.cat([logits(head, queries[:, clip : clip + 1]) for clip in range(3)], 1)
    torch.testing.assert_close(together, alone, rtol=0, atol=5e-6)
    torch.testing.assert_close(together, logits(head, queries.flip(2)), rtol=0, atol=5e-6)
    monkeypatch.setattr(lbvq.clip_head, '_FRAMES_AT_ONCE', 3)
    torch.testing.assert_close(together, logits(head, queries), rtol=0, atol=5e-6)


@torch.no_grad()
def test_a_repeated_clip_changes_queries_unless_the_sum_is_divided(head) -> None:
    once = frame_queries(1, 3)
    twice = torch.cat([once, once], 2)
    assert not torch.allclose(logits(head, once), logits(head, twice), atol=1e-3)
    head.divide_by_frames = True
    torch.testing.assert_close(logits(head, once), logits(head, twice), rtol=0, atol=5e-6)


def test_every_parameter_gets_a_gradient_in_training(head) -> None:
    predictions = head.train()(frame_queries(2, 3, layers=3), torch.zeros(2, 3, 0))
    assert len(predictions.layers) == 2
    frame, clip = head.similarity_embeds(predictions)
    outputs = [part.sum() for layer in predictions.layers for part in layer]
    masks = predictions.mask_logits(torch.rand(2, 3, 16, 2, 2), predictions.layers[0][1][0])
    (sum(outputs) + masks.sum() + frame.sum() + clip.sum()).backward()
    assert all(weight.grad is not None for weight in head.parameters())


def test_other_number_of_frame_queries_raises(head) -> None:
    with pytest.raises(ValueError, match=r'LBVQClipHead: expected frame queries \(L, B, T, 4, C\)'):
        head(torch.rand(1, 1, 3, 5, 16), torch.zeros(1, 3, 0))
