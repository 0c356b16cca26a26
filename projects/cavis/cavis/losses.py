"""Contrastive losses of CAVIS, and the set loss of tubes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

_Losses = tuple[Tensor, Tensor]  # contrast of dot products, and its auxiliary loss of cosines


def contrast(anchors: Tensor, others: Tensor, same: Tensor) -> _Losses:
    """Contrast each anchor with other embeddings.

    Args:
        anchors: (A, C).
        others: (A, M, C) or (M, C).
        same: bool (A, M), positives; each anchor has positives and negatives.

    Returns:
        Of each anchor, (A,): ``log(1 + sum exp(negative - positive))`` over all pairs of dot
        products, and the mean squared difference of cosine similarity and ``same``.
    """
    anchors, others = anchors.float(), others.float()
    with torch.autocast(anchors.device.type, enabled=False):
        dots = (others @ anchors[..., None])[..., 0]  # (A, M)
        cosines = (F.normalize(others, dim=-1) @ F.normalize(anchors, dim=-1)[..., None])[..., 0]
    negatives = dots.masked_fill(same, -torch.inf).logsumexp(-1)
    positives = (-dots).masked_fill(~same, -torch.inf).logsumexp(-1)
    return F.softplus(negatives + positives), (cosines - same.to(cosines)).square().mean(-1)


def identity_losses(embeds: Tensor, ids: Tensor) -> _Losses:
    """Contrast embeddings of the same identity with all others.

    The first value is summed over anchors, the second is the mean over those of an identity; both
    are divided by the number of identities.

    Args:
        embeds: (M, C).
        ids: (M,); -1 is one more identity.

    Returns:
        Two scalars, 0 with fewer than two identities.
    """
    identities, index, counts = ids.unique(return_inverse=True, return_counts=True)
    if len(identities) < 2:
        zero = 0 * embeds.sum()
        return zero, zero
    dots, cosines = contrast(embeds, embeds, ids[:, None] == ids[None])
    return dots.sum() / len(identities), (cosines / counts[index]).sum() / len(identities)


def prototype_losses(features: Tensor, sample: AVDataSample) -> _Losses:
    """Contrast the mean mask features of each instance and frame, see :func:`identity_losses`.

    Args:
        features: Mask features, (T, C, h, w).
        sample: With ``gt_tracks``.

    Returns:
        Two scalars, 0 for fewer than two instances, or one that is empty in all frames.
    """
    masks = sample.gt_tracks.masks
    visible = masks.flatten(2).any(-1)  # (N, T)
    if len(masks) < 2 or not visible.any(1).all():
        zero = 0 * features.sum()
        return zero, zero
    features = features.float()
    weights = F.interpolate(masks.to(features), features.shape[-2:], mode='bilinear')
    with torch.autocast(features.device.type, enabled=False):
        sums = torch.einsum('nthw,tchw->ntc', weights, features)
    prototypes = sums / weights.flatten(2).sum(-1)[..., None].clamp(min=1e-6)
    ids, frames = visible.nonzero(as_tuple=True)  # once: a GPU is waited for
    return identity_losses(prototypes[ids, frames], ids)


def reference_losses(references: Tensor, queries: Tensor) -> _Losses:
    """Contrast each matched query of a frame with all queries of the neighboring frames.

    Args:
        references: Queries of the tracker for each frame but the first, (T - 1, Q, C).
        queries: Matched queries, (M,), the same in all frames.

    Returns:
        Two scalars, means over queries, frames after the first reference, and neighbors.
    """
    length = len(references)
    pairs = [(t, s) for t in range(1, length) for s in (t - 1, t + 1) if s < length]
    if not pairs or not len(queries):
        zero = 0 * references.sum()
        return zero, zero
    same = F.one_hot(queries, references.shape[1]).bool()
    values = [contrast(references[t][queries], references[s], same) for t, s in pairs]
    dots, cosines = (torch.cat(parts).mean() for parts in zip(*values, strict=True))
    return dots, cosines


@MODELS.register_module()
class TubeSetLoss(MaskSetLoss):
    """Set loss of tubes: the frames of a clip are one tall image, of which points are drawn.

    A query has one mask embedding per frame. ``num_points`` is that of the whole clip; arguments
    are those of ``MaskSetLoss``. Features are (B, T, C, h, w), masks of targets (N, 1, T * H, W),
    see :func:`stack_frames`.
    """

    def compute_logits(self, embeds: Tensor, offsets: Tensor, features: Tensor) -> Tensor:
        """Return logits (M, 1, T * h, w) of embeddings (M, T, C), offsets (M, T)."""
        logits = torch.einsum('mtc,tcp->mtp', embeds, features.flatten(2)) + offsets[..., None]
        return stack_frames(logits.unflatten(-1, features.shape[-2:]))


def stack_frames(masks: Tensor) -> Tensor:
    """Stack the frames of masks (M, T, H, W) to one image each, (M, 1, T * H, W)."""
    return masks.flatten(1, 2)[:, None]
