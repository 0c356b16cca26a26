"""Model for audio-visual segmentation: the pixels of each frame that belong to sounding objects."""

from typing import Any

import torch
from torch import nn

from avis.models.base import Inputs
from avis.models.segmentors.base import BaseAVSegmentor
from avis.models.segmentors.sem_seg import add_sem_seg, stack_sem_seg, zero_padding_frames
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class AVSegmentor(BaseAVSegmentor):
    """Backbone, neck, audio encoder, one fusion block per level, decoder: AVS and AVSS.

    Every part is a config. ``fusion`` is built once per level of the pyramid, as ``fusions.0``
    (finest) to ``fusions.3``. Any number of frames T works, and any H and W that are multiples of
    32, so that the decoder, which doubles sizes, meets every level exactly. Padding frames
    (``valid_frames`` False) are set to zero between the parts, as in the official code for AVSS;
    their logits are 0.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042), and for AVSS
    *Audio-Visual Segmentation with Semantics*, IJCV 2025 (arXiv:2301.13190).

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Maps images (N, 3, H, W) to a tuple of maps, finest first.
        neck: Maps these to the same number of maps of C channels.
        audio_encoder: Maps audio and the number of frames to (B, T, D).
        fusion: Fusion block, see :mod:`avis.models.fusion.checks`.
        decode_head: Maps feature maps to logits; its ``num_classes`` is 1 for the binary task.
        loss_seg: Called with logits, target and labeled frames.
        loss_avm: Audio-visual matching loss, see :mod:`avis.models.losses.avm_loss`; None to train
            without it.
        text_encoder: Maps expressions to tokens, for segmentation by text; None without text.
        text_fusion: Fuses these tokens into the audio embeddings, whose width D may change.
        init_cfg: As for every mmengine model.
    """

    def __init__(  # noqa: PLR0913 - one config per part
        self,
        *,
        data_preprocessor: dict[str, Any],
        backbone: dict[str, Any],
        neck: dict[str, Any],
        audio_encoder: dict[str, Any],
        fusion: dict[str, Any],
        decode_head: dict[str, Any],
        loss_seg: dict[str, Any],
        loss_avm: dict[str, Any] | None = None,
        text_encoder: dict[str, Any] | None = None,
        text_fusion: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg, text_encoder, text_fusion)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.fusions = nn.ModuleList(MODELS.build(fusion) for _ in self.backbone.out_indices)
        self.decode_head = MODELS.build(decode_head)
        self.loss_seg = MODELS.build(loss_seg)
        self.loss_avm = None if loss_avm is None else MODELS.build(loss_avm)

    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return the raw outputs.

        Returns:
            ``logits`` (B, T, K, H, W); ``feature_maps``, per level (B, T, C, h, w), after ReLU;
            ``audio_features``, per level (B, T, C).
        """
        frames, valid = inputs['frames'], inputs.get('valid_frames')
        self.check_frames(frames)
        clip = frames.shape[:2]
        audio = self.encode_audio(inputs)
        # Channels last from here on: the fusion reads maps as tokens without a copy. The backbone
        # keeps its layout, because its batch norms are less exact in channels last on a CPU.
        maps = [
            level.contiguous(memory_format=torch.channels_last)
            for level in self.backbone(frames.flatten(0, 1))
        ]
        maps = [zero_padding_frames(level, valid) for level in self.neck(maps)]
        audio = zero_padding_frames(audio.flatten(0, 1), valid).unflatten(0, clip)
        feature_maps, audio_features = [], []
        for fusion, level in zip(self.fusions, maps, strict=True):
            fused, audio_embed = fusion(level.unflatten(0, clip), audio)
            fused = zero_padding_frames(fused.flatten(0, 1), valid)
            feature_maps.append(fused.relu())
            audio_features.append(audio_embed)
        del maps, level, fused  # frees memory for the decoder
        keep = None if valid is None else valid.reshape(-1, 1, 1, 1).to(frames.dtype)
        return {
            'logits': self.decode_head(feature_maps, keep).unflatten(0, clip),
            'feature_maps': [level.unflatten(0, clip) for level in feature_maps],
            'audio_features': audio_features,
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return ``loss_seg`` and, if configured, ``loss_avm``."""
        outputs = self.compute_outputs(inputs)
        logits = outputs['logits']
        target, labeled = stack_sem_seg(data_samples, logits)
        losses = {'loss_seg': self.loss_seg(logits, target, labeled)}
        if self.loss_avm is not None:
            losses['loss_avm'] = self.loss_avm(
                logits, outputs['feature_maps'], outputs['audio_features'], labeled
            )
        return losses

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_sem_seg`` to the data samples, without padding.

        Its ``sem_seg`` is uint8 (T, H, W), class indices; the binary task adds ``prob``, float
        (T, H, W).
        """
        return add_sem_seg(data_samples, self.compute_outputs(inputs)['logits'])
