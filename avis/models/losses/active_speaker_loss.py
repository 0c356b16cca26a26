"""Loss of active speaker detection, of the scores and of those without audio."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS

AUDIBLE = 1
"""Label of a person who speaks audibly; 0 is silent, 2 speaks inaudibly."""


@MODELS.register_module()
class ActiveSpeakerLoss(nn.Module):
    """Binary cross-entropy of both heads, of probabilities at a temperature that falls.

    In epoch n, counted from 0, logits are divided by ``temperature - n * cooling``: early on wrong
    scores cost less. As published, the cross-entropy is computed from probabilities, with
    logarithms cut at -100, and a person who speaks inaudibly counts as silent.

    Source: Liao et al., *A Light Weight Model for Active Speaker Detection*, CVPR 2023
    (arXiv:2303.04439); LR-ASD uses temperature 1.

    Args:
        temperature: Temperature of the first epoch.
        cooling: By how much it falls per epoch.
        visual_weight: Weight of the loss of the head without audio.
    """

    def __init__(
        self, *, temperature: float = 1.0, cooling: float = 0.0, visual_weight: float = 0.5
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.cooling = cooling
        self.visual_weight = visual_weight
        self.epoch = 0

    def forward(self, logits: Tensor, visual_logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return ``loss_speaking``, ``loss_visual``, weighted, and ``accuracy``, all scalars.

        Args:
            logits: (..., 2).
            visual_logits: (..., 2), of the head without audio.
            labels: Integer (...), 1 for audible speech.
        """
        target = labels == AUDIBLE
        return {
            'loss_speaking': self._entropy(logits, target),
            'loss_visual': self.visual_weight * self._entropy(visual_logits, target),
            'accuracy': ((logits[..., 1] > logits[..., 0]) == target).float().mean(),
        }

    def _entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        temperature = self.temperature - self.cooling * self.epoch
        with torch.autocast(logits.device.type, enabled=False):
            prob = (logits.float() / temperature).softmax(-1)[..., 1]
            return F.binary_cross_entropy(prob, target.float())
