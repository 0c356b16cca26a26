"""Segmentation losses over clips of which only some frames carry a label."""

import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS


@MODELS.register_module()
class LabelledBCELoss(nn.Module):
    """Binary cross-entropy of the labelled frames: the first of each clip in S4, all in MS3."""

    def forward(self, logits: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
        """Mean over the pixels of the labelled frames, 0 if there are none.

        Args:
            logits: (B, T, 1, H, W).
            target: (B, T, H, W) with 0 and 1.
            labelled: bool (B, T).

        Returns:
            Scalar.
        """
        _check_channels(self, logits, binary=True)
        selected, truth = logits[:, :, 0][labelled], target[labelled].to(logits.dtype)
        if selected.numel() == 0:
            return logits.sum() * 0
        return F.binary_cross_entropy_with_logits(selected, truth)


@MODELS.register_module()
class LabelledCrossEntropyLoss(nn.Module):
    """Cross-entropy over K classes of the labelled frames, as in AVSS."""

    def forward(self, logits: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
        """Mean over the pixels of the labelled frames, 0 if there are none.

        Args:
            logits: (B, T, K, H, W), K at least 2.
            target: (B, T, H, W) with class indices below K.
            labelled: bool (B, T).

        Returns:
            Scalar.
        """
        _check_channels(self, logits, binary=False)
        selected = logits[labelled]
        if selected.numel() == 0:
            return logits.sum() * 0
        return F.cross_entropy(selected, target[labelled].long())


def _check_channels(loss: nn.Module, logits: Tensor, *, binary: bool) -> None:
    if binary != (logits.shape[2] == 1):
        wanted = 'num_classes=1' if binary else 'num_classes of 2 or more'
        raise ValueError(
            f'{type(loss).__name__} needs a decode head with {wanted}, got logits of shape '
            f'{tuple(logits.shape)}. Change decode_head.num_classes or loss_seg.'
        )
