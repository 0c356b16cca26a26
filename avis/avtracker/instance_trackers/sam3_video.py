"""SAM 3 of transformers: detects and tracks the objects that a text prompt names."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.instance_trackers.windowed_tracking import channels_first, track_windows
from avis.avtracker.loading import check_dtype, loading_weights, pick_device
from avis.registry import MODELS
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource
from avis.structures.windows import check_windows
from avis.utils.optional import require


@MODELS.register_module()
class SAM3Video:
    """Detects and tracks the objects that the prompt names.

    A video that fits into one window is tracked in one session over all frames, as in the official
    code. A longer one is cut into windows that share frames, each with its own session, so that
    memory does not grow with the video; objects are matched by their masks in the shared frames.

    Args:
        model: Folder, or name on the Hugging Face hub.
        window_frames: Number of frames of a session; None tracks the whole video at once.
        overlap: Number of frames that neighboring windows share.
        dtype: Data type of weights and session on a GPU; the CPU computes in float32.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'facebook/sam3',
        window_frames: int | None = 256,
        overlap: int = 8,
        dtype: str = 'bfloat16',
        device: str | None = None,
    ) -> None:
        check_windows(window_frames, overlap, by='SAM3Video', name='window_frames')
        check_dtype(dtype, by='SAM3Video')
        self.model, self.dtype, self.device = model, dtype, device
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
                found[output.frame_idx] = make_detections(
                    result['object_ids'].tolist(),
                    result['scores'].float().tolist(),
                    result['masks'].cpu().numpy(),
                    result['boxes'].float().cpu().numpy(),
                )
        return found

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
