"""A whole model for audio-visual segmentation: which pixels of a frame belong to what sounds."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

STRIDE = 32  # of the coarsest map; the decoder doubles sizes and meets every level exactly


@MODELS.register_module()
class AVSegmentor(BaseModel):
    """Backbone, neck, sound, one fusion block per level, decoder: AVS (binary) and AVSS (classes).

    Every part is a config. ``fusion`` is built once per level of the pyramid, as ``fusions.0``
    (finest) to ``fusions.3``. Any number of frames T works, and any H and W that are multiples of
    32. Frames that are padding (``valid_frames`` False) are zeroed between the parts, as the AVSS
    authors do; their logits are 0.

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Images (N, 3, H, W) to a tuple of maps, finest first.
        neck: Those maps to the same number of maps of C channels.
        audio_encoder: Sound, and the number of frames, to (B, T, D).
        fusion: Fusion block, see :mod:`avis.models.fusion.checks`.
        decode_head: Maps to logits; its ``num_classes`` is 1 for the binary task.
        loss_seg: Called with logits, target and labeled frames.
        loss_avm: Matching of map and sound, see :mod:`avis.models.losses.avm_loss`; None without.
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
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.fusions = nn.ModuleList(MODELS.build(fusion) for _ in self.backbone.out_indices)
        self.decode_head = MODELS.build(decode_head)
        self.loss_seg = MODELS.build(loss_seg)
        self.loss_avm = None if loss_avm is None else MODELS.build(loss_avm)

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[AVDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Any] | list[AVDataSample]:
        """Run the model on one preprocessed batch.

        Args:
            inputs: ``frames`` (B, T, 3, H, W), normalized; ``audio`` as the audio encoder takes
                it, or (B, T, D); optionally ``audio_lengths`` int (B,), the rows of ``audio``
                that are no padding, and ``valid_frames`` bool (B, T).
            data_samples: B samples; needed in the modes ``loss`` and ``predict``.
            mode: ``tensor`` returns the raw outputs, ``loss`` the losses by name, ``predict`` the
                samples with ``pred_sem_seg``.

        Returns:
            For ``tensor``: ``logits`` (B, T, K, H, W); ``feature_maps``, per level (B, T, C, h, w)
            and rectified; ``audio_features``, per level (B, T, C).
        """
        if mode == 'tensor':
            return self._outputs(inputs)
        if mode not in ('loss', 'predict') or data_samples is None:
            raise ValueError(
                f"mode is {mode!r}, expected 'tensor', or 'loss' or 'predict' with data_samples"
            )
        return (self._loss if mode == 'loss' else self._predict)(inputs, data_samples)

    def _outputs(self, inputs: dict[str, Tensor]) -> dict[str, Any]:
        """The raw outputs; see :meth:`forward`."""
        frames, valid = inputs['frames'], inputs.get('valid_frames')
        _check_frames(frames)
        clip = frames.shape[:2]
        lengths = inputs.get('audio_lengths')
        audio = self.audio_encoder(
            inputs['audio'], num_frames=clip[1], lengths=lengths
        )  # (B, T, D)
        # Channels last from here on: the fusion reads maps as rows of tokens, without a copy. The
        # backbone does not, because its batch norms are less exact in that layout on a CPU.
        maps = [
            level.contiguous(memory_format=torch.channels_last)
            for level in self.backbone(frames.flatten(0, 1))
        ]
        maps = [_zero_padding(level, valid) for level in self.neck(maps)]
        audio = _zero_padding(audio.flatten(0, 1), valid).unflatten(0, clip)
        feature_maps, audio_features = [], []
        for fusion, level in zip(self.fusions, maps, strict=True):
            fused, audio_embed = fusion(level.unflatten(0, clip), audio)
            fused = _zero_padding(fused.flatten(0, 1), valid)
            feature_maps.append(fused.relu())
            audio_features.append(audio_embed)
        del maps, level, fused  # the decoder needs the memory
        keep = None if valid is None else valid.reshape(-1, 1, 1, 1).to(frames.dtype)
        return {
            'logits': self.decode_head(feature_maps, keep).unflatten(0, clip),
            'feature_maps': [level.unflatten(0, clip) for level in feature_maps],
            'audio_features': audio_features,
        }

    def _loss(self, inputs: dict[str, Tensor], data_samples: list[AVDataSample]) -> dict[str, Any]:
        outputs = self._outputs(inputs)
        logits = outputs['logits']
        target, labeled = _gt(data_samples, logits)
        losses = {'loss_seg': self.loss_seg(logits, target, labeled)}
        if self.loss_avm is not None:
            losses['loss_avm'] = self.loss_avm(
                logits, outputs['feature_maps'], outputs['audio_features'], labeled
            )
        return losses

    def _predict(
        self, inputs: dict[str, Tensor], data_samples: list[AVDataSample]
    ) -> list[AVDataSample]:
        for sample, logits in zip(data_samples, self._outputs(inputs)['logits'], strict=True):
            height, width = sample.img_shape
            length = len(sample.get('frame_ids', logits))
            logits = logits[:length, :, :height, :width]  # (T, K, H, W), without the padding
            if logits.shape[1] == 1:
                prob = logits[:, 0].sigmoid().float()
                data = {'sem_seg': (prob > 0.5).to(torch.uint8), 'prob': prob}
            else:
                data = {'sem_seg': logits.argmax(1).to(torch.uint8)}
            sample.pred_sem_seg = PixelData(**data)
        return data_samples


def _zero_padding(x: Tensor, valid: Tensor | None) -> Tensor:
    """Zero the rows of x (B*T, ...) that belong to padding frames; valid is (B, T)."""
    if valid is None:
        return x
    return x * valid.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)


def _check_frames(frames: Tensor) -> None:
    height, width = frames.shape[-2:]
    if frames.ndim != 5 or height % STRIDE or width % STRIDE:
        raise ValueError(
            f'AVSegmentor needs frames (B, T, 3, H, W) with H and W multiples of {STRIDE}, got '
            f'{tuple(frames.shape)}. Pad or resize them, as data_preprocessor.size_divisor={STRIDE}'
            f' does.'
        )


def _gt(data_samples: Sequence[AVDataSample], logits: Tensor) -> tuple[Tensor, Tensor]:
    """Stack the truth of a batch.

    Returns:
        Class indices (B, T, H, W), and which frames carry a label, bool (B, T).
    """
    num_labels = max(logits.shape[2], 2)  # a binary head has one logit and two labels
    targets, labeled = [], []
    for sample in data_samples:
        target = sample.gt_sem_seg.sem_seg  # (T, H, W)
        if int(target.max()) >= num_labels:
            raise ValueError(
                f'{sample.get("video_name")!r}: the truth holds class {int(target.max())}, but '
                f'decode_head.num_classes is {logits.shape[2]}, so labels are below {num_labels}. '
                f'Check the masks, or set num_classes to that of the data set.'
            )
        targets.append(target)
        known = sample.get('labeled_frames')
        labeled.append(target.new_ones(len(target), dtype=torch.bool) if known is None else known)
    return torch.stack(targets), torch.stack(labeled)
