"""Dice loss for clips in which only some frames are labeled."""

from torch import Tensor, nn

from avis.models.losses.labeled_losses import select_labeled
from avis.registry import MODELS

_EPS = 0.001  # the authors' constant, for either of the two sums of squares


@MODELS.register_module()
class LabeledDiceLoss(nn.Module):
    """Dice loss of Milletari et al. (arXiv:1606.04797), per labeled frame.

    Source: Gao et al., *AVSegFormer*, AAAI 2024 (arXiv:2307.01146).
    """

    def forward(self, logits: Tensor, target: Tensor, labeled: Tensor) -> Tensor:
        """Return the mean over the labeled frames, 0 without labeled frames.

        Args:
            logits: (B, T, 1, H, W).
            target: (B, T, H, W) with 0 and 1.
            labeled: bool (B, T).

        Returns:
            Scalar.
        """
        if logits.shape[2] != 1:
            raise ValueError(
                f'LabeledDiceLoss: expected one logit per pixel, got logits of shape '
                f'{tuple(logits.shape)}. Use LabeledCrossEntropyLoss for a model with classes.'
            )
        selected, gt = select_labeled(logits[:, :, 0], target, labeled)
        prob = selected.float().sigmoid().flatten(1)
        gt = gt.to(prob.dtype).flatten(1)
        if prob.numel() == 0:
            return logits.sum() * 0
        squares = prob.square().sum(1) + gt.square().sum(1) + 2 * _EPS
        return (1 - 2 * (prob * gt).sum(1) / squares).mean()
