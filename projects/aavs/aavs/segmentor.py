"""The model of AAVS: trains some of its parameters only, and reads prior masks."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aavs.frame_head import AAVSPriorHead
from avis.models.base import Inputs
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.segmentors.query_av_segmentor import QueryAVSegmentor
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class AAVSSegmentor(QueryAVSegmentor):
    """``QueryAVSegmentor`` of AAVS.

    Args:
        trained: Parts of the names of the parameters that are trained; None trains all.
        mask_size: (H, W) of the masks before their sums, whatever the size of the frames.
        skip_silent_clips: Clips without any foreground have a loss of zero, as in the official
            training on MS3.
        kwargs: Further arguments of ``QueryAVSegmentor``.
    """

    def __init__(
        self,
        *,
        trained: Sequence[str] | None = None,
        mask_size: tuple[int, int] = (384, 384),
        skip_silent_clips: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mask_size = mask_size
        self.skip_silent_clips = skip_silent_clips
        for name, weight in self.named_parameters():
            weight.requires_grad_(trained is None or any(part in name for part in trained))

    def run_head(self, maps: Sequence[Tensor], audio: Tensor, inputs: Inputs) -> FramePredictions:
        """Run the frame head, with ``prior_masks`` (B, T, H, W) if it reads them."""
        if not isinstance(self.frame_head, AAVSPriorHead):
            return super().run_head(maps, audio, inputs)
        if 'prior_masks' not in inputs:
            raise ValueError(
                'AAVSSegmentor: expected prior_masks in the inputs, as AAVSPriorHead reads them; '
                'put LoadPriorMasks into the pipeline'
            )
        clip = (audio.shape[0], audio.shape[1])
        prior = inputs['prior_masks'].flatten(0, 1)
        predictions: FramePredictions = self.frame_head(maps, audio, clip, prior)
        return predictions

    def make_extra_inputs(self, frames: Tensor) -> Inputs:
        """Make prior masks of pixels brighter than the mean, if the head reads them."""
        if not isinstance(self.frame_head, AAVSPriorHead):
            return {}
        brightness = frames.float().mean(-3)
        return {'prior_masks': (brightness >= brightness.mean()).float()}

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return the losses of the frame head."""
        losses = super().loss(inputs, data_samples)
        if not self.skip_silent_clips:
            return losses
        labeled = [sample.gt_sem_seg.sem_seg.any() for sample in data_samples]
        if not torch.stack(labeled).any():
            return {name: 0 * value for name, value in losses.items()}
        return losses

    def upsample_masks(self, masks: Tensor, size: tuple[int, int]) -> Tensor:
        """Return mask logits (1, Q, h, w) at ``mask_size``; frames have no padding."""
        return F.interpolate(masks, self.mask_size, mode='bilinear')

    def sounding_probability(self, scores: Tensor) -> Tensor:
        """Return the value that the official F-score thresholds: sigmoid(2 fg - bg)."""
        return (2 * scores[:, 1] - scores[:, 0]).sigmoid()
