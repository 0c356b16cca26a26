"""Output of a frame head: the predictions of all frames, input of clip heads and trackers.

Letters: B clips, T frames, Q queries, K classes, C channels, L kept decoder layers, N instances.

Dense mask logits are the largest tensor of such a model (100 queries at a quarter of the frame
size), and most of them are never used. Therefore no mask is stored: a mask is the dot product of an
embedding and a map, and :meth:`FramePredictions.mask_logits` computes those that are needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor


class MaskProjection(NamedTuple):
    """The 1x1 convolution from pixel features to mask features.

    A mask logit is e.(W F + b), which equals (W'e).F + e.b: with the embedding projected instead of
    the map, the map of mask features is never computed.

    Attributes:
        weight: W, shape (C', C).
        bias: b, shape (C',).
    """

    weight: Tensor
    bias: Tensor

    def project_embeds(self, embeds: Tensor) -> tuple[Tensor, Tensor]:
        """Map mask embeddings (..., C') to embeddings of pixel features (..., C) and offsets."""
        return embeds @ self.weight, embeds @ self.bias

    def project_features(self, pixel_features: Tensor) -> Tensor:
        """Map pixel features (..., C, h, w) to mask features (..., C', h, w)."""
        projected = torch.einsum('oc,...chw->...ohw', self.weight, pixel_features)
        return projected + self.bias[:, None, None]


class LayerPrediction(NamedTuple):
    """Prediction after one decoder layer, or before the first.

    Attributes:
        class_logits: (B, T, Q, K + 1), the last class is "no object".
        mask_embeds: (B, T, Q, C').
    """

    class_logits: Tensor
    mask_embeds: Tensor


# Matched pairs of one frame or clip: indices of queries (M,) and of instances in the clip's
#     gt_tracks (M,).
Matching = tuple[Tensor, Tensor]


@dataclass
class FramePredictions:
    """Predictions of all frames of a batch of clips.

    Attributes:
        class_logits: (B, T, Q, K + 1) of the last decoder layer; the last class is "no object".
        mask_embeds: (B, T, Q, C') of the last decoder layer.
        queries: (L, B, T, Q, C), normalized queries after the last L decoder layers.
        pixel_features: (B, T, C, h, w), the map at stride 4 before the projection to mask features.
        projection: From pixel features to mask features.
        layers: All predictions, from before the first layer to the last one; training only.
        extras: Tensors (B, T, ...) of a frame head that only its own tracker reads, by name.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    queries: Tensor
    pixel_features: Tensor
    projection: MaskProjection
    layers: Sequence[LayerPrediction] = field(default_factory=tuple)
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def mask_features(self) -> Tensor:
        """Mask features (B, T, C', h, w), computed on each use."""
        return self.projection.project_features(self.pixel_features)

    def mask_logits(
        self,
        *,
        frames: slice = slice(None),
        queries: Tensor | slice = slice(None),
        mask_embeds: Tensor | None = None,
    ) -> Tensor:
        """Compute mask logits at stride 4 for some frames and queries.

        Args:
            frames: Selected frames; default all T.
            queries: Selected queries, the same in all frames: a slice, indices or a bool mask.
            mask_embeds: Embeddings (B, T, Q, C') of another layer; default those of the last one.

        Returns:
            (B, T', Q', h, w).
        """
        embeds = (self.mask_embeds if mask_embeds is None else mask_embeds)[:, frames, queries]
        embeds, offset = self.projection.project_embeds(embeds)
        features = self.pixel_features[:, frames]
        logits = embeds @ features.flatten(-2) + offset[..., None]
        return logits.unflatten(-1, features.shape[-2:])

    def select(self, frames: slice) -> 'FramePredictions':
        """Return the predictions of some of the frames, as views."""
        return replace(
            self,
            class_logits=self.class_logits[:, frames],
            mask_embeds=self.mask_embeds[:, frames],
            queries=self.queries[:, :, frames],
            pixel_features=self.pixel_features[:, frames],
            layers=tuple(
                LayerPrediction(*(part[:, frames] for part in layer)) for layer in self.layers
            ),
            extras={name: value[:, frames] for name, value in self.extras.items()},
        )

    @classmethod
    def cat(cls, chunks: Sequence['FramePredictions']) -> 'FramePredictions':
        """Concatenate chunks of the same clips along time."""
        if len(chunks) == 1:
            return chunks[0]
        return cls(
            class_logits=torch.cat([chunk.class_logits for chunk in chunks], 1),
            mask_embeds=torch.cat([chunk.mask_embeds for chunk in chunks], 1),
            queries=torch.cat([chunk.queries for chunk in chunks], 2),
            pixel_features=torch.cat([chunk.pixel_features for chunk in chunks], 1),
            projection=chunks[0].projection,
            layers=tuple(
                LayerPrediction(*(torch.cat(parts, 1) for parts in zip(*layer, strict=True)))
                for layer in zip(*(chunk.layers for chunk in chunks), strict=True)
            ),
            extras={
                name: torch.cat([chunk.extras[name] for chunk in chunks], 1)
                for name in chunks[0].extras
            },
        )
