"""Mask2Former whose queries start from the audio, with one token that counts the sources."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import (
    FramePredictions,
    LayerPrediction,
    Matching,
)
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class ACVISFrameHead(Mask2FormerFrameHead):
    """Decode a count token together with the queries; it attends to the whole frame.

    ``FramePredictions.extras['count_logits']`` (B, T, 2) tells how many instances sound in a frame,
    see :func:`~acvis.count_loss.count_probabilities`. The tracks do not depend on it.

    Args:
        query_generation: A block with the interface of
            :class:`~acvis.query_generation.AudioCentricQueries`.
        loss_count: Loss of the count; None to train without it.
        kwargs: Arguments of ``Mask2FormerFrameHead``.
    """

    def __init__(
        self,
        *,
        query_generation: dict[str, Any],
        loss_count: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        channels = self.query_feat.embedding_dim
        self.query_generation = MODELS.build(query_generation)
        self.count_token = nn.Embedding(1, channels)
        self.count_proj = nn.Linear(channels, 2)
        self.loss_count = None if loss_count is None else MODELS.build(loss_count)

    def start_queries(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return the count token and the queries (N, 1 + Q, C), made from audio (B, T, D)."""
        learned = torch.cat([self.count_token.weight, self.query_feat.weight])
        queries: Tensor = self.query_generation(learned, audio.flatten(0, 1))
        return queries

    def query_positions(self) -> Tensor:
        """Return the positions (1 + Q, C); the count token is its own position."""
        return torch.cat([self.count_token.weight, self.query_embed.weight])

    def compute_extras(
        self, state: Tensor, last: LayerPrediction, pixel_features: Tensor
    ) -> dict[str, Tensor]:
        """Return the count logits of the last layer."""
        return {'count_logits': self.count_proj(self.decoder_norm(state[:, 0]))}

    def loss(
        self, predictions: FramePredictions, data_samples: Sequence[AVDataSample]
    ) -> tuple[dict[str, Tensor], list[list[Matching]]]:
        """Add ``loss_instance_cnt`` to the losses of Mask2Former."""
        losses, matchings = super().loss(predictions, data_samples)
        if self.loss_count is not None:
            logits = predictions.extras['count_logits']
            losses['loss_instance_cnt'] = self.loss_count(logits, data_samples)
        return losses, matchings

    def decode_queries(self, queries: Tensor, *args: Any) -> tuple[Tensor, list[Tensor]]:
        """Decode all tokens; the outputs are those of the queries."""
        state, outputs = super().decode_queries(queries, *args)
        return state, [tokens[:, 1:] for tokens in outputs]

    def make_attn_mask(self, queries: Tensor, features: Tensor) -> Tensor:
        """Return the masks of the queries; the count token attends everywhere."""
        mask = super().make_attn_mask(queries[:, 1:], features)
        return torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
