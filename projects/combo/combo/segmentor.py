"""The model of COMBO: a second backbone for prior images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.base import Inputs
from avis.models.decode_heads.frame_predictions import FramePredictions, LayerPrediction
from avis.models.segmentors.query_av_segmentor import QueryAVSegmentor
from avis.registry import MODELS
from combo.fusion import PriorGate


@MODELS.register_module()
class COMBOSegmentor(QueryAVSegmentor):
    """``QueryAVSegmentor`` with a second network of the same kind for a prior image of each frame.

    A prior image shows the segments that a class-agnostic model finds in the frame, each in a color
    of its own. Padding frames do not enter the model.

    Args:
        backbone: Of the frames; that of the prior images is built alike, with its own weights.
        in_channels: Width of the four maps of a backbone, finest first.
        kwargs: Further arguments of ``QueryAVSegmentor``.
    """

    def __init__(
        self, *, backbone: dict[str, Any], in_channels: Sequence[int], **kwargs: Any
    ) -> None:
        super().__init__(backbone=backbone, **kwargs)
        self.prior_backbone = MODELS.build(backbone)
        self.gates = nn.ModuleList(PriorGate(channels) for channels in in_channels)

    def predict_frames(self, inputs: Inputs) -> FramePredictions:
        """Return the predictions of the frame head; those of padding frames are 0."""
        frames = inputs['frames']
        self.check_frames(frames)
        if 'prior_images' not in inputs:
            raise ValueError(
                'COMBOSegmentor: expected prior_images in the inputs; put LoadPriorImages into the '
                'pipeline'
            )
        valid = inputs.get('valid_frames')
        if valid is None:
            valid = frames.new_ones(frames.shape[:2], dtype=torch.bool)
        maps = self.backbone(frames[valid])
        priors = self.prior_backbone(inputs['prior_images'][valid])
        fused = [gate(x, prior) for gate, x, prior in zip(self.gates, maps, priors, strict=True)]
        audio = self.encode_audio(inputs)[valid][None]
        return _scatter(self.run_head(fused, audio, inputs), valid)

    def make_extra_inputs(self, frames: Tensor) -> Inputs:
        """Make prior images; segments have edges as the frames have."""
        return {'prior_images': frames.flip(-1)}


def _scatter(predictions: FramePredictions, valid: Tensor) -> FramePredictions:
    """Move the predictions (1, N, ...) of the valid frames of B clips to (B, T, ...)."""

    def move(value: Tensor) -> Tensor:
        if valid.all():
            return value.unflatten(1, valid.shape)[0]
        moved = value.new_zeros(*valid.shape, *value.shape[2:])
        moved[valid] = value[0]
        return moved

    return replace(
        predictions,
        class_logits=move(predictions.class_logits),
        mask_embeds=move(predictions.mask_embeds),
        queries=torch.stack([move(layer) for layer in predictions.queries]),
        pixel_features=move(predictions.pixel_features),
        layers=[LayerPrediction(*map(move, layer)) for layer in predictions.layers],
    )
