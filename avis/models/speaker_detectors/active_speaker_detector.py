"""Model of active speaker detection: in which frames a tracked face speaks audibly."""

from typing import Any

import torch
from torch import Tensor, nn

from avis.models.base import BaseAVModel, Inputs
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class ActiveSpeakerDetector(BaseAVModel):
    """Network, a head for audio and faces together, and one for faces alone that helps training.

    Each track of a face is scored on its own: people do not compete. Inputs: ``faces`` float
    (B, T, H, W), gray, 0 to 255; ``audio`` MFCCs (B, 4*T, 13).

    Args:
        data_preprocessor: Stacks the tracks of a batch and computes MFCCs.
        network: Maps faces and MFCCs to features, see
            :mod:`avis.models.speaker_detectors.networks`.
        loss: Called with the logits of both heads and labels.
        init_cfg: As for every mmengine model.
    """

    def __init__(
        self,
        *,
        data_preprocessor: dict[str, Any],
        network: dict[str, Any],
        loss: dict[str, Any],
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.network = MODELS.build(network)
        channels = self.network.out_channels
        self.head = nn.Linear(channels, 2)
        self.visual_head = nn.Linear(channels, 2)
        self.loss_speaking = MODELS.build(loss)

    def set_epoch(self, epoch: int) -> None:
        """Set the temperature of the loss for an epoch, counted from 0."""
        self.loss_speaking.epoch = epoch

    def compute_outputs(self, inputs: Inputs) -> dict[str, Tensor]:
        """Return the raw outputs.

        Returns:
            ``logits`` and ``visual_logits`` (B, T, 2), class 1 is audible speech; ``features`` and
            ``visual_features`` (B, T, C).
        """
        features, visual = self.network(inputs['faces'], inputs['audio'])
        return {
            'logits': self.head(features),
            'visual_logits': self.visual_head(visual),
            'features': features,
            'visual_features': visual,
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Tensor]:
        """Return the losses by name."""
        outputs = self.compute_outputs(inputs)
        labels = torch.stack([sample.gt_speaking for sample in data_samples])
        losses: dict[str, Tensor] = self.loss_speaking(
            outputs['logits'], outputs['visual_logits'], labels
        )
        return losses

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_speaking``, float (T,), the probability of audible speech, to the samples."""
        probs = self.compute_outputs(inputs)['logits'].float().softmax(-1)[..., 1]
        for sample, prob in zip(data_samples, probs, strict=True):
            sample.pred_speaking = prob
        return data_samples
