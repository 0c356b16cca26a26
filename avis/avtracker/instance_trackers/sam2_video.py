"""SAM 2 of transformers: follows boxes that a detector draws."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.boxes import iou
from avis.avtracker.instance_trackers.assembly import (
    WindowOfFrames,
    assemble,
    channels_first,
    stitched,
)
from avis.avtracker.loading import build_part, loading_weights, pick_device, require
from avis.registry import MODELS
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource, ImageArray
from avis.structures.windows import check_windows, cut_windows


class BoxDetector(Protocol):
    """Finds what the prompt names in one image; `FaceGuidedBoxes`, or a class of your own."""

    def detect(
        self, image: ImageArray, *, prompt: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4), x1 y1 x2 y2 in pixels, and scores (N,)."""


@MODELS.register_module()
class SAM2Video:
    """Follows the boxes of a detector through a video.

    SAM 2 takes no words: every few frames a detector looks for people, and who is not followed yet
    joins from there on.

    Args:
        detector: Finds boxes in a image, as config or built; see `BoxDetector`.
        model: Folder, or name on the hub.
        detect_every: Frames from one look of the detector to the next.
        window_frames: Frames of a session; None takes the whole video at once.
        overlap: Frames that neighbouring windows share, by whose masks ids are joined.
        min_iou: Overlap in shared frames from which two objects are the same, and overlap with a
            followed object from which a box is no new one.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        detector: BoxDetector | dict[str, Any],
        model: str = 'facebook/sam2.1-hiera-large',
        detect_every: int = 4,
        window_frames: int | None = 256,
        overlap: int = 8,
        min_iou: float = 0.5,
        device: str | None = None,
    ) -> None:
        check_windows(window_frames, overlap, by='SAM2Video', name='window_frames')
        if detect_every < 1:
            raise ValueError(f'SAM2Video: detect_every must be 1 or more, got {detect_every}')
        self.detector: BoxDetector = build_part(detector)
        self.model, self.device = model, device
        self.detect_every = detect_every
        self.window_frames, self.overlap, self.min_iou = window_frames, overlap, min_iou

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """Every frame in order, with what was found."""
        windows = cut_windows(len(frames), self.window_frames, self.overlap)
        return stitched(
            (self._window(frames, start, stop, prompt) for start, stop in windows),
            min_iou=self.min_iou,
        )

    def _window(self, frames: FrameSource, start: int, stop: int, prompt: str) -> WindowOfFrames:
        """One session over some frames, dropped at the end."""
        import torch

        processor, model = self._network
        images = [frames[i] for i in range(start, stop)]
        found = []
        scores: list[float] = []  # by object id
        with torch.inference_mode():
            session = processor.init_video_session(
                video=[channels_first(image) for image in images],
                inference_device=model.device,
                processing_device='cpu',
                video_storage_device='cpu',
                dtype=model.dtype,
            )
            for place, image in enumerate(images):
                seen = self._follow(session, place, image, scores)
                if place % self.detect_every == 0:
                    boxes, sure = self.detector.detect(image, prompt=prompt)
                    new = [i for i, box in enumerate(boxes) if not self._is_followed(box, seen)]
                    if new:
                        processor.add_inputs_to_inference_session(
                            inference_session=session,
                            frame_idx=place,
                            obj_ids=[len(scores) + i for i in range(len(new))],
                            input_boxes=[np.asarray(boxes, float)[new].tolist()],
                        )
                        scores += np.asarray(sure, float)[new].tolist()
                        seen = self._follow(session, place, image, scores)
                found.append(seen)
        return start, found

    def _follow(
        self, session: Any, place: int, image: ImageArray, scores: Sequence[float]
    ) -> FrameDetections:
        """The objects of a session in its next frame."""
        if not scores:
            return NO_DETECTIONS
        processor, model = self._network
        output = model(inference_session=session, frame_idx=place)
        size = image.shape[:2]
        (masks,) = processor.post_process_masks(
            [output.pred_masks], original_sizes=[size], binarize=True
        )
        ids = [int(number) for number in output.object_ids]
        pairs = zip(ids, masks.reshape(len(ids), *size).cpu().numpy(), strict=True)
        seen = {number: mask for number, mask in pairs if mask.any()}
        return assemble(list(seen), [scores[number] for number in seen], list(seen.values()))

    def _is_followed(self, box: NDArray[np.float32], seen: FrameDetections) -> bool:
        return bool((iou(box.tolist(), seen.boxes) >= self.min_iou).any())

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """Processor and model, loaded once."""
        import torch

        transformers = require('transformers', by='SAM2Video', install="pip install 'avis[vlm]'")
        device = pick_device(self.device)
        dtype = torch.float32 if device == 'cpu' else torch.bfloat16
        with loading_weights(self.model, by='SAM2Video'):
            model = transformers.Sam2VideoModel.from_pretrained(self.model, dtype=dtype)
            processor = transformers.Sam2VideoProcessor.from_pretrained(self.model)
            return processor, model.eval().to(device)
