"""The model LVS: two ResNets, and soft masks of what surely sounds and what surely does not."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from avis.models import SoundLocalizer
from avis.models.base import Inputs
from avis.models.sound_localizers.base import cosine_maps
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

_OWN_PAIR = -99.0  # factor that switches the own pair off; cosines of rectified features are >= 0


@MODELS.register_module()
class LVS(SoundLocalizer):
    """Cosine of each location of an image with the audio.

    Of the own image, locations above a threshold are positive, those below a lower one negative;
    the others do not count. The training code is not released: the loss is the cross-entropy of the
    released logits, whose first column is the positive.

    Args:
        positive_threshold: Cosine above which a location is positive.
        negative_threshold: Cosine below which a location of the own image is negative.
        mask_temperature: Width of the step at both thresholds.
        temperature: Divides the logits.
        kwargs: Further arguments of ``SoundLocalizer``.
    """

    def __init__(
        self,
        *,
        positive_threshold: float = 0.65,
        negative_threshold: float = 0.4,
        mask_temperature: float = 0.03,
        temperature: float = 0.07,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.positive_threshold = positive_threshold
        self.negative_threshold = negative_threshold
        self.mask_temperature = mask_temperature
        self.temperature = temperature

    def compute_outputs(self, inputs: Inputs) -> dict[str, Tensor]:
        """Return the raw outputs.

        Returns:
            ``heat_map`` (B, h, w), cosines with the own audio; ``positive`` and ``negative``
            (B, h, w), the masks of the own pair in 0..1; ``logits`` (B, B + 2): the positive, all
            pairs, of which the own one is switched off, and the negative.
        """
        cosines = cosine_maps('nchw,mc->nmhw', *self.encode(inputs))  # of all pairs
        index = torch.arange(len(cosines), device=cosines.device)
        own = cosines[index, index]
        masks = self._step(cosines - self.positive_threshold)
        # Not one minus a sigmoid, which is 0 everywhere if all cosines are far above the threshold.
        negative = self._step(self.negative_threshold - own)
        pairs = _masked_mean(cosines, masks)
        others = torch.ones_like(pairs).fill_diagonal_(_OWN_PAIR)
        columns = [pairs.diagonal()[:, None], pairs * others, _masked_mean(own, negative)[:, None]]
        return {
            'heat_map': own,
            'positive': masks[index, index],
            'negative': negative,
            'logits': torch.cat(columns, 1) / self.temperature,
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Tensor]:
        """Return ``loss_match``, the cross-entropy of the positive."""
        logits = self.compute_outputs(inputs)['logits']
        target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        return {'loss_match': F.cross_entropy(logits, target)}

    def _step(self, distance: Tensor) -> Tensor:
        return (distance / self.mask_temperature).sigmoid()


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the locations, weighted by a mask: (..., h, w) to (...)."""
    return (values * mask).sum((-2, -1)) / mask.sum((-2, -1))
