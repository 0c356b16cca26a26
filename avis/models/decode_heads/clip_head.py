"""Base of clip heads: from the queries of all frames to instances of the whole clip.

Letters: L kept decoder layers of the frame head, B clips, T frames, P queries per frame, Q queries
per clip, K classes, C channels, D width of an audio embedding. Start reading at
:class:`~avis.models.decode_heads.avism_clip_head.AVISMClipHead`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmengine.model import caffe2_xavier_init
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import MaskProjection
from avis.models.layers.attention import MLP
from avis.models.layers.linear import TokenLinear


class ClipLayer(NamedTuple):
    """Prediction after one layer of the clip decoder.

    Attributes:
        class_logits: (L, B, Q, K + 1), the last class is "no object".
        mask_embeds: (L, B, Q, C).
    """

    class_logits: Tensor
    mask_embeds: Tensor


@dataclass
class ClipPredictions:
    """Instances of whole clips.

    Attributes:
        layers: Predictions after each decoder layer in training, after the last one in evaluation.
        queries: (L, B, Q, C), normalized, of the last layer.
        memory: (L, B, T, P, C), the encoded frame queries that the decoder reads.
        projection: From the frame head's pixel features to the clip's mask features.
    """

    layers: Sequence[ClipLayer]
    queries: Tensor
    memory: Tensor
    projection: MaskProjection

    def mask_logits(self, pixel_features: Tensor, mask_embeds: Tensor) -> Tensor:
        """Compute mask logits at stride 4.

        Args:
            pixel_features: (B, T, C, h, w) of the frame head, for all or some frames.
            mask_embeds: (B, Q, C), for all or some queries.

        Returns:
            (B, Q, T, h, w).
        """
        embeds, offsets = self.projection.project_embeds(mask_embeds)
        logits = torch.einsum('bqc,btchw->bqthw', embeds, pixel_features)
        return logits + offsets[..., None, None, None]


class ClipHead(nn.Module, ABC):
    """Encode the queries of all frames, decode clip queries, predict classes and masks from them.

    A subclass creates its own layers and calls :meth:`add_predictors` last.

    Args:
        num_classes: K, without "no object".
        channels: C, width of the frame queries.
    """

    def __init__(self, *, num_classes: int, channels: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.input_proj = TokenLinear(channels, channels)

    def add_predictors(
        self, *, num_queries: int, num_frame_queries: int, learned_content: bool
    ) -> None:
        """Create the parameters that every clip head has.

        Args:
            num_queries: Q.
            num_frame_queries: P, of the frame head.
            learned_content: Whether ``query_feat`` is the content of clip queries before the first
                layer.
        """
        channels = self.input_proj.out_features
        self.decoder_norm = nn.LayerNorm(channels)
        if learned_content:
            self.query_feat = nn.Embedding(num_queries, channels)
        self.query_embed = nn.Embedding(num_queries, channels)
        self.frame_query_embed = nn.Embedding(num_frame_queries, channels)
        self.class_embed = nn.Linear(channels, self.num_classes + 1)
        self.mask_embed = MLP(channels, 3)
        self.mask_features = nn.Conv2d(channels, channels, 1)
        caffe2_xavier_init(self.mask_features)  # as in the official code
        self.frame_similarity = TokenLinear(channels, channels)
        self.clip_similarity = nn.Linear(channels, channels)

    @abstractmethod
    def make_memory(self, frame_queries: Tensor, audio: Tensor) -> Tensor:
        """Encode frame queries (L, B, T, P, C) and audio (B, T, D); returns (L * B, T, P, C)."""

    @abstractmethod
    def decode(self, memory: Tensor) -> list[Tensor]:
        """Decode normalized clip queries (N, Q, C) from memory (N, T, P, C).

        Returns:
            Queries after each layer in training, after the last one in evaluation.
        """

    def forward(self, frame_queries: Tensor, audio: Tensor) -> ClipPredictions:
        """Predict the instances of each clip.

        Args:
            frame_queries: (L, B, T, P, C), see ``FramePredictions.queries``.
            audio: One audio embedding per frame, (B, T, D).
        """
        self._check_queries(frame_queries)
        clip = frame_queries.shape[:2]
        memory = self.make_memory(frame_queries, audio)
        layers = self.decode(memory)  # each (L * B, Q, C)
        bias = self.mask_features.get_parameter('bias')
        projection = MaskProjection(self.mask_features.weight.flatten(1), bias)
        return ClipPredictions(
            layers=[
                ClipLayer(
                    self.class_embed(queries).unflatten(0, clip),
                    self.mask_embed(queries).unflatten(0, clip),
                )
                for queries in layers
            ],
            queries=layers[-1].unflatten(0, clip),
            memory=memory.unflatten(0, clip),
            projection=projection,
        )

    def similarity_embeds(self, predictions: ClipPredictions) -> tuple[Tensor, Tensor]:
        """Return embeddings of frame queries (L, B, T, P, C) and of clip queries (L, B, Q, C).

        Their dot product is high where both describe the same instance.
        """
        return self.frame_similarity(predictions.memory), self.clip_similarity(predictions.queries)

    def _check_queries(self, frame_queries: Tensor) -> None:
        num_queries = self.frame_query_embed.num_embeddings
        if frame_queries.ndim != 5 or frame_queries.shape[3] != num_queries:
            raise ValueError(
                f'{type(self).__name__}: expected frame queries (L, B, T, {num_queries}, C), got '
                f'{tuple(frame_queries.shape)}. Set num_frame_queries to the number of queries of '
                f'the frame head.'
            )
