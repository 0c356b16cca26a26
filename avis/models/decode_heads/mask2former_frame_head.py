"""Mask2Former as a frame head: segments the instances of each frame, without audio."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import (
    FramePredictions,
    LayerPrediction,
    MaskProjection,
    Matching,
)
from avis.models.layers.attention import MLP, DecoderLayer
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.losses.mask_set_loss import SetPredictions
from avis.models.necks.deformable_pixel_decoder import PixelDecoderOutput
from avis.models.task_modules.mask_targets import MaskTarget, frame_targets
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class Mask2FormerFrameHead(nn.Module):
    """Decode the queries of each frame independently by masked attention.

    In each layer a query attends to one level of the frame, restricted to its mask of the previous
    layer; a query with an empty mask attends everywhere.

    The official code computes all masks at stride 4 ten times and resizes nine of them only for the
    attention. Resizing is linear: here the pixel features are resized, once per level, and the
    masks computed at that size. Results are equal up to rounding.

    Source: Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527).

    Args:
        num_classes: K, without "no object".
        pixel_decoder: Maps the feature maps of the backbone to
            :class:`~avis.models.necks.deformable_pixel_decoder.PixelDecoderOutput`.
        channels: C, width of queries and maps.
        num_queries: Q.
        num_layers: Number of decoder layers.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
        num_query_layers: L, number of last layers whose queries are returned in training.
        loss_set: Loss of classes and masks, see
            :class:`~avis.models.losses.mask_set_loss.MaskSetLoss`; None if it is not trained.
    """

    def __init__(  # noqa: PLR0913 - the sizes of a transformer
        self,
        *,
        num_classes: int,
        pixel_decoder: dict[str, Any],
        channels: int = 256,
        num_queries: int = 100,
        num_layers: int = 9,
        num_heads: int = 8,
        hidden_channels: int = 2048,
        num_query_layers: int = 3,
        loss_set: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_query_layers = num_query_layers
        self.pixel_decoder = MODELS.build(pixel_decoder)
        num_levels = self.pixel_decoder.NUM_LEVELS
        self.query_feat = nn.Embedding(num_queries, channels)
        self.query_embed = nn.Embedding(num_queries, channels)
        self.level_embed = nn.Embedding(num_levels, channels)
        self.layers = nn.ModuleList(
            DecoderLayer(channels, num_heads, hidden_channels) for _ in range(num_layers)
        )
        self.decoder_norm = nn.LayerNorm(channels)
        self.class_embed = nn.Linear(channels, num_classes + 1)
        self.mask_embed = MLP(channels, 3)
        self.loss_set = None if loss_set is None else MODELS.build(loss_set)

    @property
    def projection(self) -> MaskProjection:
        """From pixel features to mask features."""
        projection: MaskProjection = self.pixel_decoder.projection
        return projection

    def forward(
        self, maps: Sequence[Tensor], audio: Tensor, clip: tuple[int, int]
    ) -> FramePredictions:
        """Predict the instances of each frame.

        Args:
            maps: Of the backbone, finest first, each (B * T, C_i, h_i, w_i).
            audio: One audio embedding per frame, (B, T, D).
            clip: (B, T).
        """
        if len(maps[0]) != clip[0] * clip[1]:
            raise ValueError(
                f'{type(self).__name__}: expected maps of B * T = {clip[0]} * {clip[1]} frames, '
                f'got {len(maps[0])}'
            )
        pixel_features, levels = self.decode_pixels(maps, audio)
        tokens = self.embed_levels(levels)
        queries = self.start_queries(tokens, audio).expand(len(maps[0]), -1, -1)
        state, outputs = self.decode_queries(queries, tokens, levels, pixel_features)
        return self.collect(state, outputs, pixel_features, clip)

    def embed_levels(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the tokens (N, S, C) of each level (N, C, h, w), with its embedding."""
        return [
            level.flatten(2).transpose(1, 2) + embed
            for level, embed in zip(levels, self.level_embed.weight, strict=True)
        ]

    def collect(
        self,
        state: Tensor,
        outputs: Sequence[Tensor],
        pixel_features: Tensor,
        clip: tuple[int, int],
    ) -> FramePredictions:
        """Predict from the queries of all layers.

        Args:
            state: Queries (N, Q, C) after the last layer, before their norm.
            outputs: Normalized queries before and after each layer.
            pixel_features: (N, C, h, w).
            clip: (B, T).
        """
        last = self._predict(outputs[-1])
        training = self.training
        kept = outputs[-self.num_query_layers :] if training else outputs[-1:]
        layers = [*map(self._predict, outputs[:-1]), last] if training else []
        return FramePredictions(
            class_logits=last.class_logits.unflatten(0, clip),
            mask_embeds=last.mask_embeds.unflatten(0, clip),
            queries=torch.stack(list(kept)).unflatten(1, clip),
            pixel_features=pixel_features.unflatten(0, clip),
            projection=self.projection,
            layers=[
                LayerPrediction(*(part.unflatten(0, clip) for part in layer)) for layer in layers
            ],
            extras={
                name: value.unflatten(0, clip)
                for name, value in self.compute_extras(state, last, pixel_features).items()
            },
        )

    def loss(
        self,
        predictions: FramePredictions,
        data_samples: Sequence[AVDataSample],
        labeled: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], list[list[Matching]]]:
        """Compare the predictions of every layer with the ground truth, frame by frame.

        Args:
            predictions: Made in training mode.
            data_samples: B samples with ``gt_tracks``. An instance does not count in frames in
                which it has no mask.
            labeled: bool (B, T), False in frames that do not count; None counts all.

        Returns:
            ``loss_ce``, ``loss_mask`` and ``loss_dice`` of the last layer, and with the suffix
            ``_i`` of the prediction after i layers; and per prediction, in the order of
            ``predictions.layers``, the matching of each frame that counts.
        """
        if self.loss_set is None:
            raise ValueError(
                f'{type(self).__name__}: expected loss_set for training, got None; see configs/avis'
            )
        features, targets = predictions.pixel_features, self.make_targets(data_samples)
        counted: Tensor | slice = slice(None)
        if labeled is not None:
            rows = labeled.flatten().cpu().nonzero()[:, 0]
            counted = rows.to(features.device, non_blocking=True)
            targets = [targets[index] for index in rows.tolist()]
        layers = [
            SetPredictions(
                layer.class_logits.flatten(0, 1)[counted],
                *predictions.projection.project_embeds(layer.mask_embeds.flatten(0, 1)[counted]),
            )
            for layer in predictions.layers
        ]
        values, matchings = self.loss_set(layers, features.flatten(0, 1)[counted, None], targets)
        losses: dict[str, Tensor] = {}
        for index, layer_losses in enumerate(values):
            suffix = '' if index == len(values) - 1 else f'_{index}'
            losses |= {f'loss_{name}{suffix}': x for name, x in layer_losses.items()}
        return losses, matchings

    def make_targets(self, data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
        """Return the targets of the B * T frames."""
        return frame_targets(data_samples)

    def decode_pixels(self, maps: Sequence[Tensor], audio: Tensor) -> PixelDecoderOutput:
        """Run the pixel decoder; subclasses whose pixel decoder fuses audio pass it on.

        Args:
            maps: Of the backbone, finest first, each (N, C_i, h_i, w_i).
            audio: (B, T, D).
        """
        decoded: PixelDecoderOutput = self.pixel_decoder(maps)
        return decoded

    def compute_extras(
        self, state: Tensor, last: LayerPrediction, pixel_features: Tensor
    ) -> dict[str, Tensor]:
        """Return what a subclass predicts for its own tracker, see ``FramePredictions.extras``.

        Args:
            state: Queries (N, Q, C) after the last layer, before their norm.
            last: Prediction of the last layer, (N, Q, ...).
            pixel_features: (N, C, h, w).

        Returns:
            Tensors (N, ...) by name.
        """
        return {}

    def start_queries(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return the content of the queries before the first layer.

        Args:
            tokens: (N, S, C) of each level, coarsest first.
            audio: (B, T, D).

        Returns:
            (N, Q, C) or (1, Q, C). A subclass may put tokens of its own before the queries; it then
            overrides ``query_positions``, ``make_attn_mask`` and ``decode_queries``, too.
        """
        return self.query_feat.weight + self.fuse_audio(tokens, audio)

    def query_positions(self) -> Tensor:
        """Return the positional embedding (Q, C) of the queries."""
        return self.query_embed.weight

    def fuse_audio(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return what audio adds to the content of the queries; here 0, subclasses fuse audio.

        Args:
            tokens: (N, S, C) of each level, coarsest first.
            audio: (B, T, D).

        Returns:
            (N, Q, C) or a shape that broadcasts to it.
        """
        return tokens[0].new_zeros(1, 1, 1)

    def decode_queries(
        self,
        queries: Tensor,
        tokens: Sequence[Tensor],
        levels: Sequence[Tensor],
        pixel_features: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the last queries (N, Q, C), and normalized ones before and after each layer."""
        keys, resized_features = [], []
        for value, level_map in zip(tokens, levels, strict=True):
            shape = (level_map.shape[-2], level_map.shape[-1])
            keys.append(value + sine_encoding(shape, value.shape[-1], device=value.device))
            resized = F.interpolate(pixel_features.detach(), shape, mode='bilinear')
            resized_features.append(resized.flatten(2))
        position = self.query_positions()
        outputs = [self.decoder_norm(queries)]
        for index, layer in enumerate(self.layers):
            level = index % len(tokens)
            attn_mask = self.make_attn_mask(outputs[-1], resized_features[level])
            queries = layer(queries, keys[level], tokens[level], position, attn_mask)
            outputs.append(self.decoder_norm(queries))
        return queries, outputs

    @torch.no_grad()
    def make_attn_mask(self, queries: Tensor, features: Tensor) -> Tensor:
        """Return the attention mask of one level: True inside the mask of a query.

        Args:
            queries: Normalized queries, (N, Q, C).
            features: Pixel features at the size of the level, (N, C, S).

        Returns:
            bool (N, Q, S); all True for a query with an empty mask.
        """
        embeds, offset = self.projection.project_embeds(self.mask_embed(queries))
        inside = torch.baddbmm(offset[..., None], embeds, features) >= 0
        return inside | ~inside.any(-1, keepdim=True)

    def _predict(self, queries: Tensor) -> LayerPrediction:
        return LayerPrediction(self.class_embed(queries), self.mask_embed(queries))
