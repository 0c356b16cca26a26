"""Fusion of maps with those of prior images, and of mask features with audio."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.sine_encoding import sine_encoding

_REDUCTION = 16  # of the hidden width of a gate
_INITIAL_SCALE = 1e-4  # of what the attention adds


class PriorGate(nn.Module):
    """Add the map of the prior image to that of the frame, channel by channel as much as it shows.

    Args:
        channels: Width of both maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // _REDUCTION)
        self.fc2 = nn.Linear(channels // _REDUCTION, channels)

    def forward(self, x: Tensor, prior: Tensor) -> Tensor:
        """Fuse two maps (N, C, h, w)."""
        gate = self.fc2(self.fc1(prior.mean((2, 3))).relu()).sigmoid()
        return x + gate[:, :, None, None] * prior


class BilateralFusion(nn.Module):
    """Attention between the positions of a map and the one audio token of its frame, both ways.

    The weights are a softmax over the positions, for the audio, which reads the map, as well as for
    the map, each of whose positions receives the audio by its weight. Since there is one token,
    the projections of the map are applied to the audio, or to the P values once they are summed:
    the same function without three maps of the width of the attention.

    Args:
        channels: C, width of the map.
        audio_dim: D, width of the audio token.
        num_heads: Number of heads.
        dropout: Probability of dropping a weight.
    """

    def __init__(
        self, channels: int, audio_dim: int, *, num_heads: int = 8, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.level_embed = nn.Embedding(1, channels)
        self.audio_position = nn.Embedding(1, audio_dim)
        self.norm = nn.LayerNorm(channels)
        self.audio_norm = nn.LayerNorm(audio_dim)
        self.query_proj = nn.Linear(channels, channels)
        self.key_proj = nn.Linear(audio_dim, channels)
        self.value_proj = nn.Linear(channels, channels)
        self.audio_value_proj = nn.Linear(audio_dim, channels)
        self.out_proj = nn.Linear(channels, channels)
        self.audio_out_proj = nn.Linear(channels, audio_dim)
        self.scale = nn.Parameter(torch.full((channels,), _INITIAL_SCALE))
        self.audio_scale = nn.Parameter(torch.full((audio_dim,), _INITIAL_SCALE))
        self.dropout = nn.Dropout(dropout)
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (N, C, h, w) and audio (N, D) to normalized, fused ones of the same shapes."""
        shape = (x.shape[-2], x.shape[-1])
        tokens = self.norm(x.flatten(2).transpose(1, 2) + self.level_embed.weight)  # (N, P, C)
        audio = self.audio_norm(audio)
        position = sine_encoding(shape, tokens.shape[-1], device=x.device)
        keys = self._heads(self.key_proj(audio + self.audio_position.weight))
        weights = self._logits(tokens, position, keys).softmax(1)  # (N, P, heads)
        added = self.dropout(weights) @ self._audio_values(audio) + self.out_proj.bias
        read = self._read(tokens, self.dropout(weights))
        tokens = tokens + self.scale * added
        audio = audio + self.audio_scale * self.audio_out_proj(read)
        return tokens.transpose(1, 2).unflatten(2, shape), audio

    def _logits(self, tokens: Tensor, position: Tensor, keys: Tensor) -> Tensor:
        """Return logits (N, P, heads) of tokens (N, P, C) and keys (N, heads, c)."""
        weight, bias = self._heads(self.query_proj.weight.T), self._heads(self.query_proj.bias)
        projected = torch.einsum('nhd,chd->nch', keys, weight)
        offset = (keys * bias).sum(-1)
        return ((tokens + position) @ projected + offset[:, None]) * keys.shape[-1] ** -0.5

    def _audio_values(self, audio: Tensor) -> Tensor:
        """Return what each head adds to a position of weight 1, (N, heads, C)."""
        values = self._heads(self.audio_value_proj(audio))
        return torch.einsum('nhd,chd->nhc', values, self._heads(self.out_proj.weight))

    def _read(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Return the projected sums (N, C) of tokens (N, P, C) with weights (N, P, heads)."""
        sums = weights.transpose(1, 2) @ tokens  # (N, heads, C)
        read = torch.einsum('nhc,chd->nhd', sums, self._heads(self.value_proj.weight.T))
        return (read + weights.sum(1)[..., None] * self._heads(self.value_proj.bias)).flatten(1)

    def _heads(self, x: Tensor) -> Tensor:
        """Split the last axis of x (..., C) to (..., heads, c)."""
        return x.unflatten(-1, (self.num_heads, -1))


def audio_of_queries(audio: Tensor, num_queries: int, *, mixed: bool) -> Tensor:
    """Return the audio of each query of each frame.

    Args:
        audio: One token per frame, (N, C).
        num_queries: Q.
        mixed: The official code reshapes N copies per query where it should transpose: query q of
            frame n has the audio of frame (q N + n) / Q, rounded down.

    Returns:
        (N, Q, C); (N, 1, C) if all queries of a frame have the audio of the frame.
    """
    if not mixed:
        return audio[:, None]
    count = len(audio)
    frames = torch.arange(count, device=audio.device)[:, None]
    queries = torch.arange(num_queries, device=audio.device)
    return audio[(queries * count + frames) // num_queries]


def neighbor_dissimilarity(embeds: Tensor, features: Tensor, pairs: Tensor) -> Tensor:
    """Return the mean of d exp(-d) over pairs of frames, d = 1 - cosine of all their mask logits.

    Args:
        embeds: Mask embeddings (N, Q, C).
        features: Mask features (N, C, h, w).
        pairs: Indices (2, M) of M pairs of frames.
    """
    masks = (embeds @ features.flatten(2)).flatten(1).float()
    similar = masks.new_ones(pairs.shape[1])
    distance = F.cosine_embedding_loss(masks[pairs[0]], masks[pairs[1]], similar, reduction='none')
    return (distance * torch.exp(-distance)).mean()
