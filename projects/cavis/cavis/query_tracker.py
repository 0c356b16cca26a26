"""CAVIS' tracker of queries: decodes the queries of each frame from those of the frame before."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avis.models.layers.attention import MLP, AttentionBlock, FeedForwardBlock
from cavis.assignment import assign_queries, reorder


class TrackedFrames(NamedTuple):
    """Output of the tracker for T frames.

    Attributes:
        class_logits: (L, B, T, Q, K + 1), after each of the L layers.
        mask_embeds: (L, B, T, Q, C).
        embeds: (B, T, Q, C), normalized, of the last layer.
        references: (B, T', Q, C), what the queries of frame t > 0 of the video attended with.
        frame_index: (B, T, Q), order of the queries of the frame head.
        context_index: (B, T, Q), order of their contexts in the memory.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    embeds: Tensor
    references: Tensor
    frame_index: Tensor
    context_index: Tensor


@dataclass
class Memory:
    """State between frames: queries with context, and ordered embeddings, (B, Q, 2 C) each."""

    queries: Tensor
    embeds: Tensor


class TrackerLayer(nn.Module):
    """Cross-attention with a given identity, self-attention, feed-forward block; post-norm.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads of both attentions.
        hidden_channels: Width within the feed-forward block.
    """

    def __init__(self, channels: int, num_heads: int, hidden_channels: int) -> None:
        super().__init__()
        self.cross_attention = AttentionBlock(channels, num_heads)
        self.self_attention = AttentionBlock(channels, num_heads)
        self.ffn = FeedForwardBlock(channels, hidden_channels)

    def forward(self, identity: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return (N, Q, C); all arguments have that shape."""
        block = self.cross_attention
        x = block.norm(identity + block.attend(query, key, value))
        block = self.self_attention
        x = block.norm(x + block.attend(x, x, x))
        out: Tensor = self.ffn(x)
        return out


class QueryTracker(nn.Module):
    """Propagate queries from frame to frame.

    In each frame every query attends to the queries of the frame head, with what it was in the
    frame before. In the first frame of a video the query of the attention is computed again in each
    layer, later it is the same in all layers.

    Source: the official code of CAVIS, ICCV 2025.

    Args:
        num_classes: K, without "no object".
        channels: C, width of the queries.
        num_layers: L.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
        inverse_assignment: Reorder the queries of a frame by the inverse of the permutation that
            aligns them, as the official tracker does; see
            :func:`~cavis.assignment.assign_queries`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        channels: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        hidden_channels: int = 2048,
        inverse_assignment: bool = True,
    ) -> None:
        super().__init__()
        self.inverse_assignment = inverse_assignment
        self.layers = nn.ModuleList(
            TrackerLayer(channels, num_heads, hidden_channels) for _ in range(num_layers)
        )
        self.decoder_norm = nn.LayerNorm(channels)
        self.context_query_embed = nn.Linear(2 * channels, channels)
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.mask_embed = MLP(channels, 3)

    def forward(
        self, states: Tensor, embeds: Tensor, memory: Memory | None = None
    ) -> tuple[TrackedFrames, Memory]:
        """Track T frames.

        Args:
            states: Queries of the frame head before their norm, (B, T, Q, C).
            embeds: Their embeddings, (B, T, Q, 2 C).
            memory: Of the frame before; None at the start of a video.
        """
        outputs, references, frame_index, context_index = [], [], [], []
        for state, embed in zip(states.unbind(1), embeds.unbind(1), strict=True):
            if memory is None:
                index = torch.arange(state.shape[1], device=state.device)
                index = index.expand(len(state), -1)
                layers, ordered = self._first_frame(state, embed), embed
            else:
                index = self._assign(memory.embeds, embed)
                ordered = reorder(embed, index)
                reference = self.context_query_embed(memory.queries)
                references.append(reference)
                layers = self._next_frame(state, embed, ordered, reference)
            context = embed.chunk(2, -1)[1]
            of_context = self._assign(layers[-1], state)
            memory = Memory(torch.cat([layers[-1], reorder(context, of_context)], -1), ordered)
            outputs.append(torch.stack(layers))
            frame_index.append(index)
            context_index.append(of_context)
        normalized = self.decoder_norm(torch.stack(outputs, 2))  # (L, B, T, Q, C)
        tracked = TrackedFrames(
            class_logits=self.class_embed(normalized),
            mask_embeds=self.mask_embed(normalized),
            embeds=normalized[-1],
            references=torch.stack(references, 1) if references else states[:, :0],
            frame_index=torch.stack(frame_index, 1),
            context_index=torch.stack(context_index, 1),
        )
        assert memory is not None
        return tracked, memory

    def _first_frame(self, state: Tensor, embed: Tensor) -> list[Tensor]:
        """Return the queries (B, Q, C) after each layer."""
        identity, context = embed.chunk(2, -1)
        key = query = self.context_query_embed(embed)
        outputs = []
        for index, layer in enumerate(self.layers):
            if index:
                query = self.context_query_embed(torch.cat([identity, context], -1))
            identity = layer(identity, query, key, state)
            outputs.append(identity)
        return outputs

    def _next_frame(
        self, state: Tensor, embed: Tensor, ordered: Tensor, reference: Tensor
    ) -> list[Tensor]:
        """Return the queries (B, Q, C) after each layer."""
        identity, key = ordered.chunk(2, -1)[0], self.context_query_embed(embed)
        outputs = []
        for layer in self.layers:
            identity = layer(identity, reference, key, state)
            outputs.append(identity)
        return outputs

    def _assign(self, reference: Tensor, current: Tensor) -> Tensor:
        return assign_queries(reference, current, inverse=self.inverse_assignment)
