"""Decide which instances sound in which frames; a silent one is reported without a mask."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

Source = Literal['class', 'similarity']


@MODELS.register_module()
class SoundingGate(nn.Module):
    """Decide in which frames a track is sounding, and therefore reported.

    ``'class'`` uses the class head, which is trained on sounding instances only: the probability of
    the best class must reach the threshold. ``'similarity'`` compares instance and audio: two small
    networks project both to a common space, where the dot product is the logit of "this instance
    makes this sound". It is trained with the model on the instances that the frame head matched,
    each with the audio of every frame of its clip; the target is 1 in frames with a
    ground-truth mask.

    Args:
        source: ``'class'`` or ``'similarity'``.
        threshold: Smallest probability of a sounding instance.
        query_dim: C, width of a query embedding; for ``'similarity'``.
        audio_dim: D, width of an audio embedding; for ``'similarity'``.
        embed_dim: Width of the common space.
        loss_weight: Weight of the loss.
    """

    def __init__(
        self,
        *,
        source: Source = 'class',
        threshold: float = 0.5,
        query_dim: int = 256,
        audio_dim: int = 128,
        embed_dim: int = 128,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if source not in get_args(Source):
            raise ValueError(
                f'SoundingGate: expected source to be one of {get_args(Source)}, got {source!r}'
            )
        self.source = source
        self.threshold = threshold
        self.loss_weight = loss_weight
        self.embed_dim = embed_dim
        if source == 'similarity':
            self.visual_proj = nn.Sequential(
                nn.Linear(query_dim, embed_dim), nn.ReLU(), nn.Linear(embed_dim, embed_dim)
            )
            self.audio_proj = nn.Sequential(
                nn.Linear(audio_dim, embed_dim), nn.ReLU(), nn.Linear(embed_dim, embed_dim)
            )
            self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, class_logits: Tensor, embeds: Tensor, audio: Tensor) -> Tensor:
        """Decide which of N tracks sound in which of T frames.

        Args:
            class_logits: (N, T, K + 1), the last class is "no object".
            embeds: (N, T, C), the query embedding of each track in each frame.
            audio: Audio embeddings, (T, D).

        Returns:
            bool (N, T), True where the track sounds.
        """
        if self.source == 'class':
            probs = class_logits.float().softmax(-1)[..., :-1].amax(-1)
        else:
            visual, audio_embed = (
                self.visual_proj(embeds),
                self.audio_proj(audio),
            )  # (N, T, E), (T, E)
            probs = self._logits((visual * audio_embed).sum(-1)).sigmoid()
        return probs >= self.threshold

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Sequence[Sequence[Matching]],
    ) -> dict[str, Tensor]:
        """Binary cross-entropy of every matched query with the audio of every frame of its clip.

        Args:
            frames: Predictions of B clips of T frames.
            audio: Audio embeddings, (B, T, D).
            data_samples: B samples; ``gt_tracks.masks`` bool (N, T, H, W).
            matchings: Per decoder layer the matched pairs of each of the B * T frames.

        Returns:
            ``loss_gate``; empty for ``source='class'``.
        """
        if self.source == 'class':
            return {}
        queries, length = frames.queries[-1], audio.shape[1]  # (B, T, Q, C)
        logits, targets = [], []
        for b, sample in enumerate(data_samples):
            present = sample.gt_tracks.masks.to(audio.device).flatten(2).any(2)  # (N, T)
            valid = sample.get('valid_frames')
            audio_embed = self.audio_proj(audio[b])  # (T, E)
            for t, (query, instance) in enumerate(matchings[-1][b * length : (b + 1) * length]):
                visual = self.visual_proj(queries[b, t, query.to(queries.device)])  # (M, E)
                kept = slice(None) if valid is None else valid.to(audio.device)
                logits.append(self._logits(visual @ audio_embed.T)[:, kept].flatten())
                targets.append(present[instance.to(audio.device)][:, kept].flatten())
        logit = torch.cat(logits).float()
        target = torch.cat(targets).to(logit)
        # Mean over all processes. Called without a pair here too: other processes wait for the
        # count.
        count = reduce_mean(logit.new_full((), float(len(logit)))).clamp(min=1 / get_world_size())
        loss = F.binary_cross_entropy_with_logits(logit, target, reduction='sum') / count
        return {'loss_gate': self.loss_weight * loss}

    def _logits(self, product: Tensor) -> Tensor:
        """Map dot products (...) to logits (...)."""
        return product / self.embed_dim**0.5 + self.bias
