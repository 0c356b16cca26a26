"""SAM 2 of transformers: follows boxes that a detector has drawn."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.models.agents.contract import FrameDetections, FrameSource, Picture
from avis.models.agents.instances.assembling import (
    WindowOfFrames,
    assemble,
    check_windows,
    nothing,
    stitched,
    window_starts,
)
from avis.models.agents.loading import pick_device, require
from avis.registry import MODELS


class BoxDetector(Protocol):
    """Finds what the prompt names in one picture; `FaceGuidedBoxes`, `MMDetBoxes`."""

    def detect(
        self, picture: Picture, *, prompt: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4), x1 y1 x2 y2 in pixels, and scores (N,)."""


@MODELS.register_module()
class SAM2Video:
    """Follows the boxes of the first frame of each window.

    SAM 2 takes no words: a detector looks at the first frame of every window, and at the next ones
    while there is nobody. Who comes into view is found at the next window at the latest, so windows
    are short.

    Args:
        detector: Finds boxes in a picture, as config or built; see `BoxDetector`.
        model: Folder, or name on the hub.
        window_frames: Frames of a session; None takes the whole video at once.
        overlap: Frames that neighbouring windows share, by whose masks ids are joined.
        min_iou: Overlap in shared frames from which two objects are the same.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        detector: BoxDetector | dict[str, Any],
        model: str = 'facebook/sam2.1-hiera-large',
        window_frames: int | None = 32,
        overlap: int = 2,
        min_iou: float = 0.5,
        device: str | None = None,
    ) -> None:
        check_windows('SAM2Video', window_frames, overlap)
        self.detector: BoxDetector = (
            MODELS.build(detector) if isinstance(detector, dict) else detector
        )
        self.model, self.device = model, device
        self.window_frames, self.overlap, self.min_iou = window_frames, overlap, min_iou

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """Every frame in order, with what was found."""
        windows = window_starts(len(frames), self.window_frames, self.overlap)
        return stitched(
            (self._window(frames, start, stop, prompt) for start, stop in windows),
            min_iou=self.min_iou,
        )

    def _window(self, frames: FrameSource, start: int, stop: int, prompt: str) -> WindowOfFrames:
        """Look for somebody, then follow; one session over some frames, dropped at the end."""
        pictures = [frames[i] for i in range(start, stop)]
        for first, picture in enumerate(pictures):
            boxes, scores = self.detector.detect(picture, prompt=prompt)
            if len(boxes):
                followed = self._follow(pictures[first:], boxes, scores)
                return start, [nothing() for _ in range(first)] + followed
        return start, [nothing() for _ in pictures]

    def _follow(
        self, pictures: list[Picture], boxes: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> list[FrameDetections]:
        """Follow the boxes of the first picture through all; ids are their rows."""
        import torch

        processor, model = self._network
        size = pictures[0].shape[:2]
        found = []
        with torch.inference_mode():
            session = processor.init_video_session(
                video=pictures,
                inference_device=model.device,
                processing_device='cpu',
                video_storage_device='cpu',
                dtype=model.dtype,
            )
            processor.add_inputs_to_inference_session(
                inference_session=session,
                frame_idx=0,
                obj_ids=list(range(len(boxes))),
                input_boxes=[np.asarray(boxes, float).tolist()],
            )
            model(inference_session=session, frame_idx=0)
            for output in model.propagate_in_video_iterator(session):
                (masks,) = processor.post_process_masks(
                    [output.pred_masks], original_sizes=[size], binarize=True
                )
                ids = [int(number) for number in output.object_ids]
                masks = masks.reshape(len(ids), *size).cpu().numpy()
                seen = [i for i, mask in enumerate(masks) if mask.any()]
                found.append(
                    assemble(
                        [ids[i] for i in seen],
                        [float(scores[ids[i]]) for i in seen],
                        [masks[i] for i in seen],
                    )
                )
        return found

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """Processor and model, loaded once."""
        import torch

        transformers = require('transformers', by='SAM2Video', install="pip install 'avis[vlm]'")
        device = pick_device(self.device)
        dtype = torch.float32 if device == 'cpu' else torch.bfloat16
        model = transformers.Sam2VideoModel.from_pretrained(self.model, dtype=dtype)
        processor = transformers.Sam2VideoProcessor.from_pretrained(self.model)
        return processor, model.eval().to(device)
