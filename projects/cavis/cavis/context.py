"""Context of an instance: the features around the boundary of its mask."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import MaskProjection

_WINDOW = 9  # pixels at stride 4


def boundary(masks: Tensor) -> Tensor:
    """Return the pixels of masks, bool (N, Q, h, w), that touch the background or the border."""
    inside = F.avg_pool2d(masks.float(), 3, stride=1, padding=1) * 9
    return masks & (inside < 8.5)


class BoundaryContext(nn.Module):
    """Mean of box-filtered mask features over the boundary of each query's mask.

    The official code filters with a full convolution whose weights are all the same: each channel
    of its result is the sum over all channels of the filtered map. That is one channel here,
    computed once and repeated.

    Args:
        per_channel: Filter each channel by itself, as the formula of the paper suggests; the
            official weights need False.
    """

    def __init__(self, *, per_channel: bool = False) -> None:
        super().__init__()
        self.per_channel = per_channel

    def forward(self, embeds: Tensor, pixel_features: Tensor, projection: MaskProjection) -> Tensor:
        """Return the context (N, Q, C), zeros for a mask without boundary.

        Args:
            embeds: Mask embeddings, (N, Q, C).
            pixel_features: (N, C, h, w).
            projection: From pixel features to mask features.
        """
        edge = self._edge(embeds, pixel_features, projection)
        if self.per_channel:
            features = projection.project_features(pixel_features)
        else:
            weight, bias = projection.weight.sum(0), projection.bias.sum()
            features = torch.einsum('c,nchw->nhw', weight, pixel_features)[:, None] + bias
        filtered = F.avg_pool2d(features, _WINDOW, stride=1, padding=_WINDOW // 2)
        sums = torch.einsum('nqhw,nchw->nqc', edge, filtered)
        context = sums / (edge.flatten(2).sum(-1)[..., None] + 1e-6)
        return context.expand(-1, -1, embeds.shape[-1])

    @torch.no_grad()
    def _edge(self, embeds: Tensor, pixel_features: Tensor, projection: MaskProjection) -> Tensor:
        folded, offsets = projection.project_embeds(embeds)
        logits = folded @ pixel_features.flatten(2) + offsets[..., None]
        masks = (logits > 0).unflatten(-1, pixel_features.shape[-2:])
        return boundary(masks).to(pixel_features)
