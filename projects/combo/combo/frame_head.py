"""The frame head of COMBO: Mask2Former whose mask features and queries know the audio."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import (
    FramePredictions,
    MaskProjection,
    Matching,
)
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.task_modules.mask_targets import MaskTarget
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from combo.fusion import BilateralFusion, audio_of_queries, neighbor_dissimilarity

_GROUP = 5  # consecutive frames within which neighbors are compared


@MODELS.register_module()
class COMBOFrameHead(Mask2FormerFrameHead):
    """Mask2Former with audio in the mask features and in the queries.

    Mask features and audio are fused both ways; the fused audio is added to the queries. A further
    loss makes the masks of consecutive frames similar, labeled or not.

    Source: the official code, yannqi/COMBO-AVS.

    Args:
        audio_dim: D, width of the audio embedding.
        audio_hidden: Width of the two hidden layers between audio and queries.
        mixed_audio: Queries get audio of other frames, as published; see
            :func:`~combo.fusion.audio_of_queries`. False is the corrected one.
        similarity_weight: Weight of the loss of consecutive frames.
        fusion_dropout: Probability of dropping a weight of the fusion.
        channels: C, width of queries and maps.
        num_heads: Number of heads of every attention.
        kwargs: Further arguments of ``Mask2FormerFrameHead``.
    """

    _identity: Tensor

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        audio_hidden: int = 4096,
        mixed_audio: bool = True,
        similarity_weight: float = 10.0,
        fusion_dropout: float = 0.1,
        channels: int = 256,
        num_heads: int = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels=channels, num_heads=num_heads, **kwargs)
        self.mixed_audio = mixed_audio
        self.similarity_weight = similarity_weight
        self.fusion = BilateralFusion(
            channels, audio_dim, num_heads=num_heads, dropout=fusion_dropout
        )
        self.audio_proj = nn.Sequential(
            nn.Linear(audio_dim, audio_hidden),
            nn.ReLU(),
            nn.Linear(audio_hidden, audio_hidden),
            nn.ReLU(),
            nn.Linear(audio_hidden, channels),
        )
        self.register_buffer('_identity', torch.eye(channels), persistent=False)

    @property
    def projection(self) -> MaskProjection:
        """The identity: pixel features are mask features here."""
        return MaskProjection(self._identity, self._identity.new_zeros(len(self._identity)))

    def forward(
        self, maps: Sequence[Tensor], audio: Tensor, clip: tuple[int, int]
    ) -> FramePredictions:
        """Predict the classes and masks of each frame.

        Args:
            maps: Of the backbone, finest first, each (N, C_i, h_i, w_i).
            audio: One audio embedding per frame, (B, T, D).
            clip: (B, T).
        """
        pixel_features, levels = self.decode_pixels(maps, audio)
        features = self.pixel_decoder.projection.project_features(pixel_features)
        features, fused = self.fusion(features, audio.flatten(0, 1))
        tokens = self.embed_levels(levels)
        queries = self.query_feat.weight + audio_of_queries(
            self.audio_proj(fused), len(self.query_feat.weight), mixed=self.mixed_audio
        )
        state, outputs = self.decode_queries(queries, tokens, levels, features)
        return self.collect(state, outputs, features, clip)

    def make_targets(self, data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
        """Return the targets of the B * T frames; the losses average over the whole batch."""
        targets = super().make_targets(data_samples)
        for target in targets:
            target.clip = 0
        return targets

    def loss(
        self,
        predictions: FramePredictions,
        data_samples: Sequence[AVDataSample],
        labeled: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], list[list[Matching]]]:
        """Return the losses of ``Mask2FormerFrameHead``, and those of consecutive frames.

        ``loss_cosine_i``, of the prediction after i layers but the last one, is over all frames
        that are not padding, labeled or not.
        """
        losses, matchings = super().loss(predictions, data_samples, labeled)
        features = predictions.pixel_features.flatten(0, 1)
        pairs = _neighbors(predictions.class_logits.shape[:2], data_samples)
        pairs = pairs.to(features.device, non_blocking=True)
        for index, layer in enumerate(predictions.layers[:-1]):
            value = neighbor_dissimilarity(layer.mask_embeds.flatten(0, 1), features, pairs)
            losses[f'loss_cosine_{index}'] = self.similarity_weight * value
        return losses, matchings


def _neighbors(clip: Sequence[int], data_samples: Sequence[AVDataSample]) -> Tensor:
    """Indices (2, M) of consecutive frames of B * T, within groups of five of each clip."""
    groups: list[Tensor] = []
    for index, sample in enumerate(data_samples):
        valid = sample.get('valid_frames')
        frames = torch.arange(clip[1]) if valid is None else valid.cpu().nonzero()[:, 0]
        groups += (frames + index * clip[1]).split(_GROUP)
    return torch.cat([torch.stack([group[:-1], group[1:]]) for group in groups], 1)
