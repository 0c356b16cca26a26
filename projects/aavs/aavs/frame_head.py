"""Frame heads of AAVS: an audio prompt, adapters, and for semantics a prior mask of each frame."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aavs.adapters import AdaptedLinear, Adapter
from avis.models.decode_heads.frame_predictions import FramePredictions, MaskProjection
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.layers.sine_encoding import sine_encoding
from avis.registry import MODELS

# Limits of the value of a prior mask: silent up to the first, sounding from the second on.
_SILENT, _SOUNDING = 0.4, 0.6


@MODELS.register_module()
class AAVSFrameHead(Mask2FormerFrameHead):
    """Mask2Former whose queries start with an audio prompt, with adapters in its self-attentions.

    The prompt of a frame is added to each query, weighted by its cosine similarity with the
    position of the query. Adapters follow the self-attentions of the pixel decoder and of the
    decoder.

    Source: the official code, GeWu-Lab/Stepping-Stones.

    Args:
        replace_projections: Adapters take the place of the output projections of the
            self-attentions, as in the official model of S4 and MS3; False puts them after the
            projections, as in that of AVSS.
        audio_dim: D, width of the audio embedding.
        audio_hidden: Hidden width of the projection of the audio.
        channels: C, width of queries and maps.
        kwargs: Further arguments of ``Mask2FormerFrameHead``.
    """

    def __init__(
        self,
        *,
        replace_projections: bool,
        audio_dim: int = 128,
        audio_hidden: int = 512,
        channels: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels=channels, **kwargs)
        self.audio_proj = nn.Sequential(
            nn.Linear(audio_dim, audio_hidden), nn.ReLU(), nn.Linear(audio_hidden, channels)
        )

        def adapter() -> nn.Module:
            if replace_projections:
                return Adapter(channels)
            return AdaptedLinear(channels, channels, residual=False)

        for layer in self.pixel_decoder.encoder.layers:
            layer.self_attn.output_proj = adapter()
        for layer in self.layers:
            layer.self_attention.out_proj = adapter()

    def fuse_audio(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return what audio (B, T, D) adds to the queries, (N, Q, C)."""
        prompt = self.audio_proj(audio.flatten(0, 1))[:, None]  # (N, 1, C)
        weights = F.cosine_similarity(self.query_embed.weight, prompt, dim=-1)  # (N, Q)
        weighted: Tensor = weights[..., None] * prompt
        return weighted


@MODELS.register_module()
class AAVSPriorHead(AAVSFrameHead):
    """The head of the second stage, which knows where sounding objects are: a mask of each frame.

    The mask is added to all channels of the mask features; it selects one of three learned
    embeddings per position (silent, uncertain, sounding), which is added to the positions; and in
    the first layer it is the attention mask of all queries.

    Args:
        channels: C, width of queries and maps.
        kwargs: Further arguments of :class:`AAVSFrameHead`.
    """

    def __init__(self, *, channels: int = 256, **kwargs: Any) -> None:
        super().__init__(channels=channels, **kwargs)
        self.prior_embed = nn.Embedding(3, channels)

    @property
    def projection(self) -> MaskProjection:
        """From pixel features and prior mask, their last channel, to mask features."""
        weight, bias = super().projection
        return MaskProjection(torch.cat([weight, torch.ones_like(weight[:, :1])], 1), bias)

    def forward(  # type: ignore[override]
        self, maps: Sequence[Tensor], audio: Tensor, clip: tuple[int, int], prior: Tensor
    ) -> FramePredictions:
        """Predict the classes and masks of each frame.

        Args:
            maps: Of the backbone, finest first, each (N, C_i, h_i, w_i).
            audio: One audio embedding per frame, (B, T, D).
            clip: (B, T).
            prior: Masks of the sounding objects, float (N, H, W) in [0, 1] at any size.
        """
        pixel_features, levels = self.decode_pixels(maps, audio)
        finest = _resized(prior, pixel_features)
        pixel_features = torch.cat([pixel_features, finest[:, None]], 1)
        tokens = self.embed_levels(levels)
        queries = self.start_queries(tokens, audio)
        priors = [_resized(prior, level) for level in levels]
        state, outputs = self._decode(queries, tokens, priors, pixel_features)
        return self.collect(state, outputs, pixel_features, clip)

    def _decode(
        self,
        queries: Tensor,
        tokens: Sequence[Tensor],
        priors: Sequence[Tensor],
        pixel_features: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """Return what ``decode_queries`` returns, with priors (N, h, w) of each level."""
        keys = [value + self.key_positions(p) for value, p in zip(tokens, priors, strict=True)]
        features = [
            F.interpolate(pixel_features.detach(), p.shape[1:], mode='bilinear').flatten(2)
            for p in priors
        ]
        outputs = [self.decoder_norm(queries)]
        for index, layer in enumerate(self.layers):
            level = index % len(tokens)
            mask = self.make_attn_mask(outputs[-1], features[level])
            if index == 0:
                inside = priors[0].flatten(1)[:, None] >= 0.5  # (N, 1, S)
                mask = (inside | ~inside.any(-1, keepdim=True)).expand_as(mask)
            queries = layer(queries, keys[level], tokens[level], self.query_positions(), mask)
            outputs.append(self.decoder_norm(queries))
        return queries, outputs

    def key_positions(self, prior: Tensor) -> Tensor:
        """Return the positions (N, S, C) of a level whose prior is (N, h, w)."""
        kinds = (prior > _SILENT).long() + (prior >= _SOUNDING).long()
        shape, channels = (prior.shape[1], prior.shape[2]), self.prior_embed.embedding_dim
        position = sine_encoding(shape, channels, device=prior.device)
        embedded: Tensor = self.prior_embed(kinds.flatten(1))
        return position + embedded


def _resized(prior: Tensor, like: Tensor) -> Tensor:
    """Resize masks (N, H, W) to the size of maps (N, C, h, w)."""
    return F.interpolate(prior[:, None], like.shape[-2:], mode='bilinear')[:, 0]
