"""Official computation of AVISM's clip module, with its weights: windows with padding and masks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.layers.attention import AttentionBlock, FeedForwardBlock
from avis.models.layers.window_attention import WindowBlock

MASKED = -1000.0


def attention(block: AttentionBlock | WindowBlock) -> nn.MultiheadAttention:
    """Build nn.MultiheadAttention with the weights of an attention block of avis."""
    layer = nn.MultiheadAttention(block.in_proj.in_features, block.num_heads)
    layer.in_proj_weight, layer.in_proj_bias = block.in_proj.weight, block.in_proj.bias
    layer.out_proj.weight, layer.out_proj.bias = block.out_proj.weight, block.out_proj.bias
    return layer.train(block.training)


def feed_forward(block: FeedForwardBlock, x: Tensor) -> Tensor:
    """A feed-forward block with torch's own linear layers."""
    hidden = F.relu(F.linear(x, block.linear1.weight, block.linear1.bias))
    return block.norm(x + F.linear(hidden, block.linear2.weight, block.linear2.bias))


def pad_time(tokens: Tensor, window: int) -> Tensor:
    """Pad tokens (T, P, L, C) to whole windows."""
    return F.pad(tokens, (0, 0, 0, 0, 0, 0, 0, -len(tokens) % window))


def attend_windows(
    layer: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    length: int,
    window: int,
    *,
    shifted: bool,
) -> Tensor:
    """Attend within windows of W frames.

    Args:
        layer: With the weights of the block.
        query: (T padded, P, L, C).
        key: (T padded, P, L, C).
        length: T without the padding.
        window: W.
        shifted: Roll the clip by half of W.

    Returns:
        (T padded, P, L, C).
    """
    half, heads = window // 2, layer.num_heads
    padded, slots, batch, _ = key.shape
    if shifted:
        query, key = query.roll(half, 0), key.roll(half, 0)
    mask = _masks(padded, length, window, key, shifted=shifted)  # (windows, W, W)
    mask = mask.repeat_interleave(slots, 1).repeat_interleave(slots, 2)
    mask = mask.repeat_interleave(batch * heads, 0)  # (windows * L * heads, W * P, W * P)
    read, _ = layer(*(_split(x, window) for x in (query, key, key)), attn_mask=mask)
    read = read.unflatten(0, (window, slots)).unflatten(2, (-1, batch))
    read = read.permute(2, 0, 1, 3, 4).flatten(0, 1)  # (T padded, P, L, C)
    return read.roll(-half, 0) if shifted else read


def _split(x: Tensor, window: int) -> Tensor:
    """(T padded, P, L, C) to (W * P, windows * L, C)."""
    x = x.unflatten(0, (-1, window)).permute(1, 2, 0, 3, 4)
    return x.flatten(2, 3).flatten(0, 1)


def _masks(padded: int, length: int, window: int, like: Tensor, *, shifted: bool) -> Tensor:
    """Additive masks between the frames of each window, (windows, W, W)."""
    half = window // 2
    frames = torch.arange(padded).roll(half if shifted else 0).view(-1, window)
    pad = frames >= length
    mask = like.new_zeros(len(frames), window, window)
    mask[pad] = MASKED
    for index in {0, len(frames) - 1}:
        mask[index, :, pad[index]] += MASKED
    if shifted:
        mask[0, :half, half:] += MASKED
        mask[0, half:, :half] += MASKED
    return mask


class PublishedClipHead(nn.Module):
    """The clip module, computed as in the official code for one clip.

    Args:
        head: Whose weights to use.
    """

    def __init__(self, head: AVISMClipHead) -> None:
        super().__init__()
        self.head = head
        self.window = head.encoder[0].window
        self.encoder = nn.ModuleList(attention(block) for block in head.encoder)
        self.fusion = nn.ModuleList(attention(block) for block in head.fusion)
        self.cross = nn.ModuleList(attention(layer.cross_attention) for layer in head.decoder)
        self.among = nn.ModuleList(attention(layer.self_attention) for layer in head.decoder)
        self.train(head.training)

    def forward(self, frame_queries: Tensor, audio: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Predict.

        Args:
            frame_queries: (L, 1, T, P, C).
            audio: (1, T, D).
            features: Pixel features (1, T, C, h, w).

        Returns:
            ``class_logits`` (layers, L, 1, Q, K + 1), ``mask_embeds`` (layers, L, 1, Q, C), and
            ``mask_features`` (1, T, C, h, w); ``encoded`` and ``fused`` (T padded, P, L, C).
        """
        head, length = self.head, frame_queries.shape[2]
        tokens = head.input_proj(frame_queries[:, 0]).permute(1, 2, 0, 3)  # (T, P, L, C)
        audio_embed = head.audio_proj(audio[0])[:, None, None].expand_as(tokens)
        tokens, audio_embed = (pad_time(x, self.window) for x in (tokens, audio_embed))
        for index, block in enumerate(head.encoder):
            shifted = index % 2 == 1 and not self.training
            read = attend_windows(
                self.encoder[index], tokens, tokens, length, self.window, shifted=shifted
            )
            tokens = feed_forward(block.ffn, block.norm(tokens + read))
        for index, block in enumerate(head.fusion):
            shifted = index % 2 == 1
            read = attend_windows(
                self.fusion[index], audio_embed, tokens, length, self.window, shifted=shifted
            )
            audio_embed = feed_forward(block.ffn, block.norm(audio_embed + read))
        memory = (tokens + audio_embed)[:length]
        outputs = self._decode(memory)  # each (L, Q, C)
        return {
            'class_logits': torch.stack([head.class_embed(x)[:, None] for x in outputs]),
            'mask_embeds': torch.stack([head.mask_embed(x)[:, None] for x in outputs]),
            'frame_embeds': head.frame_similarity(memory).permute(2, 0, 1, 3)[:, None],
            'clip_embeds': head.clip_similarity(outputs[-1])[:, None],
            'mask_features': head.mask_features(features[0])[None],
            'encoded': tokens,
            'fused': audio_embed,
        }

    def _decode(self, memory: Tensor) -> list[Tensor]:
        head, batch = self.head, memory.shape[2]
        value = memory.flatten(0, 1)  # (T * P, L, C)
        key = (memory + head.frame_query_embed.weight[:, None]).flatten(0, 1)
        position = head.query_embed.weight[:, None].expand(-1, batch, -1)
        queries = head.query_feat.weight[:, None].expand(-1, batch, -1)
        outputs = []
        for index, layer in enumerate(head.decoder):
            read, _ = self.cross[index](queries + position, key, value)
            queries = layer.cross_attention.norm(queries + read)
            placed = queries + position
            read, _ = self.among[index](placed, placed, queries)
            queries = feed_forward(layer.ffn, layer.self_attention.norm(queries + read))
            outputs.append(head.decoder_norm(queries).transpose(0, 1))
        return outputs if self.training else outputs[-1:]
