"""Audio-visual matching: the visual feature inside the mask should be similar to the audio.

Two official forms, each averaged over the levels of the pyramid: :class:`AVMLoss` trains MS3 and
AVSS, :class:`AVMSimilarityLoss` is the optional term of S4. Both compare ``feature_maps`` (each
(B, T, C, h, w)) with ``audio_features`` (each (B, T, C)) as returned by a fusion block.

Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042), section 3.4; the
variants are those of the official code, OpenNLPLab/AVSBench.
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
    """Distance between the audio and the visual feature inside the predicted mask, per frame.

    The mask of a binary model is the sigmoid of the pooled logits; that of a model with classes is
    the pooled map of "any class but ``background``", which has no gradient.

    Args:
        distance: ``kl``, Kullback-Leibler divergence of the softmaxes, or ``l2``.
        reduction: Over the labeled frames. MS3 sums ``kl``; everything else is a ``mean``.
        pooling: Resizes the mask to the size of a map, ``avg`` or ``max``.
        threshold: Binarize the mask at 0.5 and average the map inside it. Otherwise the map is
            weighted by the mask and averaged over all positions.
        normalize: Scale both vectors to unit length first.
        nearest: Replace the audio by the visual vector of the frame, in the whole batch, with the
            most similar audio. A frame whose audio has a distance above 10 to all others uses
            itself, as in the official code. (The AVSS code does not do this for ``kl``: use False
            there.)
        background: Class outside the mask of a model with classes. The official AVSS code used the
            last class, K - 1, until September 2024, although the background is class 0, which it
            uses since.
        weight: Weight of the loss.
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
        background: int = 0,
        weight: float = 0.5,
    ) -> None:
        super().__init__()
        _check_choice(self, 'distance', distance, ('kl', 'l2'))
        _check_choice(self, 'reduction', reduction, ('mean', 'sum'))
        _check_choice(self, 'pooling', pooling, tuple(_POOLINGS))
        self.distance, self.reduction, self.pooling = distance, reduction, pooling
        self.threshold, self.normalize, self.nearest = threshold, normalize, nearest
        self.background, self.weight = background, weight

    def forward(
        self,
        logits: Tensor,
        feature_maps: Sequence[Tensor],
        audio_features: Sequence[Tensor],
        labeled: Tensor,
    ) -> Tensor:
        """Return the weighted loss, a scalar, in float32 under autocast too.

        Args:
            logits: (B, T, K, H, W).
            feature_maps: Per level (B, T, C, h, w).
            audio_features: Per level (B, T, C).
            labeled: bool (B, T); unlabeled frames are ignored.
        """
        logits = logits.flatten(0, 1)  # (B*T, K, H, W)
        flags = labeled.flatten().float()
        losses = []
        for maps, rows in zip(feature_maps, audio_features, strict=True):
            visual, audio = maps.flatten(0, 1).float(), rows.flatten(0, 1).float()
            with torch.autocast(logits.device.type, enabled=False):
                distance = self._frame_distance(logits, visual, audio)
            total = (distance * flags).sum()
            losses.append(total if self.reduction == 'sum' else total / flags.sum().clamp(min=1))
        return self.weight * torch.stack(losses).mean()

    def _frame_distance(self, logits: Tensor, visual: Tensor, audio: Tensor) -> Tensor:
        """Return distances (N,), from logits (N, K, H, W), visual (N, C, h, w) and audio (N, C)."""
        mask = self._mask(logits, visual.shape[-2:])
        inside = (visual * mask).mean((2, 3))  # (N, C)
        if self.threshold:
            inside = inside / (mask.mean((2, 3)) + _EPS / mask[0].numel())
        if self.normalize:
            inside, audio = F.normalize(inside), F.normalize(audio)
        other = inside[_nearest_other(audio)] if self.nearest else audio
        if self.distance == 'l2':
            return F.pairwise_distance(other, inside)
        divergence = F.kl_div(inside.log_softmax(1), other.softmax(1), reduction='none')
        return divergence.sum(1)

    def _mask(self, logits: Tensor, size: torch.Size) -> Tensor:
        """Return the predicted mask of sounding objects, (N, 1, h, w)."""
        pool = _POOLINGS[self.pooling]
        if logits.shape[1] == 1:
            mask = pool(logits.float(), size).sigmoid()
        else:
            mask = pool((logits.argmax(1, keepdim=True) != self.background).float(), size)
        return (mask > 0.5).to(mask.dtype) if self.threshold else mask


@MODELS.register_module()
class AVMSimilarityLoss(nn.Module):
    """Negative logarithm of the cosine between the audio and the visual feature inside the mask.

    The optional term of S4. All frames count, labeled or not, and only the map has a gradient, as
    the mask is binarized at 0.5.

    Args:
        pooling: Resizes the mask to the size of a map, ``avg`` or ``max``.
        levels: Indices of the levels of the pyramid that count; None for all.
        weight: Weight of the loss.
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
        """Return the weighted loss, a scalar; arguments as in :meth:`AVMLoss.forward`."""
        if logits.shape[2] != 1:
            raise ValueError(
                f'AVMSimilarityLoss: expected one logit per pixel, got logits of shape '
                f'{tuple(logits.shape)}. Use AVMLoss for a model with classes.'
            )
        probability = logits.flatten(0, 1).float().sigmoid()  # (N, 1, H, W)
        losses = []
        for level in range(len(feature_maps)) if self.levels is None else self.levels:
            visual = feature_maps[level].flatten(0, 1).float()
            audio = audio_features[level].flatten(0, 1).float()
            mask = _POOLINGS[self.pooling](probability, visual.shape[-2:]) > 0.5
            # The mean is normalized below: the area of the mask does not matter.
            inside = (visual * mask).mean((2, 3))
            cosine = (F.normalize(inside) * F.normalize(audio)).sum(1)
            losses.append(-(cosine.relu() + _EPS).log().mean())
        return self.weight * torch.stack(losses).mean()


def _nearest_other(audio: Tensor) -> Tensor:
    """Return the index (N,) of the nearest other audio embedding, for each of audio (N, C)."""
    distance = torch.cdist(audio, audio)
    return (distance + 10 * torch.eye(len(audio), device=audio.device)).argmin(0)


def _check_choice(loss: nn.Module, name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{type(loss).__name__}.{name}: expected one of {choices}, got {value!r}')
