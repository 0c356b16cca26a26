"""Test and validation over videos of any length, scored while they stream."""

from typing import Any

import torch
from mmengine.runner import Runner, TestLoop, ValLoop
from mmengine.runner.amp import autocast

from avis.datasets.window_dataset import VideoSampler, WindowDataset
from avis.engine.streaming import VideoStream


class VideoTestLoop(TestLoop):
    """Test a model that predicts videos in windows.

    The data loader of the config is that of whole videos; the loop reads it in windows, one at a
    time. As soon as the last window of a video is done, the video goes to the evaluator. A process
    of a distributed run gets whole videos, shared by length. An iteration, as hooks see it, is a
    window; its ``outputs`` are the videos that ended with it.

    Args:
        runner: The runner.
        dataloader: Config of the data loader.
        evaluator: As for mmengine's loops.
        fp16: As for mmengine's loops.
        size: Frames of a window; None for the whole video.
        overlap: Frames that neighbouring windows share.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict[str, Any],
        evaluator: Any,
        fp16: bool = False,
        *,
        size: int | None = None,
        overlap: int = 0,
    ) -> None:
        super().__init__(runner, in_windows(dataloader, size, overlap), evaluator, fp16)
        self.stream = VideoStream(runner.model)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:  # type: ignore[override]
        """Predict one window."""
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = videos(self.stream.feed(data_batch))
        if outputs:
            self.evaluator.process(data_samples=outputs, data_batch=None)
        self.runner.call_hook(
            'after_test_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )


class VideoValLoop(ValLoop):
    """Validate a model that predicts videos in windows.

    See :class:`VideoTestLoop`, also for the arguments.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict[str, Any],
        evaluator: Any,
        fp16: bool = False,
        *,
        size: int | None = None,
        overlap: int = 0,
    ) -> None:
        super().__init__(runner, in_windows(dataloader, size, overlap), evaluator, fp16)
        self.stream = VideoStream(runner.model)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:  # type: ignore[override]
        """Predict one window."""
        self.runner.call_hook('before_val_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = videos(self.stream.feed(data_batch))
        if outputs:
            self.evaluator.process(data_samples=outputs, data_batch=None)
        self.runner.call_hook(
            'after_val_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )


def in_windows(dataloader: dict[str, Any], size: int | None, overlap: int) -> dict[str, Any]:
    """The config of a data loader of videos, turned into one of their windows.

    Raises:
        ValueError: It is built already, so that it cannot be turned.
    """
    if not isinstance(dataloader, dict):
        raise ValueError(
            f'loops over videos need the config of a data loader, got a {type(dataloader).__name__}'
        )
    windows = {
        'type': WindowDataset,
        'dataset': dataloader['dataset'],
        'size': size,
        'overlap': overlap,
    }
    return {**dataloader, 'batch_size': 1, 'dataset': windows, 'sampler': {'type': VideoSampler}}


def videos(sample: Any) -> list[Any]:
    """No video or one."""
    return [] if sample is None else [sample]
