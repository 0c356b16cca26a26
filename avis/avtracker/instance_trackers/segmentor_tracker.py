"""Instance segmentors of avis and mmdet as instance trackers of AVTracker."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.instance_trackers.appearance_associator import AppearanceAssociator
from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.loading import build_part, pick_device
from avis.models.trackers.base import TrackerWindow
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.media import FrameDetections, FrameSource, ImageArray
from avis.structures.windows import check_windows, cut_windows


def _load(model: Any, checkpoint: str | None, device: str | None) -> Any:
    """Build a model in eval mode, with its weights, on its device."""
    from mmengine.runner import load_checkpoint

    network = build_part(model)
    if checkpoint is not None:
        load_checkpoint(network, checkpoint, map_location='cpu')
    return network.eval().to(pick_device(device))


@MODELS.register_module()
class SegmentorTracker:
    """Tracks instances with an ``AVInstanceSegmentor``, window by window and without audio.

    Args:
        model: The segmentor with its tracker, as config or built.
        checkpoint: Checkpoint of the segmentor.
        labels: Classes that are tracked; None tracks all. The prompt is not used.
        min_score: Minimum score of a track.
        short_side: Length to which the shorter side of images is resized; None keeps their size.
        window_frames: Number of frames of a window.
        overlap: Number of frames that neighboring windows share.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: Any,
        checkpoint: str | None = None,
        labels: Sequence[int] | None = None,
        min_score: float = 0.3,
        short_side: int | None = 360,
        window_frames: int = 60,
        overlap: int = 6,
        device: str | None = None,
    ) -> None:
        check_windows(window_frames, overlap, by='SegmentorTracker', name='window_frames')
        self.model, self.checkpoint, self.device = model, checkpoint, device
        self.labels = None if labels is None else tuple(labels)
        self.min_score, self.short_side = min_score, short_side
        self.window_frames, self.overlap = window_frames, overlap

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`; yields at the end of a video."""
        network = self._network
        state = network.start_video()
        for start, stop in cut_windows(len(frames), self.window_frames, self.overlap):
            images = [self._resized(frames[i]) for i in range(start, stop)]
            inputs, sample = self._batch(network, np.stack(images), frames)
            network.predict_window(state, inputs, TrackerWindow.from_sample(sample, start))
        if not len(frames):
            return
        tracks = network.finish_video(state)
        kept = [
            (int(track_id), float(score), mask)
            for track_id, label, score, mask in zip(
                tracks.ids, tracks.labels, tracks.scores, tracks.masks, strict=True
            )
            if score >= self.min_score and (self.labels is None or int(label) in self.labels)
        ]
        for frame in range(len(frames)):
            yield frame, _detections_at(kept, frame)

    def _resized(self, image: ImageArray) -> ImageArray:
        height, width = image.shape[:2]
        if self.short_side is None:
            return image
        scale = self.short_side / min(height, width)
        size = (round(width * scale), round(height * scale))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def _batch(
        self, network: Any, images: NDArray[np.uint8], frames: FrameSource
    ) -> tuple[Any, AVDataSample]:
        """Inputs and data sample of one window, preprocessed for the segmentor."""
        import torch

        sample = AVDataSample(metainfo={'img_shape': images.shape[1:3], 'ori_shape': frames.size})
        channels_first = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        inputs = {'frames': [channels_first]}
        if network.audio_encoder is not None:
            silence = torch.zeros(len(images), network.audio_encoder.out_channels)
            inputs['audio'] = [silence]
        data = network.data_preprocessor({'inputs': inputs, 'data_samples': [sample]}, False)
        return data['inputs'], data['data_samples'][0]

    @cached_property
    def _network(self) -> Any:
        return _load(self.model, self.checkpoint, self.device)


def _detections_at(tracks: Sequence[tuple[int, float, MaskTrack]], frame: int) -> FrameDetections:
    """The tracks that are visible in a frame."""
    visible = [track for track in tracks if track[2].rles[frame] is not None]
    return make_detections(
        [track_id for track_id, _, _ in visible],
        [score for _, score, _ in visible],
        [mask.dense(frame) for _, _, mask in visible],
    )


@MODELS.register_module()
class DetectorTracker:
    """Runs an instance segmentor of mmdet on every frame and associates the masks by appearance.

    Args:
        config: Config file of mmdet, or an mmengine ``Config``.
        checkpoint: Checkpoint of the detector.
        labels: Classes that are tracked; COCO's 0 is person. The prompt is not used.
        min_score: Minimum score of a detection.
        memory: Seconds after which an absent person is forgotten.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        config: Any,
        checkpoint: str | None = None,
        labels: Sequence[int] = (0,),
        min_score: float = 0.5,
        memory: float = 5.0,
        device: str | None = None,
    ) -> None:
        self.config, self.checkpoint, self.device = config, checkpoint, device
        self.labels, self.min_score, self.memory = tuple(labels), min_score, memory

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`."""
        from mmdet.apis import inference_detector

        associator = AppearanceAssociator(memory=max(1, round(self.memory * frames.fps)))
        for frame in range(len(frames)):
            image = frames[frame]
            bgr = np.ascontiguousarray(image[..., ::-1])
            found = inference_detector(self._detector, bgr).pred_instances.cpu().numpy()
            wanted = (found.scores >= self.min_score) & np.isin(found.labels, self.labels)
            masks = [np.asarray(mask, bool) for mask in found.masks[wanted] if mask.any()]
            scores = [
                float(score)
                for score, mask in zip(found.scores[wanted], found.masks[wanted], strict=True)
                if mask.any()
            ]
            yield frame, make_detections(associator.associate(frame, image, masks), scores, masks)

    @cached_property
    def _detector(self) -> Any:
        from mmdet.apis import init_detector

        return init_detector(self.config, self.checkpoint, device=pick_device(self.device))
