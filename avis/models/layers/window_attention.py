"""Attention within windows along time: blocks of AVISM's clip module, for clips of any length.

A clip of T frames is cut into windows of W frames, or into windows shifted by half of W, whose
first holds W / 2 frames only. The last window holds what is left. AVISM is published with clips
padded to whole windows, rolled along time and masked with -1000; the masked weights underflow to
zero, so each frame reads exactly the frames of its window here. Nothing is padded, rolled or masked
here, and equal windows are one batch.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.attention import FeedForwardBlock
from avis.models.layers.linear import TokenLinear


def window_runs(length: int, size: int, offset: int = 0) -> list[tuple[int, int, int]]:
    """Cut frames into windows and join those of equal length.

    Args:
        length: T, number of frames.
        size: W, frames of a whole window.
        offset: Frames of the first window if it is shorter; 0 if it is not.

    Returns:
        ``(start, windows, frames)`` of each run of neighbouring windows with that many frames.

    >>> window_runs(13, 6), window_runs(13, 6, 3)
    ([(0, 2, 6), (12, 1, 1)], [(0, 1, 3), (3, 1, 6), (9, 1, 4)])
    """
    runs = [(0, 1, min(offset, length))] if offset else []
    whole = max(length - offset, 0) // size
    if whole:
        runs.append((offset, whole, size))
    rest = offset + whole * size
    if rest < length:
        runs.append((rest, 1, length - rest))
    return runs


class WindowBlock(nn.Module):
    """Attention within windows and a feed-forward block, both with residual and LayerNorm.

    Args:
        channels: C, width of every token.
        num_heads: Heads, each of ``channels / num_heads`` channels.
        hidden_channels: Width within the feed-forward block.
        window: W, frames of a window.
    """

    def __init__(self, *, channels: int, num_heads: int, hidden_channels: int, window: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(
                f'WindowBlock: channels={channels} is not divisible by num_heads={num_heads}'
            )
        self.num_heads = num_heads
        self.window = window
        self.in_proj = TokenLinear(channels, 3 * channels)  # rows of queries, keys, values
        self.out_proj = TokenLinear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.ffn = FeedForwardBlock(channels, hidden_channels)
        for layer in (self.in_proj, self.out_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def per_window(self, attend: Callable[..., Tensor], shifted: bool, *tokens: Tensor) -> Tensor:
        """Call ``attend`` on tensors (N * windows, frames, ...) cut from those (N, T, ...)."""
        outputs = []
        offset = self.window // 2 if shifted else 0
        for start, windows, frames in window_runs(tokens[0].shape[1], self.window, offset):
            cut = (t[:, start : start + windows * frames] for t in tokens)
            output = attend(*(t.unflatten(1, (windows, frames)).flatten(0, 1) for t in cut))
            outputs.append(output.unflatten(0, (-1, windows)).flatten(1, 2))
        return torch.cat(outputs, 1)

    def finish(self, tokens: Tensor, read: Tensor) -> Tensor:
        """What follows the attention: projection, residual, norm, feed-forward."""
        return self.ffn(self.norm(tokens + self.out_proj(read)))


class WindowSelfAttention(WindowBlock):
    """All tokens of a window read each other."""

    def forward(self, tokens: Tensor, *, shifted: bool) -> Tensor:
        """Map tokens (N, T, Q, C) to the same shape."""
        return self.finish(tokens, self.per_window(self._attend, shifted, self.in_proj(tokens)))

    def _attend(self, projected: Tensor) -> Tensor:
        """Attention within windows (N, frames, Q, 3 * C)."""
        parts = projected.flatten(1, 2).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (N, heads, frames * Q, C / heads)
        read = F.scaled_dot_product_attention(query, key, value)
        return read.transpose(1, 2).flatten(2).unflatten(1, projected.shape[1:3])


class WindowReading(WindowBlock):
    """One token per frame reads all tokens of its window.

    The few queries go to the space of the tokens, instead of the many tokens to keys and values:
    q.(K x + b) = (K'q).x + q.b, whose last term is the same for all x and leaves the softmax as it
    is; and a weighted mean of projected values is the projection of their weighted mean.
    """

    def forward(self, audio: Tensor, tokens: Tensor, *, shifted: bool) -> Tensor:
        """Let sound (N, T, C) read tokens (N, T, Q, C); returns (N, T, C)."""
        weights = self.in_proj.weight.unflatten(0, (3, self.num_heads, -1))  # (3, heads, d, C)
        biases = self.in_proj.bias.unflatten(0, (3, self.num_heads, -1))
        query = torch.einsum('ntc,hdc->nthd', audio, weights[0]) + biases[0]
        query = torch.einsum('nthd,hdc->nthc', query, weights[1])
        mean = self.per_window(self._attend, shifted, query, tokens)  # (N, T, heads, C)
        read = torch.einsum('nthc,hdc->nthd', mean, weights[2]) + biases[2]
        return self.finish(audio, read.flatten(2))

    def _attend(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Weighted means (N, frames, heads, C) of tokens (N, frames, Q, C)."""
        tokens = tokens.flatten(1, 2)[:, None]
        scale = (self.in_proj.in_features / self.num_heads) ** -0.5
        read = F.scaled_dot_product_attention(
            query.flatten(1, 2)[:, None], tokens, tokens, scale=scale
        )
        return read[:, 0].unflatten(1, query.shape[1:3])
