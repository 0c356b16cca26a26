"""Model for audio-visual instance segmentation: tracks with masks of all sounding instances."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from avis.models.base import Inputs
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.segmentors.base import BaseAVSegmentor, round_up_to_stride
from avis.models.task_modules.mask_targets import label_late_as_no_object
from avis.models.trackers.base import TrackerWindow
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class AVInstanceSegmentor(BaseAVSegmentor):
    """Backbone, audio encoder, frame head that segments instances, tracker that associates them.

    Every part is a config, and any frame head works with any tracker. Clips may have any number of
    frames; in evaluation backbone and frame head process a few at a time. Videos that do not fit
    into memory are predicted in windows: ``start_video``, ``predict_window`` for each window,
    ``finish_video``; for a video of one window the result equals that of ``mode='predict'``.

    The task is that of Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025
    (arXiv:2310.18709).

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        backbone: Maps images (N, 3, H, W) to a tuple of maps, finest first.
        audio_encoder: Maps audio and the number of frames to (B, T, D); None for a model without
            audio, whose data pipelines need not load any.
        frame_head: Maps feature maps and audio embeddings to
            :class:`~avis.models.decode_heads.frame_predictions.FramePredictions`.
        tracker: See :mod:`avis.models.trackers.base`.
        sounding_gate: Decides in which frames a track is reported, see
            :class:`~avis.models.trackers.sounding_gate.SoundingGate`; None reports all frames.
        frames_per_chunk: Frames that backbone and frame head process at a time in evaluation.
        reported_classes: Only tracks of these classes are returned, with their index in this
            sequence as label: a model of 26 classes tested on persons reports its class 0 only.
            None returns the tracks of all classes.
        late_as_no_object: Train instances that are not annotated in the first frame of a clip as
            "no object", in that clip and in each of its frames, as the official AVISM does; False
            trains their ground-truth class.
        frozen: Names of parts that are not trained, ``backbone`` for example; they run in
            evaluation mode, and the frame head has no loss.
        init_cfg: As for every mmengine model.
    """

    def __init__(  # noqa: PLR0913 - one config per part
        self,
        *,
        data_preprocessor: dict[str, Any],
        backbone: dict[str, Any],
        frame_head: dict[str, Any],
        tracker: dict[str, Any],
        audio_encoder: dict[str, Any] | None = None,
        sounding_gate: dict[str, Any] | None = None,
        frames_per_chunk: int = 18,
        reported_classes: Sequence[int] | None = None,
        late_as_no_object: bool = False,
        frozen: Sequence[str] = (),
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        if frames_per_chunk < 1:
            raise ValueError(
                f'AVInstanceSegmentor: expected frames_per_chunk of 1 or more, got '
                f'{frames_per_chunk}'
            )
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = None if audio_encoder is None else MODELS.build(audio_encoder)
        self.frame_head = MODELS.build(frame_head)
        self.tracker = MODELS.build(tracker)
        self.sounding_gate = None if sounding_gate is None else MODELS.build(sounding_gate)
        self.frames_per_chunk = frames_per_chunk
        self.reported_classes = reported_classes
        self.late_as_no_object = late_as_no_object
        self.frozen = frozen
        for name in frozen:
            self.get_submodule(name).requires_grad_(False)

    def train(self, mode: bool = True) -> 'AVInstanceSegmentor':
        """Set the mode of all parts that are not frozen."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def start_video(self) -> Any:
        """Return the state of a new video, for :meth:`predict_window`."""
        return self.tracker.start(self.sounding_gate)

    @torch.no_grad()
    def predict_window(self, state: Any, inputs: Inputs, window: TrackerWindow) -> None:
        """Predict the next window of a video.

        Args:
            state: Of :meth:`start_video`; changed in place.
            inputs: ``frames`` (1, T, 3, H, W) and ``audio`` if the model reads it, preprocessed.
            window: Its position in the video and its sizes.
        """
        frames, audio = self.predict_frames(inputs)
        self.tracker.update(state, frames, audio, window)

    def finish_video(self, state: Any) -> InstanceData:
        """Return the tracks of all frames processed.

        Returns:
            ``labels``, ``scores`` and ``ids`` (N,), and ``masks``, a list of N
            :class:`~avis.structures.mask_track.MaskTrack` at the size of the file.
        """
        tracks = self.tracker.finish(state)
        if self.reported_classes is None:
            return tracks
        new_labels = {label: index for index, label in enumerate(self.reported_classes)}
        kept = [i for i, label in enumerate(tracks.labels.tolist()) if label in new_labels]
        tracks = tracks[torch.tensor(kept, dtype=torch.long)]
        labels = [new_labels[label] for label in tracks.labels.tolist()]
        tracks.labels = torch.tensor(labels, dtype=torch.long)
        return tracks

    def predict_frames(self, inputs: Inputs) -> tuple[FramePredictions, Tensor]:
        """Return the predictions of the frame head, and the audio embeddings (B, T, D)."""
        frames = inputs['frames']
        self.check_frames(frames)
        length = frames.shape[1]
        audio = self.encode_audio(inputs)
        if self.training or length <= self.frames_per_chunk:
            return self._predict_chunk(frames, audio), audio
        features: Tensor | None = None
        chunks = []
        for start in range(0, length, self.frames_per_chunk):
            part = slice(start, start + self.frames_per_chunk)
            chunk = self._predict_chunk(frames[:, part], audio[:, part])
            maps = chunk.pixel_features  # by far the largest: never kept twice
            if features is None:
                channels, *size = maps.shape[2:]
                features = maps.new_empty(len(maps), length, *size, channels)
                features = features.permute(0, 1, 4, 2, 3)  # channels last, as in the chunks
            features[:, part] = maps
            chunks.append(replace(chunk, pixel_features=maps[:, :, :0]))
            del chunk, maps
        assert features is not None
        return replace(FramePredictions.cat(chunks), pixel_features=features), audio

    def _predict_chunk(self, frames: Tensor, audio: Tensor) -> FramePredictions:
        """Run backbone and frame head on frames (B, T, 3, H, W) with audio embeddings (B, T, D)."""
        clip = (frames.shape[0], frames.shape[1])
        predictions: FramePredictions = self.frame_head(
            self.backbone(frames.flatten(0, 1)), audio, clip
        )
        return predictions

    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return the raw outputs.

        Returns:
            ``frame_class_logits`` (B, T, Q, K + 1) and, at stride 4, ``frame_mask_logits``
            (B, T, Q, h, w); ``frame_*``, the extras of the frame head; if the tracker predicts
            clip-level queries also ``class_logits`` (B, Q, K + 1), ``mask_embeds`` (B, Q, C) and
            ``mask_logits`` (B, Q, T, h, w).
        """
        frames, audio = self.predict_frames(inputs)
        return {
            **self.tracker(frames, audio),
            'frame_class_logits': frames.class_logits,
            'frame_mask_logits': frames.mask_logits(),
            **{f'frame_{name}': value for name, value in frames.extras.items()},
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return the losses of frame head, tracker and gate."""
        valid = inputs.get('valid_frames')
        if valid is not None and not valid.all():
            raise ValueError(
                f'AVInstanceSegmentor: expected training clips of one length, got clips of '
                f'{valid.sum(1).tolist()} frames. Sample the same number of frames from each video.'
            )
        frames, audio = self.predict_frames(inputs)
        if self.late_as_no_object:
            data_samples = label_late_as_no_object(data_samples, self.frame_head.num_classes)
        losses: dict[str, Any] = {}
        matchings: Any = []
        if 'frame_head' not in self.frozen:
            losses, matchings = self.frame_head.loss(frames, data_samples)
        losses |= self.tracker.loss(frames, audio, data_samples, matchings)
        if self.sounding_gate is not None:
            losses |= self.sounding_gate.loss(frames, audio, data_samples, matchings)
        return losses

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_tracks`` to the data samples; see :meth:`finish_video` for its fields.

        Clips are predicted one by one, so that a result does not depend on the rest of the batch.
        """
        for index, sample in enumerate(data_samples):
            clip, window = _select_clip(inputs, index, TrackerWindow.from_sample(sample))
            state = self.start_video()
            self.predict_window(state, clip, window)
            sample.pred_tracks = self.finish_video(state)
        return data_samples


def _select_clip(inputs: Inputs, index: int, window: TrackerWindow) -> tuple[Inputs, TrackerWindow]:
    """Return one clip of a batch without the padding to the sizes of the other clips."""
    height, width = round_up_to_stride(window.img_shape)
    frames, valid = inputs['frames'][index : index + 1], inputs.get('valid_frames')
    length = frames.shape[1] if valid is None else int(valid[index].sum())
    clip = {'frames': frames[:, :length, :, :height, :width]}
    window = replace(window, input_shape=(height, width))
    if 'audio' not in inputs:
        return clip, window
    audio, lengths = inputs['audio'][index : index + 1], inputs.get('audio_lengths')
    if lengths is not None:
        audio = audio[:, : int(lengths[index])]
    if audio.ndim > 2:  # one entry per frame
        audio = audio[:, :length]
    return {**clip, 'audio': audio}, window
