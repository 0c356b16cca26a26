"""Any instance segmentor of avis or mmdet as an instance tracker of AVTracker."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.instance_trackers.appearance_associator import AppearanceAssociator
from avis.avtracker.instance_trackers.assembly import assemble
from avis.avtracker.loading import build_part, pick_device
from avis.models.trackers.base import Window
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.media import FrameDetections, FrameSource, ImageArray
from avis.structures.windows import check_windows, cut_windows


def _loaded(model: Any, checkpoint: str | None, device: str | None) -> Any:
    """A model with its weights, ready."""
    from mmengine.runner import load_checkpoint

    network = build_part(model)
    if checkpoint is not None:
        load_checkpoint(network, checkpoint, map_location='cpu')
    return network.eval().to(pick_device(device))


@MODELS.register_module()
class SegmentorTracker:
    """The tracks of an ``AVInstanceSegmentor``, made window by window, heard as silence.

    Args:
        model: The segmentor with its tracker, as config or built.
        checkpoint: Its weights.
        labels: Classes that are followed; None for all. The prompt is not used.
        min_score: Least score of a track.
        short_side: Images are resized to it; None keeps their size.
        window_frames: Frames the segmentor sees at once.
        overlap: Frames that neighbouring windows share.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
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
        """Every frame in order; the tracks of a video are known at its end."""
        network = self._network
        state = network.start_video()
        for start, stop in cut_windows(len(frames), self.window_frames, self.overlap):
            images = [self._resized(frames[i]) for i in range(start, stop)]
            inputs, sample = self._batch(network, np.stack(images), frames)
            network.predict_window(state, inputs, Window.of_sample(sample, start))
        if not len(frames):
            return
        tracks = network.finish_video(state)
        kept = [
            (int(number), float(score), mask)
            for number, label, score, mask in zip(
                tracks.ids, tracks.labels, tracks.scores, tracks.masks, strict=True
            )
            if score >= self.min_score and (self.labels is None or int(label) in self.labels)
        ]
        for frame in range(len(frames)):
            yield frame, _of_frame(kept, frame)

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
        """One window as the segmentor takes it, and what is known of it."""
        import torch

        sample = AVDataSample(metainfo={'img_shape': images.shape[1:3], 'ori_shape': frames.size})
        silence = torch.zeros(len(images), network.audio_encoder.out_channels)
        channels_first = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        data = network.data_preprocessor(
            {
                'inputs': {'frames': [channels_first], 'audio': [silence]},
                'data_samples': [sample],
            },
            False,
        )
        return data['inputs'], data['data_samples'][0]

    @cached_property
    def _network(self) -> Any:
        return _loaded(self.model, self.checkpoint, self.device)


def _of_frame(tracks: Sequence[tuple[int, float, MaskTrack]], frame: int) -> FrameDetections:
    """The tracks that are visible in a frame."""
    seen = [(number, score, mask) for number, score, mask in tracks if mask.rles[frame] is not None]
    return assemble(
        [number for number, _, _ in seen],
        [score for _, score, _ in seen],
        [mask.dense(frame) for _, _, mask in seen],
    )


@MODELS.register_module()
class DetectorTracker:
    """Masks of an instance segmentor of mmdet, frame by frame, linked by place and colors.

    Args:
        config: Config file of mmdet, or an mmengine ``Config``.
        checkpoint: Its weights.
        labels: Classes that are followed; COCO's 0 is person. The prompt is not used.
        min_score: Least score of a detection.
        min_similarity: From which people of two frames are one, see :class:`AppearanceAssociator`.
        memory: Seconds after which somebody who is gone is forgotten.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        config: Any,
        checkpoint: str | None = None,
        labels: Sequence[int] = (0,),
        min_score: float = 0.5,
        min_similarity: float = 0.5,
        memory: float = 5.0,
        device: str | None = None,
    ) -> None:
        self.config, self.checkpoint, self.device = config, checkpoint, device
        self.labels, self.min_score = tuple(labels), min_score
        self.min_similarity, self.memory = min_similarity, memory

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """Every frame in order, with what was found."""
        from mmdet.apis import inference_detector

        linker = AppearanceAssociator(
            min_similarity=self.min_similarity, memory=max(1, round(self.memory * frames.fps))
        )
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
            yield frame, assemble(linker.link(frame, image, masks), scores, masks)

    @cached_property
    def _detector(self) -> Any:
        from mmdet.apis import init_detector

        return init_detector(self.config, self.checkpoint, device=pick_device(self.device))
