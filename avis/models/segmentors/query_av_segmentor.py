"""Model for audio-visual segmentation whose queries predict classes and masks of each frame."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from avis.models.base import Inputs
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.segmentors.base import BaseAVSegmentor
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

_IGNORED = 255  # label of pixels without ground truth


@MODELS.register_module()
class QueryAVSegmentor(BaseAVSegmentor):
    """Backbone, audio encoder and a frame head with queries: AVS and AVSS.

    A query predicts one class, background included, and one mask. The score of a class at a pixel
    is the sum over the queries of the probability of the class times that of the mask; the label is
    the class with the highest score. In training each class in the label map of a frame is an
    instance, which the set loss of the head matches with a query.

    Source: the semantic inference of Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527), as
    methods of audio-visual segmentation use it.

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Maps images (N, 3, H, W) to a tuple of maps, finest first.
        audio_encoder: Maps audio and the number of frames to (B, T, D).
        frame_head: Maps feature maps and audio embeddings to
            :class:`~avis.models.decode_heads.frame_predictions.FramePredictions`; 2 classes for
            the binary task.
        output_size: (H, W) of the predictions, if frames are resized for the model only; None for
            the size of the input.
        text_encoder: Maps expressions to tokens, for segmentation by text; None without text.
        text_fusion: Fuses these tokens into the audio embeddings, whose width D may change.
        init_cfg: As for every mmengine model.
    """

    def __init__(
        self,
        *,
        data_preprocessor: dict[str, Any],
        backbone: dict[str, Any],
        audio_encoder: dict[str, Any],
        frame_head: dict[str, Any],
        output_size: tuple[int, int] | None = None,
        text_encoder: dict[str, Any] | None = None,
        text_fusion: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg, text_encoder, text_fusion)
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.frame_head = MODELS.build(frame_head)
        self.output_size = None if output_size is None else tuple(output_size)

    def predict_frames(self, inputs: Inputs) -> FramePredictions:
        """Return the predictions of the frame head."""
        frames = inputs['frames']
        self.check_frames(frames)
        maps = self.backbone(frames.flatten(0, 1))
        return self.run_head(maps, self.encode_audio(inputs), inputs)

    def run_head(self, maps: Sequence[Tensor], audio: Tensor, inputs: Inputs) -> FramePredictions:
        """Run the frame head; subclasses whose head reads further inputs pass them on.

        Args:
            maps: Of the backbone, finest first, each (B * T, C_i, h_i, w_i).
            audio: (B, T, D).
            inputs: The preprocessed batch.
        """
        clip = (audio.shape[0], audio.shape[1])
        predictions: FramePredictions = self.frame_head(maps, audio, clip)
        return predictions

    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return the raw outputs.

        Returns:
            ``class_logits`` (B, T, Q, K + 1) and, at stride 4, ``mask_logits`` (B, T, Q, h, w).
        """
        predictions = self.predict_frames(inputs)
        return {
            'class_logits': predictions.class_logits,
            'mask_logits': predictions.mask_logits(),
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return the losses of the frame head, over the labeled frames of all clips."""
        predictions = self.predict_frames(inputs)
        num_classes = self.frame_head.num_classes
        samples = _classes_as_instances(data_samples, num_classes)
        labeled = torch.stack([_labeled_frames(sample) for sample in data_samples])
        losses: dict[str, Any]
        losses, _ = self.frame_head.loss(predictions, samples, labeled)
        return losses

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_sem_seg`` to the data samples, without padding.

        Its ``sem_seg`` is uint8 (T, H, W), class indices; the binary task adds ``prob``, float
        (T, H, W).
        """
        predictions = self.predict_frames(inputs)
        for clip, sample in enumerate(data_samples):
            length = len(sample.get('frame_ids', inputs['frames'][clip]))
            scores = [
                self.class_scores(predictions, (clip, frame), sample.img_shape, self.output_size)
                for frame in range(length)
            ]
            sample.pred_sem_seg = self.label_pixels(torch.stack(scores))
        return data_samples

    def class_scores(
        self,
        predictions: FramePredictions,
        index: tuple[int, int],
        size: tuple[int, int],
        output_size: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Return the score of each class at each pixel of one frame.

        Args:
            predictions: Of a batch.
            index: Clip and frame.
            size: (H, W) of the frame in the batch, without padding.
            output_size: (H, W) of the result; None for ``size``.

        Returns:
            float (K, H, W), sums over the queries.
        """
        clip, frame = index
        selected = slice(frame, frame + 1)
        masks = predictions.select(selected).mask_logits()[clip]  # (1, Q, h, w)
        masks = self.upsample_masks(masks, size)[0].sigmoid()
        classes = predictions.class_logits[clip, frame].softmax(-1)[:, :-1]
        scores = torch.einsum('qk,qhw->khw', classes, masks)
        if output_size is None or output_size == scores.shape[1:]:
            return scores
        return F.interpolate(scores[None], output_size, mode='bilinear')[0]

    def upsample_masks(self, masks: Tensor, size: tuple[int, int]) -> Tensor:
        """Return mask logits (1, Q, h, w) at the size (H, W) of the frame, without padding."""
        padded = (masks.shape[-2] * 4, masks.shape[-1] * 4)
        return F.interpolate(masks, padded, mode='bilinear')[..., : size[0], : size[1]]

    def label_pixels(self, scores: Tensor) -> PixelData:
        """Return the labels of scores (T, K, H, W), with ``prob`` for the binary task."""
        data = {'sem_seg': scores.argmax(1).to(torch.uint8)}
        if scores.shape[1] == 2:
            data['prob'] = self.sounding_probability(scores)
        return PixelData(**data)

    def sounding_probability(self, scores: Tensor) -> Tensor:
        """Return the probability (T, H, W) of the foreground from scores (T, 2, H, W)."""
        return scores.softmax(1)[:, 1]


def _classes_as_instances(
    data_samples: Sequence[AVDataSample], num_classes: int
) -> list[AVDataSample]:
    """Return samples with one instance in ``gt_tracks`` per class of their label maps.

    Pixels with label 255 belong to no class.
    """
    targets = [sample.gt_sem_seg.sem_seg for sample in data_samples]  # (T, H, W)
    # Of all clips at once: a GPU is waited for once.
    present = torch.stack([_present_labels(target) for target in targets]).cpu()
    converted = []
    for sample, target, in_clip in zip(data_samples, targets, present, strict=True):
        on_cpu = in_clip[:_IGNORED].nonzero()[:, 0]
        if len(on_cpu) and int(on_cpu[-1]) >= num_classes:
            raise ValueError(
                f'{sample.get("video_name")!r}: expected labels below frame_head.num_classes='
                f'{num_classes}, got {int(on_cpu[-1])}. Check the masks, or set num_classes to '
                f'that of the data set.'
            )
        labels = on_cpu.to(target.device, non_blocking=True)
        sample = sample.new()
        sample.gt_tracks = InstanceData(
            labels=labels, ids=labels, masks=target[None] == labels[:, None, None, None]
        )
        converted.append(sample)
    return converted


def _present_labels(target: Tensor) -> Tensor:
    """Return which labels from 0 to 255 a label map has, bool (256,)."""
    absent = target.new_zeros(_IGNORED + 1, dtype=torch.bool)
    return absent.index_fill(0, target.flatten().long(), True)


def _labeled_frames(sample: AVDataSample) -> Tensor:
    """Return which frames have a ground truth and are not padding, bool (T,)."""
    target = sample.gt_sem_seg.sem_seg
    labeled: Tensor = target.new_ones(len(target), dtype=torch.bool)
    for name in ('labeled_frames', 'valid_frames'):
        known = sample.get(name)
        labeled = labeled if known is None else labeled & known
    return labeled
