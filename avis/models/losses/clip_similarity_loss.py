"""Tell the queries of a clip which queries of its frames show the same instance."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import Matching
from avis.registry import MODELS


@MODELS.register_module()
class ClipSimilarityLoss(nn.Module):
    """Binary cross-entropy of dot products: same instance or not.

    The matched queries of all frames of a clip and those of the clip itself are compared in pairs:
    frames with the clip, but also frames with frames, the clip with itself, and each with itself,
    as published. The mean is over all these pairs, in all clips, layers and processes.

    Args:
        weight: Factor. The published configuration says 0.5, but under a name that no loss has, so
            it was never applied: 1 is what AVISM was trained with.
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
        """Compute the loss.

        Args:
            frame_embeds: (L, B, T, P, C), of the queries of the frames.
            clip_embeds: (L, B, Q, C), of the queries of the clips.
            frame_matchings: L times what was matched in each of B * T frames.
            clip_matchings: What was matched in each of L * B clips.
        """
        length = frame_embeds.shape[2]
        frame_sets = frame_embeds.flatten(0, 1)  # (L * B, T, P, C)
        matched = [pairs for layer in frame_matchings for pairs in layer]  # L * B * T
        logits, same = [], []
        for index, (clip, (queries, instances)) in enumerate(
            zip(clip_embeds.flatten(0, 1), clip_matchings, strict=True)
        ):
            frames = matched[index * length : (index + 1) * length]
            embeds = [rows[pairs[0]] for rows, pairs in zip(frame_sets[index], frames, strict=True)]
            table = torch.cat([*embeds, clip[queries]])  # (M, C)
            shown = torch.cat([*(pairs[1] for pairs in frames), instances])  # (M,)
            logits.append((table @ table.T).flatten())
            same.append((shown[:, None] == shown[None]).flatten())
        logit = torch.cat(logits)
        count = reduce_mean(logit.new_tensor(float(len(logit)))).clamp(min=1 / get_world_size())
        loss = F.binary_cross_entropy_with_logits(logit, torch.cat(same).to(logit), reduction='sum')
        return self.weight * loss / count
