"""SAM 2 of transformers: tracks the boxes of a detector."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.boxes import iou
from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.instance_trackers.windowed_tracking import channels_first, track_windows
from avis.avtracker.loading import build_part, loading_weights, pick_device
from avis.registry import MODELS
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource, ImageArray
from avis.structures.windows import check_windows
from avis.utils.optional import require

_MIN_BOX_IOU = 0.5  # from which a detected box and a tracked object are the same


class BoxDetector(Protocol):
    """Detects the objects that the prompt names in one image, such as `FaceGuidedBoxes`."""

    def detect(
        self, image: ImageArray, *, prompt: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (N, 4), x1 y1 x2 y2 in pixels, and scores (N,)."""


@MODELS.register_module()
class SAM2Video:
    """Tracks the boxes of a detector through a video.

    SAM 2 has no text prompts: a detector runs every few frames, and each box that overlaps no
    tracked object starts a new object.

    Args:
        detector: Detects boxes in an image, as config or built; see `BoxDetector`.
        model: Folder, or name on the Hugging Face hub.
        detect_every: Number of frames from one run of the detector to the next.
        window_frames: Number of frames of a session; None tracks the whole video at once.
        overlap: Number of frames that neighboring windows share; objects are matched by their
            masks in these frames.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
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
        device: str | None = None,
    ) -> None:
        check_windows(window_frames, overlap, by='SAM2Video', name='window_frames')
        if detect_every < 1:
            raise ValueError(f'SAM2Video: expected detect_every >= 1, got {detect_every}')
        self.detector: BoxDetector = build_part(detector)
        self.model, self.device = model, device
        self.detect_every = detect_every
        self.window_frames, self.overlap = window_frames, overlap

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`."""
        return track_windows(
            frames,
            lambda start, stop: self._track_session(frames, start, stop, prompt),
            size=self.window_frames,
            overlap=self.overlap,
        )

    def _track_session(
        self, frames: FrameSource, start: int, stop: int, prompt: str
    ) -> list[FrameDetections]:
        """Track the frames ``start`` to ``stop`` - 1 in one session."""
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
            for index, image in enumerate(images):
                tracked = self._propagate(session, index, image, scores)
                if index % self.detect_every == 0:
                    boxes, box_scores = self.detector.detect(image, prompt=prompt)
                    new = [i for i, box in enumerate(boxes) if not _is_tracked(box, tracked)]
                    if new:
                        processor.add_inputs_to_inference_session(
                            inference_session=session,
                            frame_idx=index,
                            obj_ids=[len(scores) + i for i in range(len(new))],
                            input_boxes=[np.asarray(boxes, float)[new].tolist()],
                        )
                        scores += np.asarray(box_scores, float)[new].tolist()
                        tracked = self._propagate(session, index, image, scores)
                found.append(tracked)
        return found

    def _propagate(
        self, session: Any, index: int, image: ImageArray, scores: Sequence[float]
    ) -> FrameDetections:
        """The objects of a session in its next frame."""
        if not scores:
            return NO_DETECTIONS
        processor, model = self._network
        output = model(inference_session=session, frame_idx=index)
        size = image.shape[:2]
        (masks,) = processor.post_process_masks(
            [output.pred_masks], original_sizes=[size], binarize=True
        )
        ids = [int(object_id) for object_id in output.object_ids]
        pairs = zip(ids, masks.reshape(len(ids), *size).cpu().numpy(), strict=True)
        visible = {object_id: mask for object_id, mask in pairs if mask.any()}
        return make_detections(list(visible), [scores[i] for i in visible], list(visible.values()))

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


def _is_tracked(box: NDArray[np.float32], tracked: FrameDetections) -> bool:
    return bool((iou(box.tolist(), tracked.boxes) >= _MIN_BOX_IOU).any())
