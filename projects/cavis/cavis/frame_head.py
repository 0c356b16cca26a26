"""CAVIS' segmenter: Mask2Former with an embedding per query for re-identification."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import (
    FramePredictions,
    LayerPrediction,
    Matching,
)
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.task_modules.mask_targets import MaskTarget
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from cavis.context import BoundaryContext
from cavis.losses import identity_losses, prototype_losses
from cavis.targets import frame_ids, frame_targets


class ReidEmbed(nn.Module):
    """Three linear layers with ReLUs in between, 2 C to C channels.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (2 * channels, channels, channels, channels)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., 2 C) to (..., C)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


@MODELS.register_module()
class CAVISFrameHead(Mask2FormerFrameHead):
    """Segment each frame, and embed each query together with the context of its mask.

    ``extras`` of its predictions: ``states`` (B, T, Q, C), the queries before their norm, and
    ``embeds`` (B, T, Q, 2 C), the normalized queries and their re-identification embeddings.

    Source: the official code of CAVIS, ICCV 2025.

    Args:
        channels: C, width of queries and maps.
        context_per_channel: See :class:`~cavis.context.BoundaryContext`.
        late_class: Train all instances with their class. False, as published, gives those that are
            not annotated in the last frame of the clip the class "no object".
        contrast_weight: Weight of each contrastive loss.
        kwargs: Further arguments of ``Mask2FormerFrameHead``.
    """

    def __init__(
        self,
        *,
        channels: int = 256,
        context_per_channel: bool = False,
        late_class: bool = False,
        contrast_weight: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels=channels, **kwargs)
        self.context = BoundaryContext(per_channel=context_per_channel)
        self.reid_embed = ReidEmbed(channels)
        self.late_class = late_class
        self.contrast_weight = contrast_weight

    def compute_extras(
        self, state: Tensor, last: LayerPrediction, pixel_features: Tensor
    ) -> dict[str, Tensor]:
        """Return ``states`` (N, Q, C) and ``embeds`` (N, Q, 2 C)."""
        queries = self.decoder_norm(state)
        context = self.context(last.mask_embeds, pixel_features, self.pixel_decoder.projection)
        reid = self.reid_embed(torch.cat([queries, context], -1))
        return {'states': state, 'embeds': torch.cat([queries, reid], -1)}

    def make_targets(self, data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
        """Return the targets of the B * T frames: absent instances stay, with an empty mask."""
        return frame_targets(data_samples, None if self.late_class else self.num_classes)

    def loss(
        self, predictions: FramePredictions, data_samples: Sequence[AVDataSample]
    ) -> tuple[dict[str, Tensor], list[list[Matching]]]:
        """Return the set losses, and contrastive losses of embeddings and of prototypes.

        Args:
            predictions: Made in training mode.
            data_samples: B samples with ``gt_tracks``.
        """
        losses, matchings = super().loss(predictions, data_samples)
        reid = predictions.extras['embeds'].chunk(2, -1)[1]  # (B, T, Q, C)
        pairs = matchings[-1]
        length = reid.shape[1]
        contrast = []
        for clip, sample in enumerate(data_samples):
            frames = pairs[clip * length : (clip + 1) * length]
            embeds = [of[queries] for of, (queries, _) in zip(reid[clip], frames, strict=True)]
            ids = frame_ids(sample)  # (N, T)
            matched = [ids[instances, t] for t, (_, instances) in enumerate(frames)]
            contrast.append(identity_losses(torch.cat(embeds), torch.cat(matched)))
        features = predictions.mask_features
        prototypes = [
            prototype_losses(of_clip, sample)
            for of_clip, sample in zip(features, data_samples, strict=True)
        ]
        for name, values in (('loss_ctx', contrast), ('loss_proto', prototypes)):
            for suffix, parts in zip(('', '_aux'), zip(*values, strict=True), strict=True):
                losses[f'{name}{suffix}'] = self.contrast_weight * torch.stack(parts).mean()
        return losses, matchings
