"""CAVIS' refiner: attention along time over the queries of a whole video."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from avis.models.layers.attention import MLP, AttentionBlock, FeedForwardBlock


class RefinedFrames(NamedTuple):
    """Output of the refiner, of all L layers in training, of the last one in evaluation.

    Attributes:
        class_logits: (L, B, Q, K + 1), one class per video.
        mask_embeds: (L, B, T, Q, C).
        embeds: (B, T, Q, C), normalized, of the last layer.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    embeds: Tensor


class RefinerLayer(nn.Module):
    """Attention and convolution along time, attention within a frame and to it; post-norm.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward block.
    """

    def __init__(self, channels: int, num_heads: int, hidden_channels: int) -> None:
        super().__init__()
        self.time_attention = AttentionBlock(channels, num_heads)
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, channels, 5, padding='same', padding_mode='replicate'),
            nn.ReLU(inplace=True),
            nn.Conv1d(channels, channels, 3, padding='same', padding_mode='replicate'),
        )
        self.convolution_norm = nn.LayerNorm(channels)
        self.query_attention = AttentionBlock(channels, num_heads)
        self.cross_attention = AttentionBlock(channels, num_heads)
        self.ffn = FeedForwardBlock(channels, hidden_channels)

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """Map queries and states of the frame head, (B, T, Q, C) each, to (B, T, Q, C)."""
        shape = x.shape[:2]
        x = x.transpose(1, 2).flatten(0, 1)  # (B * Q, T, C)
        x = _attend(self.time_attention, x, x)
        x = self.convolution_norm(x + self.convolutions(x.mT).mT)
        x = x.unflatten(0, (shape[0], -1)).transpose(1, 2).flatten(0, 1)  # (B * T, Q, C)
        x = _attend(self.query_attention, x, x)
        x = _attend(self.cross_attention, x, states.flatten(0, 1))
        out: Tensor = self.ffn(x)
        return out.unflatten(0, shape)


class Refiner(nn.Module):
    """Refine the tracked queries of a video.

    Source: the official code of CAVIS, ICCV 2025.

    Args:
        num_classes: K, without "no object".
        channels: C, width of the queries.
        num_layers: L.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        channels: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        hidden_channels: int = 2048,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            RefinerLayer(channels, num_heads, hidden_channels) for _ in range(num_layers)
        )
        self.decoder_norm = nn.LayerNorm(channels)
        self.frame_weight = nn.Linear(channels, 1)
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.mask_embed = MLP(channels, 3)

    def forward(self, embeds: Tensor, states: Tensor) -> RefinedFrames:
        """Refine normalized queries of the tracker, (B, T, Q, C).

        Args:
            embeds: (B, T, Q, C).
            states: Queries of the frame head before their norm, in their own order, (B, T, Q, C).
        """
        outputs = []
        x = embeds
        for layer in self.layers:
            x = layer(x, states)
            outputs.append(x)
        normalized = self.decoder_norm(torch.stack(outputs if self.training else outputs[-1:]))
        weights = self.frame_weight(normalized).softmax(2)  # (L, B, T, Q, 1)
        return RefinedFrames(
            class_logits=self.class_embed((weights * normalized).sum(2)),
            mask_embeds=self.mask_embed(normalized),
            embeds=normalized[-1],
        )


def _attend(block: AttentionBlock, x: Tensor, memory: Tensor) -> Tensor:
    out: Tensor = block.norm(x + block.attend(x, memory, memory))
    return out
