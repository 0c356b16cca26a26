"""Segmentation losses for clips in which only some frames are labeled."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS
from avis.structures.labels import IGNORED_LABEL


@MODELS.register_module()
class LabeledBCELoss(nn.Module):
    """Binary cross-entropy of the labeled frames: the first of each clip in S4, all in MS3.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042).

    Args:
        with_logits: Compute the loss from the logits. False is the official form: a sigmoid in
            float32, then a cross-entropy with logarithms cut at -100. It saturates: a positive
            logit above about 16.6 on a background pixel costs 100 and has no gradient, and the
            gradient of a negative logit on an object fades below about -27.6.
    """

    def __init__(self, *, with_logits: bool = True) -> None:
        super().__init__()
        self.with_logits = with_logits

    def forward(self, logits: Tensor, target: Tensor, labeled: Tensor) -> Tensor:
        """Return the mean over the pixels of the labeled frames, 0 without labeled frames.

        Args:
            logits: (B, T, 1, H, W).
            target: (B, T, H, W) with 0 and 1.
            labeled: bool (B, T).

        Returns:
            Scalar.
        """
        _check_channels(self, logits, binary=True)
        selected, gt = select_labeled(logits[:, :, 0], target, labeled)
        gt = gt.to(logits.dtype)
        if selected.numel() == 0:
            return logits.sum() * 0
        if self.with_logits:
            return F.binary_cross_entropy_with_logits(selected, gt)
        with torch.autocast(logits.device.type, enabled=False):
            return F.binary_cross_entropy(selected.float().sigmoid(), gt.float())


@MODELS.register_module()
class LabeledCrossEntropyLoss(nn.Module):
    """Cross-entropy over K classes of the labeled frames, as in AVSS.

    Source: Zhou et al., *Audio-Visual Segmentation with Semantics*, IJCV 2025 (arXiv:2301.13190).
    """

    def forward(self, logits: Tensor, target: Tensor, labeled: Tensor) -> Tensor:
        """Return the mean over the pixels of the labeled frames, 0 without labeled frames.

        Args:
            logits: (B, T, K, H, W), K at least 2.
            target: (B, T, H, W) with class indices below K; pixels of 255 are left out.
            labeled: bool (B, T).

        Returns:
            Scalar.
        """
        _check_channels(self, logits, binary=False)
        selected, gt = select_labeled(logits, target, labeled)
        if selected.numel() == 0:
            return logits.sum() * 0
        return F.cross_entropy(selected, gt.long(), ignore_index=IGNORED_LABEL)


def select_labeled(logits: Tensor, target: Tensor, labeled: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames of logits (B, T, ...) and of a target (B, T, H, W) that are labeled.

    Args:
        logits: Of all frames.
        target: Of all frames.
        labeled: bool (B, T).

    Returns:
        N logits and N targets, in the order of the frames.
    """
    index = labeled.flatten().nonzero()[:, 0]  # once: a GPU is waited for
    return logits.flatten(0, 1)[index], target.flatten(0, 1)[index]


def _check_channels(loss: nn.Module, logits: Tensor, *, binary: bool) -> None:
    if binary != (logits.shape[2] == 1):
        expected = 'num_classes=1' if binary else 'num_classes of 2 or more'
        raise ValueError(
            f'{type(loss).__name__}: expected a decode head with {expected}, got logits of shape '
            f'{tuple(logits.shape)}. Change decode_head.num_classes or loss_seg.'
        )
