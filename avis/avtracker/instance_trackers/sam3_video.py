"""SAM 3 of transformers: everything that a word names, found and followed."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from avis.avtracker.instance_trackers.assembly import (
    WindowOfFrames,
    assemble,
    channels_first,
    stitched,
)
from avis.avtracker.loading import check_dtype, loading_weights, pick_device, require
from avis.registry import MODELS
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource
from avis.structures.windows import check_windows, cut_windows


@MODELS.register_module()
class SAM3Video:
    """Finds and follows what the prompt names.

    A video that fits into one window is tracked as AVTracker does it: one session over all frames.
    Longer ones are cut into windows that share frames, each with a session of its own, so that
    memory does not grow with the video; the ids are joined by the masks in shared frames.

    Args:
        model: Folder, or name on the hub.
        window_frames: Frames of a session; None takes the whole video at once.
        overlap: Frames that neighbouring windows share.
        min_iou: Overlap in shared frames from which two objects are the same.
        dtype: Of weights and session on a GPU; the CPU computes in float32.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'facebook/sam3',
        window_frames: int | None = 256,
        overlap: int = 8,
        min_iou: float = 0.5,
        dtype: str = 'bfloat16',
        device: str | None = None,
    ) -> None:
        check_windows(window_frames, overlap, by='SAM3Video', name='window_frames')
        check_dtype(dtype, by='SAM3Video')
        self.model, self.dtype, self.device = model, dtype, device
        self.window_frames, self.overlap, self.min_iou = window_frames, overlap, min_iou

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """Every frame in order, with what was found."""
        windows = cut_windows(len(frames), self.window_frames, self.overlap)
        return stitched(
            (self._window(frames, start, stop, prompt) for start, stop in windows),
            min_iou=self.min_iou,
        )

    def _window(self, frames: FrameSource, start: int, stop: int, prompt: str) -> WindowOfFrames:
        """One session over some frames; dropped at the end."""
        import torch

        processor, model = self._network
        found = [NO_DETECTIONS] * (stop - start)
        with torch.inference_mode():
            session = processor.init_video_session(
                video=[channels_first(frames[i]) for i in range(start, stop)],
                inference_device=model.device,
                processing_device='cpu',
                video_storage_device='cpu',
                dtype=model.dtype,
            )
            processor.add_text_prompt(session, prompt)
            for output in model.propagate_in_video_iterator(session):
                result = processor.postprocess_outputs(session, output)
                found[output.frame_idx] = assemble(
                    result['object_ids'].tolist(),
                    result['scores'].float().tolist(),
                    result['masks'].cpu().numpy(),
                    result['boxes'].float().cpu().numpy(),
                )
        return start, found

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """Processor and model, loaded once."""
        import torch

        transformers = require('transformers', by='SAM3Video', install="pip install 'avis[vlm]'")
        device = pick_device(self.device)
        dtype = torch.float32 if device == 'cpu' else getattr(torch, self.dtype)
        with loading_weights(self.model, by='SAM3Video'):
            model = transformers.Sam3VideoModel.from_pretrained(self.model, dtype=dtype)
            processor = transformers.Sam3VideoProcessor.from_pretrained(self.model)
            return processor, model.eval().to(device)
