"""A whole model for audio-visual instance segmentation: what sounds, where, and who is who."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import Window
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

STRIDE = 32  # of the coarsest map

Inputs = dict[str, Tensor]


@MODELS.register_module()
class AVInstanceSegmentor(BaseModel):
    """Backbone, sound, a frame head that finds instances, a tracker that joins them: AVIS.

    Every part is a config, and any frame head works with any tracker. Clips may have any number of
    frames; in evaluation backbone and frame head take a few at a time. Videos longer than the
    memory allows are predicted in windows: ``start_video``, ``predict_window`` for each,
    ``finish_video``; a video of one window gives what ``mode='predict'`` gives.

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Images (N, 3, H, W) to a tuple of maps, finest first.
        audio_encoder: Sound, and the number of frames, to (B, T, D).
        frame_head: Maps and sound to
            :class:`~avis.models.decode_heads.frame_predictions.FramePredictions`.
        tracker: See :mod:`avis.models.trackers.base`.
        sounding_gate: Decides in which frames a track is reported, see
            :class:`~avis.models.trackers.sounding_gate.SoundingGate`; None reports it in all.
        frames_per_chunk: Frames that backbone and frame head take at a time in evaluation.
        reported_classes: Tracks of these classes come out, numbered in this order, the others are
            left out: a model of 26 classes tested on persons reports its class 0 only. None reports
            every class.
        init_cfg: As for every mmengine model.
    """

    def __init__(  # noqa: PLR0913 - one config per part
        self,
        *,
        data_preprocessor: dict[str, Any],
        backbone: dict[str, Any],
        audio_encoder: dict[str, Any],
        frame_head: dict[str, Any],
        tracker: dict[str, Any],
        sounding_gate: dict[str, Any] | None = None,
        frames_per_chunk: int = 18,
        reported_classes: Sequence[int] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        if frames_per_chunk < 1:
            raise ValueError(
                f'AVInstanceSegmentor: frames_per_chunk is {frames_per_chunk}, expected 1 or more'
            )
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = MODELS.build(audio_encoder)
        self.frame_head = MODELS.build(frame_head)
        self.tracker = MODELS.build(tracker)
        self.sounding_gate = None if sounding_gate is None else MODELS.build(sounding_gate)
        self.frames_per_chunk = frames_per_chunk
        self.reported_classes = reported_classes

    def forward(
        self,
        inputs: Inputs,
        data_samples: list[AVDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AVDataSample]:
        """Run the model on one preprocessed batch.

        Args:
            inputs: ``frames`` (B, T, 3, H, W), normalized; ``audio`` as the audio encoder takes
                it, or (B, T, D); optionally ``audio_lengths`` int (B,), the rows of ``audio``
                that are no padding, and ``valid_frames`` bool (B, T), False on padding at the end.
            data_samples: B samples; needed in the modes ``loss`` and ``predict``.
            mode: ``tensor`` returns the raw outputs, ``loss`` the losses by name, ``predict`` the
                samples with ``pred_tracks``.

        Returns:
            For ``tensor``: ``frame_class_logits`` (B, T, Q, K + 1) and, at stride 4,
            ``frame_mask_logits`` (B, T, Q, h, w); if the tracker predicts whole tracks also
            ``class_logits`` (B, Q, K + 1), ``mask_embeds`` (B, Q, C) and ``mask_logits``
            (B, Q, T, h, w).
        """
        if mode == 'tensor':
            return self._outputs(inputs)
        if mode not in ('loss', 'predict') or data_samples is None:
            raise ValueError(
                f"mode is {mode!r}, expected 'tensor', or 'loss' or 'predict' with data_samples"
            )
        return (self._loss if mode == 'loss' else self._predict)(inputs, data_samples)

    def start_video(self) -> Any:
        """The state of a video of which nothing was seen, for :meth:`predict_window`."""
        return self.tracker.start(self.sounding_gate)

    @torch.no_grad()
    def predict_window(self, state: Any, inputs: Inputs, window: Window) -> None:
        """Take in the next window of a video.

        Args:
            state: Of :meth:`start_video`; changed in place.
            inputs: ``frames`` (1, T, 3, H, W) and ``audio``, preprocessed.
            window: Its place in the video and its sizes.
        """
        frames, audio = self.predict_frames(inputs)
        self.tracker.update(state, frames, audio, window)

    def finish_video(self, state: Any) -> InstanceData:
        """The tracks of all frames seen.

        Returns:
            ``labels``, ``scores`` and ``ids`` (N,), and ``masks``, a list of N
            :class:`~avis.structures.mask_track.MaskTrack` at the size of the file.
        """
        tracks = self.tracker.finish(state)
        if self.reported_classes is None:
            return tracks
        numbers = {label: number for number, label in enumerate(self.reported_classes)}
        kept = [i for i, label in enumerate(tracks.labels.tolist()) if label in numbers]
        tracks = tracks[torch.tensor(kept, dtype=torch.long)]
        labels = [numbers[label] for label in tracks.labels.tolist()]
        tracks.labels = torch.tensor(labels, dtype=torch.long)
        return tracks

    def predict_frames(self, inputs: Inputs) -> tuple[FramePredictions, Tensor]:
        """What the frame head says of all frames, and their sound (B, T, D)."""
        frames = inputs['frames']
        _check_frames(frames)
        length = frames.shape[1]
        audio = self.audio_encoder(
            inputs['audio'], num_frames=length, lengths=inputs.get('audio_lengths')
        )
        if self.training or length <= self.frames_per_chunk:
            return self._predict_chunk(frames, audio), audio
        features: Tensor | None = None
        chunks = []
        for start in range(0, length, self.frames_per_chunk):
            part = slice(start, start + self.frames_per_chunk)
            chunk = self._predict_chunk(frames[:, part], audio[:, part])
            maps = chunk.pixel_features  # by far the largest: kept once, not twice while joining
            if features is None:
                channels, *size = maps.shape[2:]
                features = maps.new_empty(len(maps), length, *size, channels)
                features = features.permute(0, 1, 4, 2, 3)  # channels last, as the heads give them
            features[:, part] = maps
            chunks.append(replace(chunk, pixel_features=maps[:, :, :0]))
            del chunk, maps
        assert features is not None
        return replace(FramePredictions.cat(chunks), pixel_features=features), audio

    def _predict_chunk(self, frames: Tensor, audio: Tensor) -> FramePredictions:
        """Backbone and frame head on frames (B, T, 3, H, W) with sound (B, T, D)."""
        clip = (frames.shape[0], frames.shape[1])
        predictions: FramePredictions = self.frame_head(
            self.backbone(frames.flatten(0, 1)), audio, clip
        )
        return predictions

    def _outputs(self, inputs: Inputs) -> dict[str, Tensor]:
        """The raw outputs; see :meth:`forward`."""
        frames, audio = self.predict_frames(inputs)
        return {
            **self.tracker(frames, audio),
            'frame_class_logits': frames.class_logits,
            'frame_mask_logits': frames.mask_logits(),
        }

    def _loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Tensor]:
        valid = inputs.get('valid_frames')
        if valid is not None and not valid.all():
            raise ValueError(
                f'AVInstanceSegmentor trains on clips of one length, got clips of '
                f'{valid.sum(1).tolist()} frames. Sample the same number of frames from each video.'
            )
        frames, audio = self.predict_frames(inputs)
        losses, matchings = self.frame_head.loss(frames, data_samples)
        losses |= self.tracker.loss(frames, audio, data_samples, matchings)
        if self.sounding_gate is not None:
            losses |= self.sounding_gate.loss(frames, audio, data_samples, matchings)
        return losses

    def _predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Predict clip by clip: a result must not depend on what else is in the batch."""
        for index, sample in enumerate(data_samples):
            alone, window = _clip(inputs, index, Window.of_sample(sample))
            state = self.start_video()
            self.predict_window(state, alone, window)
            sample.pred_tracks = self.finish_video(state)
        return data_samples


def _clip(inputs: Inputs, index: int, window: Window) -> tuple[Inputs, Window]:
    """One clip of a batch, without the padding that it owes to the others."""
    height, width = (-(-side // STRIDE) * STRIDE for side in window.img_shape)
    frames, audio = inputs['frames'][index : index + 1], inputs['audio'][index : index + 1]
    valid, lengths = inputs.get('valid_frames'), inputs.get('audio_lengths')
    length = frames.shape[1] if valid is None else int(valid[index].sum())
    if lengths is not None:
        audio = audio[:, : int(lengths[index])]
    if audio.ndim > 2:  # rows, one per frame
        audio = audio[:, :length]
    frames = frames[:, :length, :, :height, :width]
    return {'frames': frames, 'audio': audio}, replace(window, input_shape=(height, width))


def _check_frames(frames: Tensor) -> None:
    height, width = frames.shape[-2:]
    if frames.ndim != 5 or height % STRIDE or width % STRIDE:
        raise ValueError(
            f'AVInstanceSegmentor needs frames (B, T, 3, H, W) with H and W multiples of '
            f'{STRIDE}, got {tuple(frames.shape)}. Pad or resize them, as '
            f'data_preprocessor.size_divisor={STRIDE} does.'
        )
