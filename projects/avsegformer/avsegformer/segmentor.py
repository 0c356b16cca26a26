"""The model AVSegFormer: backbone, audio encoder and head."""

from typing import Any

import torch.nn.functional as F
from torch import nn

from avis.models.base import Inputs
from avis.models.segmentors.base import BaseAVSegmentor
from avis.models.segmentors.sem_seg import add_sem_seg, stack_sem_seg, zero_padding_frames
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class AVSegFormer(BaseAVSegmentor):
    """Segments each frame of a clip by the audio of its second: AVS and AVSS.

    Frames do not depend on each other in evaluation. Any number of frames works, and any H and W
    that are multiples of 32. Maps and logits of padding frames (``valid_frames`` False) are 0.

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Maps images (N, 3, H, W) to a tuple of maps, finest first.
        audio_encoder: Maps audio and the number of frames to (B, T, D).
        decode_head: An ``AVSegFormerHead``.
        loss_seg: Called with logits, target and labeled frames.
        loss_mix: Same for the mean of the channels of the mask features, as logit of the
            foreground.
        mix_weight: Weight of the latter.
        init_cfg: As for every mmengine model.
    """

    def __init__(
        self,
        *,
        data_preprocessor: dict[str, Any],
        backbone: dict[str, Any],
        audio_encoder: dict[str, Any],
        decode_head: dict[str, Any],
        loss_seg: dict[str, Any],
        loss_mix: dict[str, Any],
        mix_weight: float = 0.1,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.decode_head = MODELS.build(decode_head)
        self.audio_proj = nn.Linear(self.audio_encoder.out_channels, self.decode_head.channels)
        self.loss_seg = MODELS.build(loss_seg)
        self.loss_mix = MODELS.build(loss_mix)
        self.mix_weight = mix_weight

    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return ``logits`` (B, T, K, H, W) and ``mask_features`` (B, T, C, H / 4, W / 4)."""
        frames, valid = inputs['frames'], inputs.get('valid_frames')
        self.check_frames(frames)
        audio = self.audio_proj(self.encode_audio(inputs).flatten(0, 1))
        maps = [zero_padding_frames(x, valid) for x in self.backbone(frames.flatten(0, 1))]
        outputs = dict(zip(('logits', 'mask_features'), self.decode_head(maps, audio), strict=True))
        return {
            name: zero_padding_frames(x, valid).unflatten(0, frames.shape[:2])
            for name, x in outputs.items()
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return ``loss_seg`` and ``loss_mix``."""
        outputs = self.compute_outputs(inputs)
        logits = outputs['logits']
        target, labeled = stack_sem_seg(data_samples, logits)
        # The gate lets audio choose channels: their mean should show what sounds.
        means = outputs['mask_features'].float().mean(2)
        foreground = F.interpolate(means, logits.shape[-2:], mode='bilinear')[:, :, None]
        loss_mix = self.loss_mix(foreground, (target > 0).to(target.dtype), labeled)
        return {
            'loss_seg': self.loss_seg(logits, target, labeled),
            'loss_mix': self.mix_weight * loss_mix,
        }

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_sem_seg``, see :func:`~avis.models.segmentors.sem_seg.add_sem_seg`."""
        return add_sem_seg(data_samples, self.compute_outputs(inputs)['logits'])
