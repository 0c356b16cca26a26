"""AVISM's clip module: from the queries of all frames to instances of the whole clip.

Letters: L kept decoder layers of the frame head, B clips, T frames, P queries per frame, Q queries
per clip, K classes, C channels, D width of an audio embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmengine.model import caffe2_xavier_init
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import MaskProjection
from avis.models.layers.attention import MLP, DecoderLayer
from avis.models.layers.linear import TokenLinear
from avis.models.layers.window_attention import WindowCrossAttention, WindowSelfAttention
from avis.registry import MODELS


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
        memory: (L, B, T, P, C), the frame queries after encoding and fusion with audio.
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


@MODELS.register_module()
class AVISMClipHead(nn.Module):
    """Encode the queries of all frames over time, fuse audio, decode clip queries.

    Frame queries attend to each other within windows of frames (``encoder``). One audio token per
    frame attends to the encoded queries within windows (``fusion``) and is added to those of its
    frame. Clip queries attend to all of them (``decoder``).

    Any number of frames and clips works; a clip's result does not depend on others in its batch.
    The official module repeats the audio for each query of a frame; as these copies stay equal, one
    is enough for the same result.

    Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709).

    Args:
        num_classes: K, without "no object".
        channels: C, width of the frame queries.
        audio_dim: D, width of an audio embedding; None for a model without audio.
        num_queries: Q.
        num_frame_queries: P, of the frame head.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
        num_encoder_layers: Number of layers of ``encoder``, and of ``fusion``.
        num_decoder_layers: Number of layers of ``decoder``.
        window: Frames per window.
        shift_in_training: Shift the windows of every second encoder layer in training too. The
            official module shifts windows of the encoder in evaluation only, those of the fusion
            always.
    """

    def __init__(  # noqa: PLR0913 - the sizes of a transformer
        self,
        *,
        num_classes: int,
        channels: int = 256,
        audio_dim: int | None = 128,
        num_queries: int = 100,
        num_frame_queries: int = 100,
        num_heads: int = 8,
        hidden_channels: int = 2048,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 3,
        window: int = 6,
        shift_in_training: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.shift_in_training = shift_in_training
        sizes = {'channels': channels, 'num_heads': num_heads, 'window': window}
        sizes['hidden_channels'] = hidden_channels
        self.input_proj = TokenLinear(channels, channels)
        self.encoder = nn.ModuleList(
            WindowSelfAttention(**sizes) for _ in range(num_encoder_layers)
        )
        self.audio_proj = None if audio_dim is None else nn.Linear(audio_dim, channels)
        num_fusion_layers = 0 if audio_dim is None else num_encoder_layers
        self.fusion = nn.ModuleList(WindowCrossAttention(**sizes) for _ in range(num_fusion_layers))
        self.decoder = nn.ModuleList(
            DecoderLayer(channels, num_heads, hidden_channels) for _ in range(num_decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(channels)
        self.query_feat = nn.Embedding(num_queries, channels)
        self.query_embed = nn.Embedding(num_queries, channels)
        self.frame_query_embed = nn.Embedding(num_frame_queries, channels)
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.mask_embed = MLP(channels, 3)
        self.mask_features = nn.Conv2d(channels, channels, 1)
        caffe2_xavier_init(self.mask_features)  # as in the official code
        self.frame_similarity = TokenLinear(channels, channels)
        self.clip_similarity = nn.Linear(channels, channels)

    def forward(self, frame_queries: Tensor, audio: Tensor) -> ClipPredictions:
        """Predict the instances of each clip.

        Args:
            frame_queries: (L, B, T, P, C), see ``FramePredictions.queries``.
            audio: One audio embedding per frame, (B, T, D).
        """
        self._check(frame_queries, audio)
        clip = frame_queries.shape[:2]
        tokens = self.encode(frame_queries.flatten(0, 1))
        if self.audio_proj is not None:
            audio_embed = self.audio_proj(audio).expand(clip[0], -1, -1, -1).flatten(0, 1)
            tokens = tokens + self.fuse(audio_embed, tokens)[:, :, None]
        layers = self.decode(tokens)  # each (L * B, Q, C)
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
            memory=tokens.unflatten(0, clip),
            projection=projection,
        )

    def encode(self, frame_queries: Tensor) -> Tensor:
        """Encode frame queries (N, T, P, C) over time; returns the same shape."""
        tokens = self.input_proj(frame_queries)
        shift = self.shift_in_training or not self.training
        for index, layer in enumerate(self.encoder):
            tokens = layer(tokens, shifted=shift and index % 2 == 1)
        return tokens

    def fuse(self, audio_embed: Tensor, tokens: Tensor) -> Tensor:
        """Attend from audio (N, T, C) to encoded frame queries (N, T, P, C); returns (N, T, C)."""
        for index, layer in enumerate(self.fusion):
            audio_embed = layer(audio_embed, tokens, shifted=index % 2 == 1)
        return audio_embed

    def decode(self, memory: Tensor) -> list[Tensor]:
        """Decode normalized clip queries (N, Q, C) from memory (N, T, P, C).

        Returns:
            Queries after each layer in training, after the last one in evaluation.
        """
        key = (memory + self.frame_query_embed.weight).flatten(1, 2)
        value, position = memory.flatten(1, 2), self.query_embed.weight
        queries = self.query_feat.weight.expand(len(memory), -1, -1)
        outputs = []
        for layer in self.decoder:
            queries = layer(queries, key, value, position)
            outputs.append(queries)
        kept = outputs if self.training else outputs[-1:]
        return [self.decoder_norm(queries) for queries in kept]

    def similarity_embeds(self, predictions: ClipPredictions) -> tuple[Tensor, Tensor]:
        """Return embeddings of frame queries (L, B, T, P, C) and of clip queries (L, B, Q, C).

        Their dot product is high where both describe the same instance.
        """
        return self.frame_similarity(predictions.memory), self.clip_similarity(predictions.queries)

    def _check(self, frame_queries: Tensor, audio: Tensor) -> None:
        num_queries = self.frame_query_embed.num_embeddings
        if frame_queries.ndim != 5 or frame_queries.shape[3] != num_queries:
            raise ValueError(
                f'AVISMClipHead: expected frame queries (L, B, T, {num_queries}, C), got '
                f'{tuple(frame_queries.shape)}. Set num_frame_queries to the number of queries of '
                f'the frame head.'
            )
        if self.audio_proj is None:
            return
        expected = (*frame_queries.shape[1:3], self.audio_proj.in_features)
        if tuple(audio.shape) != expected:
            raise ValueError(
                f'AVISMClipHead: expected one audio embedding per frame, (B, T, D) = {expected}, '
                f'got {tuple(audio.shape)}. Set audio_dim to the width of the audio encoder.'
            )
