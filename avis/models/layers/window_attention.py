"""Attention within windows along time: blocks of AVISM's clip module, for clips of any length.

A clip of T frames is split into windows of W frames, or into windows shifted by half of W, the
first of which has W / 2 frames. The last window has the remaining frames. The official AVISM pads
clips to whole windows, rolls them along time and masks with -1000; the masked weights underflow to
zero, so that each frame attends to exactly the frames of its window. Here nothing is padded, rolled
or masked, and windows of equal length are one batch.

Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709), after Heo et
al., *VITA*, NeurIPS 2022 (arXiv:2206.04403).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.attention import FeedForwardBlock
from avis.models.layers.linear import TokenLinear


def window_groups(length: int, size: int, offset: int = 0) -> list[tuple[int, int, int]]:
    """Split frames into windows and group neighboring windows of equal length.

    Args:
        length: T, number of frames.
        size: W, frames of a full window.
        offset: Frames of the first window if it is shorter, else 0.

    Returns:
        ``(start, windows, frames)`` of each group: index of the first frame, number of windows,
        frames per window.

    >>> window_groups(13, 6), window_groups(13, 6, 3)
    ([(0, 2, 6), (12, 1, 1)], [(0, 1, 3), (3, 1, 6), (9, 1, 4)])
    """
    groups = [(0, 1, min(offset, length))] if offset else []
    whole = max(length - offset, 0) // size
    if whole:
        groups.append((offset, whole, size))
    end = offset + whole * size
    if end < length:
        groups.append((end, 1, length - end))
    return groups


class WindowBlock(nn.Module):
    """Base: attention within windows and a feed-forward block, both with residual and LayerNorm.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads, each of ``channels / num_heads`` channels.
        hidden_channels: Width within the feed-forward block.
        window: W, frames of a window; 0 is one window of all frames, never shifted.
    """

    def __init__(self, *, channels: int, num_heads: int, hidden_channels: int, window: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(
                f'WindowBlock: expected channels divisible by num_heads, got '
                f'channels={channels} and num_heads={num_heads}'
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

    def apply_windows(
        self, attend: Callable[..., Tensor], shifted: bool, *tokens: Tensor
    ) -> Tensor:
        """Apply ``attend`` to the windows of tensors (N, T, ...).

        Args:
            attend: Maps tensors (N * windows, frames, ...) to one of that shape.
            shifted: Shift the windows by half of W.
            tokens: Tensors (N, T, ...).

        Returns:
            (N, T, ...).
        """
        outputs = []
        offset = self.window // 2 if shifted else 0
        length = tokens[0].shape[1]
        for start, windows, frames in window_groups(length, self.window or length, offset):
            parts = (t[:, start : start + windows * frames] for t in tokens)
            output = attend(*(t.unflatten(1, (windows, frames)).flatten(0, 1) for t in parts))
            outputs.append(output.unflatten(0, (-1, windows)).flatten(1, 2))
        return torch.cat(outputs, 1)

    def project(self, tokens: Tensor, attended: Tensor) -> Tensor:
        """Apply output projection, residual, norm and feed-forward block; tensors (..., C)."""
        return self.ffn(self.norm(tokens + self.out_proj(attended)))


class WindowSelfAttention(WindowBlock):
    """Self-attention of all tokens of a window."""

    def forward(self, tokens: Tensor, *, shifted: bool) -> Tensor:
        """Map tokens (N, T, Q, C) to the same shape; ``shifted`` shifts windows by half of W."""
        return self.project(tokens, self.apply_windows(self._attend, shifted, self.in_proj(tokens)))

    def _attend(self, projected: Tensor) -> Tensor:
        """Map projected tokens of windows (N, frames, Q, 3 * C) to (N, frames, Q, C)."""
        parts = projected.flatten(1, 2).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (N, heads, frames * Q, C / heads)
        attended = F.scaled_dot_product_attention(query, key, value)
        return attended.transpose(1, 2).flatten(2).unflatten(1, projected.shape[1:3])


class WindowCrossAttention(WindowBlock):
    """Cross-attention of one token per frame to all tokens of its window.

    The few queries are projected to the space of the tokens, instead of the many tokens to keys and
    values: q.(K x + b) = (K'q).x + q.b, whose last term is the same for all x and does not change
    the softmax; and a weighted mean of projected values is the projection of their weighted mean.
    """

    def forward(self, audio: Tensor, tokens: Tensor, *, shifted: bool) -> Tensor:
        """Attend from audio (N, T, C) to tokens (N, T, Q, C); returns (N, T, C)."""
        query, value_weight, value_bias = self._project_query(audio)
        mean = self.apply_windows(self._attend, shifted, query, tokens)  # (N, T, heads, C)
        attended = torch.einsum('nthc,hdc->nthd', mean, value_weight) + value_bias
        return self.project(audio, attended.flatten(2))

    def audio_attention(self, audio: Tensor, tokens: Tensor, *, shifted: bool) -> Tensor:
        """Return the weights of the audio of each frame on the tokens of that frame.

        Args:
            audio: (N, T, C).
            tokens: (N, T, Q, C).
            shifted: As for :meth:`forward`.

        Returns:
            Mean of heads (N, T, Q); the other frames of the window have the rest of the sum of 1.
        """
        query, _, _ = self._project_query(audio)
        return self.apply_windows(self._own_weights, shifted, query, tokens)

    def _project_query(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (N, T, heads, C), and weight (heads, d, C) and bias of the values."""
        weights = self.in_proj.weight.unflatten(0, (3, self.num_heads, -1))  # (3, heads, d, C)
        biases = self.in_proj.bias.unflatten(0, (3, self.num_heads, -1))
        query = torch.einsum('ntc,hdc->nthd', audio, weights[0]) + biases[0]
        return torch.einsum('nthd,hdc->nthc', query, weights[1]), weights[2], biases[2]

    def _own_weights(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Return the weights (N, frames, Q) on the tokens of the own frame in a window."""
        logits = torch.einsum('nthc,nsqc->nhtsq', query, tokens) * self._scale
        weights = logits.flatten(3).softmax(-1).view(logits.shape).mean(1)
        return weights.diagonal(dim1=1, dim2=2).permute(0, 2, 1)

    @property
    def _scale(self) -> float:
        return float((self.in_proj.in_features / self.num_heads) ** -0.5)

    def _attend(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Return weighted means (N, frames, heads, C) of tokens (N, frames, Q, C)."""
        tokens = tokens.flatten(1, 2)[:, None]
        attended = F.scaled_dot_product_attention(
            query.flatten(1, 2)[:, None], tokens, tokens, scale=self._scale
        )
        return attended[:, 0].unflatten(1, query.shape[1:3])
