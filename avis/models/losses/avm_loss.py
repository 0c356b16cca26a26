"""Audio-visual matching: what a map shows inside the mask should resemble the sound.

Two published forms, each averaged over the levels of the pyramid: :class:`AVMLoss` trains MS3 and
AVSS, :class:`AVMSimilarityLoss` is the optional term of S4. Both compare ``feature_maps`` (each
(B, T, C, h, w)) with ``audio_features`` (each (B, T, C)) as a fusion block returns them.

Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042), section 3.4; the
variants are those of the authors' code, OpenNLPLab/AVSBench.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS

_POOLINGS: dict[str, Callable[..., Tensor]] = {
    'avg': F.adaptive_avg_pool2d,
    'max': F.adaptive_max_pool2d,
}
_EPS = 1e-6  # the authors' constant, for the area of a mask and inside the logarithm


@MODELS.register_module()
class AVMLoss(nn.Module):
    """Distance of the sound and of what is visible inside the predicted mask, per frame.

    The mask of a binary model is the sigmoid of the pooled logits; that of a model with classes is
    the pooled map of "any class but the background", which has no gradient.

    Args:
        distance: ``kl``, Kullback-Leibler divergence of the softmaxes, or ``l2``.
        reduction: Over the labeled frames. MS3 sums ``kl``; everything else is a ``mean``.
        pooling: How the mask comes to the size of a map, ``avg`` or ``max``.
        threshold: Cut the mask at 0.5 and average the map inside it. Otherwise the map is
            weighted by the mask and averaged over all positions.
        normalize: Bring both vectors to unit length first.
        nearest: Replace the sound by the visual vector of the frame, in the whole batch, that
            sounds most alike. A frame whose sound is further than 10 from all others takes
            itself, as published. (The AVSS code leaves this out for ``kl``: use False there.)
        weight: Factor on the loss.
    """

    def __init__(
        self,
        *,
        distance: str = 'kl',
        reduction: str = 'mean',
        pooling: str = 'avg',
        threshold: bool = False,
        normalize: bool = False,
        nearest: bool = False,
        weight: float = 0.5,
    ) -> None:
        super().__init__()
        _check_choice(self, 'distance', distance, ('kl', 'l2'))
        _check_choice(self, 'reduction', reduction, ('mean', 'sum'))
        _check_choice(self, 'pooling', pooling, tuple(_POOLINGS))
        self.distance, self.reduction, self.pooling = distance, reduction, pooling
        self.threshold, self.normalize, self.nearest = threshold, normalize, nearest
        self.weight = weight

    def forward(
        self,
        logits: Tensor,
        feature_maps: Sequence[Tensor],
        audio_features: Sequence[Tensor],
        labeled: Tensor,
    ) -> Tensor:
        """Weighted loss, a scalar.

        Args:
            logits: (B, T, K, H, W).
            feature_maps: Per level (B, T, C, h, w).
            audio_features: Per level (B, T, C).
            labeled: bool (B, T); other frames do not count.
        """
        logits = logits.flatten(0, 1)  # (B*T, K, H, W)
        flags = labeled.flatten().to(logits.dtype)
        losses = []
        for visual, audio in zip(feature_maps, audio_features, strict=True):
            distance = self._frame_distance(logits, visual.flatten(0, 1), audio.flatten(0, 1))
            total = (distance * flags).sum()
            losses.append(total if self.reduction == 'sum' else total / flags.sum().clamp(min=1))
        return self.weight * torch.stack(losses).mean()

    def _frame_distance(self, logits: Tensor, visual: Tensor, audio: Tensor) -> Tensor:
        """Per frame (N,), from logits (N, K, H, W), visual (N, C, h, w) and sound (N, C)."""
        mask = self._mask(logits, visual.shape[-2:])
        seen = (visual * mask).mean((2, 3))  # (N, C)
        if self.threshold:
            seen = seen / (mask.mean((2, 3)) + _EPS / mask[0].numel())
        if self.normalize:
            seen, audio = F.normalize(seen), F.normalize(audio)
        other = seen[_nearest_other(audio)] if self.nearest else audio
        if self.distance == 'l2':
            return F.pairwise_distance(other, seen)
        divergence = F.kl_div(seen.log_softmax(1), other.softmax(1), reduction='none')
        return divergence.sum(1)

    def _mask(self, logits: Tensor, size: torch.Size) -> Tensor:
        """Predicted mask (N, 1, h, w) of what sounds."""
        pool = _POOLINGS[self.pooling]
        if logits.shape[1] == 1:
            mask = pool(logits, size).sigmoid()
        else:
            mask = pool((logits.argmax(1, keepdim=True) != 0).to(logits.dtype), size)
        return (mask > 0.5).to(mask.dtype) if self.threshold else mask


@MODELS.register_module()
class AVMSimilarityLoss(nn.Module):
    """Negative logarithm of the cosine between the sound and the map inside the mask.

    The optional term of S4. All frames count, labeled or not, and only the map has a gradient:
    the mask is cut at 0.5.

    Args:
        pooling: How the mask comes to the size of a map, ``avg`` or ``max``.
        levels: Which levels of the pyramid count; None means all.
        weight: Factor on the loss.
    """

    def __init__(
        self, *, pooling: str = 'avg', levels: Sequence[int] | None = None, weight: float = 0.5
    ) -> None:
        super().__init__()
        _check_choice(self, 'pooling', pooling, tuple(_POOLINGS))
        self.pooling, self.levels, self.weight = pooling, levels, weight

    def forward(
        self,
        logits: Tensor,
        feature_maps: Sequence[Tensor],
        audio_features: Sequence[Tensor],
        labeled: Tensor,
    ) -> Tensor:
        """Weighted loss, a scalar; the arguments are those of :meth:`AVMLoss.forward`."""
        if logits.shape[2] != 1:
            raise ValueError(
                f'AVMSimilarityLoss needs one logit per pixel, got logits of shape '
                f'{tuple(logits.shape)}. Use AVMLoss for a model with classes.'
            )
        probability = logits.flatten(0, 1).sigmoid()  # (N, 1, H, W)
        losses = []
        for level in range(len(feature_maps)) if self.levels is None else self.levels:
            visual, audio = feature_maps[level].flatten(0, 1), audio_features[level].flatten(0, 1)
            mask = _POOLINGS[self.pooling](probability, visual.shape[-2:]) > 0.5
            # The length of the mean is normalized away: the area of the mask does not matter.
            seen = (visual * mask).mean((2, 3))
            cosine = (F.normalize(seen) * F.normalize(audio)).sum(1)
            losses.append(-(cosine.relu() + _EPS).log().mean())
        return self.weight * torch.stack(losses).mean()


def _nearest_other(audio: Tensor) -> Tensor:
    """Index (N,) of the row of sound (N, C) that is nearest to each row."""
    distance = torch.cdist(audio, audio)
    return (distance + 10 * torch.eye(len(audio), device=audio.device)).argmin(0)


def _check_choice(loss: nn.Module, name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{type(loss).__name__}.{name} is {value!r}, expected one of {choices}')
