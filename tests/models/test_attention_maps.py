"""Recorded maps equal those of the dense attention, and recording changes no result."""

import pytest
import torch
from torch import nn

from avis.models.attention_maps import AttentionRecorder
from avis.models.fusion.cross_attention import CrossAttentionFusion
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.fusion.simple import AddFusion, ConcatFusion, NoFusion
from avis.models.fusion.tpavi import TPAVI
from avis.models.layers.window_attention import WindowCrossAttention
from tests.helpers import tiny_avism

B, T, C, H, W, D = 2, 5, 16, 3, 4, 6


def clip() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(B, T, C, H, W).double(), torch.rand(B, T, D).double()


@pytest.mark.parametrize('size', [None, 2, 1])
def test_tpavi_equals_the_columns_of_the_official_matrix(size) -> None:
    visual, audio = clip()
    block = TPAVI(channels=C, audio_dim=D, frames_per_group=size).double()
    found = block.audio_attention(visual, audio)
    for start in range(0, T, size or T):
        group = slice(start, start + (size or T))
        x, a = visual[:, group], block.audio_proj(audio[:, group])
        frames, positions = x.shape[1], H * W
        # The official form: theta(x) and phi(a), repeated over all positions, (B, C/2, N).
        theta = block.theta(x.permute(0, 1, 3, 4, 2)).flatten(1, 3)
        phi = block.phi(a)[:, :, None].expand(-1, -1, positions, -1).flatten(1, 2)
        matrix = theta @ phi.mT / (frames * positions)  # (B, N, N)
        columns = matrix.unflatten(2, (frames, positions)).sum(3).unflatten(1, (frames, H, W))
        own = columns.diagonal(dim1=1, dim2=4).permute(0, 3, 1, 2)
        torch.testing.assert_close(found[:, group], own)


def test_cross_attention_equals_the_softmax_over_the_frames() -> None:
    visual, audio = clip()
    block = CrossAttentionFusion(channels=C, audio_dim=D).double()
    attention, heads = block.attention, block.NUM_HEADS
    embed = block.audio_proj(audio)
    weight, bias = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    query = visual.permute(0, 1, 3, 4, 2).flatten(1, 3) @ weight[0].T + bias[0]
    key = embed @ weight[1].T + bias[1]
    parts = [x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key)]
    dense = (parts[0] @ parts[1].mT / (C / heads) ** 0.5).softmax(-1).mean(1)  # (B, N, T)
    found = block.audio_attention(visual, audio).flatten(2)
    for t in range(T):
        own = dense[:, t * H * W : (t + 1) * H * W, t]
        torch.testing.assert_close(found[:, t], own)


@pytest.mark.parametrize('kind', [AddFusion, ConcatFusion])
def test_blocks_without_attention_have_the_similarity_to_the_audio(kind) -> None:
    visual, audio = clip()
    block = kind(channels=C, audio_dim=D).double()
    found = block.audio_attention(visual, audio)
    x, a = visual[1, 2, :, 0, 3], block.audio_proj(audio)[1, 2]
    torch.testing.assert_close(found[1, 2, 0, 3], x @ a / (x.norm() * a.norm()))
    assert found.shape == (B, T, H, W)


def test_query_fusion_weights_explain_its_output() -> None:
    torch.manual_seed(2)
    block = AVISMQueryFusion(channels=C, audio_dim=D, num_levels=2, num_heads=1).double()
    audio, queries = torch.rand(3, D).double(), torch.randn(4, C).double()
    levels = [torch.randn(3, size, C).double() for size in (6, 12)]
    found = block.audio_attention(audio, queries, levels)
    assert [weights.shape for weights in found] == [(3, 6), (3, 12)]
    embed = block.audio_proj(audio)[:, None].expand(-1, 4, -1)
    for attention, tokens, weights in zip(block.attentions, levels, found, strict=True):
        # With one head the attended value is the weighted mean of the projected tokens.
        each = attention.attention_weights(embed, tokens, queries)
        value = tokens @ attention.in_proj.weight[2 * C :].T + attention.in_proj.bias[2 * C :]
        output = attention.norm(embed + attention.out_proj(each @ value))
        torch.testing.assert_close(attention(embed, tokens, tokens, queries), output)
        torch.testing.assert_close(each.mean(1), weights)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3).double())


@pytest.mark.parametrize('shifted', [True, False])
def test_window_attention_equals_the_softmax_over_the_window(shifted) -> None:
    torch.manual_seed(3)
    block = WindowCrossAttention(channels=8, num_heads=2, hidden_channels=8, window=4).double()
    audio, tokens = torch.randn(1, 7, 8).double(), torch.randn(1, 7, 3, 8).double()
    found = block.audio_attention(audio, tokens, shifted=shifted)
    windows = [(0, 2), (2, 6), (6, 7)] if shifted else [(0, 4), (4, 7)]
    weight, bias = block.in_proj.weight.chunk(3), block.in_proj.bias.chunk(3)
    for start, end in windows:
        query = (audio[0, start:end] @ weight[0].T + bias[0]).unflatten(1, (2, -1))
        key = (tokens[0, start:end] @ weight[1].T + bias[1]).unflatten(2, (2, -1))
        logits = torch.einsum('thd,sqhd->htsq', query, key) / 2  # sqrt of 4 channels per head
        dense = logits.flatten(2).softmax(-1).view(logits.shape).mean(0)
        for t in range(end - start):
            torch.testing.assert_close(found[0, start + t], dense[t, t])


def predict(model: nn.Module, item: dict) -> object:
    with torch.no_grad():
        inputs = {name: [value] for name, value in item['inputs'].items()}
        return model.test_step({'inputs': inputs, 'data_samples': [item['data_samples'].clone()]})


@pytest.mark.parametrize('frames_per_chunk', [16, 2])
def test_recording_changes_no_prediction_of_avism(frames_per_chunk) -> None:
    model = tiny_avism.build(frames_per_chunk=frames_per_chunk)
    item = tiny_avism.clip(length=5, size=(64, 80))
    (plain,) = predict(model, item)
    with AttentionRecorder(model) as recorder:
        (recorded,) = predict(model, item)
        maps = recorder.take()
        assert recorder.take() == {}
        recorder.active = False
        predict(model, item)
        assert recorder.take() == {}
    assert recorder.input_size == (64, 96)  # padded
    torch.testing.assert_close(
        plain.pred_tracks.scores, recorded.pred_tracks.scores, rtol=0, atol=0
    )
    assert [t.rles for t in plain.pred_tracks.masks] == [t.rles for t in recorded.pred_tracks.masks]
    levels = [f'frame_head.audio_fusion.attentions.{k}' for k in range(3)]
    layers = [f'tracker.head.fusion.{k}' for k in range(2)]
    assert list(maps) == levels + layers
    shapes = [tuple(maps[name].shape) for name in maps]
    assert shapes == [(1, 5, 2, 3), (1, 5, 4, 6), (1, 5, 8, 12), (1, 5, 4, 6), (1, 5, 4, 6)]
    torch.testing.assert_close(maps[levels[1]].sum((2, 3)), torch.ones(1, 5))
    assert all((maps[name] > 0).all() for name in maps)
    predict(model, item)  # the hooks are removed
    assert recorder.take() == {}


def test_model_without_audio_has_no_maps() -> None:
    with pytest.raises(ValueError, match='AVInstanceSegmentor: expected a fusion block that att'):
        AttentionRecorder(tiny_avism.build('overlap', with_audio=False))
    with pytest.raises(ValueError, match='NoFusion: expected a fusion block'):
        AttentionRecorder(NoFusion(channels=4))
