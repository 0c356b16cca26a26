"""Contrast the queries of a clip with those of its frames: same instance or not."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import Matching
from avis.registry import MODELS


@MODELS.register_module()
class ClipSimilarityLoss(nn.Module):
    """Binary cross-entropy of dot products of query embeddings: same instance or not.

    The matched queries of all frames of a clip and of the clip itself are compared in pairs: frames
    with the clip, but also frames with frames, the clip with itself, and each query with itself, as
    in the official code. The mean is over all these pairs, in all clips, layers and processes.

    Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709).

    Args:
        weight: Weight of the loss. The official configuration states 0.5, but under a name that no
            loss has, so it was never applied: AVISM was trained with 1.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(
        self,
        frame_embeds: Tensor,
        clip_embeds: Tensor,
        frame_matchings: Sequence[Sequence[Matching]],
        clip_matchings: Sequence[Matching],
    ) -> Tensor:
        """Compute the loss, a scalar.

        Args:
            frame_embeds: Embeddings of the frame queries, (L, B, T, P, C).
            clip_embeds: Embeddings of the clip queries, (L, B, Q, C).
            frame_matchings: Per layer, the matched pairs of each of the B * T frames.
            clip_matchings: The matched pairs of each of the L * B clips.
        """
        num_clips, length = frame_embeds.shape[1:3]
        frame_sets = frame_embeds.flatten(0, 1)  # (L * B, T, P, C)
        matched = [pairs for layer in frame_matchings for pairs in layer]  # L * B * T
        logits: list[list[Tensor]] = [[] for _ in range(num_clips)]
        same: list[list[Tensor]] = [[] for _ in range(num_clips)]
        for index, (clip, (queries, instances)) in enumerate(
            zip(clip_embeds.flatten(0, 1), clip_matchings, strict=True)
        ):
            frames = matched[index * length : (index + 1) * length]
            embeds = [one[pairs[0]] for one, pairs in zip(frame_sets[index], frames, strict=True)]
            matched_embeds = torch.cat([*embeds, clip[queries]])  # (M, C)
            matched_instances = torch.cat([*(pairs[1] for pairs in frames), instances])  # (M,)
            with torch.autocast(matched_embeds.device.type, enabled=False):
                products = matched_embeds.float() @ matched_embeds.float().T
            logits[index % num_clips].append(products.flatten())
            pairs_same = matched_instances[:, None] == matched_instances[None]
            same[index % num_clips].append(pairs_same.flatten())
        losses = [
            _mean_cross_entropy(torch.cat(x), torch.cat(t))
            for x, t in zip(logits, same, strict=True)
        ]
        return self.weight * torch.stack(losses).mean()


def _mean_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits (N,) and bool (N,); 0 with a gradient for N = 0."""
    loss = F.binary_cross_entropy_with_logits(logits, target.to(logits), reduction='sum')
    return loss / max(len(logits), 1)
