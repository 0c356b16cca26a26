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
        clip, valid = (frames.shape[0], frames.shape[1]), inputs.get('valid_frames')
        # Once: a GPU is waited for.
        index = None if valid is None else valid.flatten().nonzero()[:, 0]
        images, priors, audio = (
            x.flatten(0, 1) if index is None else x.flatten(0, 1)[index]
            for x in (frames, inputs['prior_images'], self.encode_audio(inputs))
        )
        pairs = zip(self.backbone(images), self.prior_backbone(priors), strict=True)
        fused = [gate(*pair) for gate, pair in zip(self.gates, pairs, strict=True)]
        return _scatter(self.run_head(fused, audio[None], inputs), clip, index)

    def make_extra_inputs(self, frames: Tensor) -> Inputs:
        """Make prior images; segments have edges as the frames have."""
        return {'prior_images': frames.flip(-1)}


def _scatter(
    predictions: FramePredictions, clip: tuple[int, int], index: Tensor | None
) -> FramePredictions:
    """Move predictions (1, N, ...) of all frames, or those of an index (N,), to (B, T, ...)."""

    def move(value: Tensor) -> Tensor:
        moved = value[0]
        if index is not None:
            moved = value.new_zeros(clip[0] * clip[1], *value.shape[2:])
            moved[index] = value[0]
        return moved.unflatten(0, clip)

    return replace(
        predictions,
        class_logits=move(predictions.class_logits),
        mask_embeds=move(predictions.mask_embeds),
        queries=torch.stack([move(layer) for layer in predictions.queries]),
        pixel_features=move(predictions.pixel_features),
        layers=[LayerPrediction(*map(move, layer)) for layer in predictions.layers],
    )
