"""Loops: training with the validation epochs of AVSS, and tests of videos of any length."""

from typing import Any

import torch
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.runner.amp import autocast
from torch import nn

from avis.datasets.window_dataset import VideoSampler, WindowDataset
from avis.engine.streaming import VideoStream


class OffsetValTrainLoop(EpochBasedTrainLoop):
    """Validate after ``val_begin`` epochs and after each further ``val_interval`` epochs.

    mmengine's loop validates after multiples of ``val_interval``, and after the last epoch.
    """

    def run(self) -> nn.Module:
        """Train, see ``EpochBasedTrainLoop``."""
        self.runner.call_hook('before_train')
        while self.epoch < self.max_epochs and not self.stop_training:
            self.run_epoch()
            if self.validates_after(self.epoch) and self.runner.val_loop is not None:
                self.runner.val_loop.run()
        self.runner.call_hook('after_train')
        model: nn.Module = self.runner.model
        return model

    def validates_after(self, epochs: int) -> bool:
        """Return whether the model is validated after this number of finished epochs."""
        since = epochs - self.val_begin
        return since >= 0 and since % self.val_interval == 0


class _WindowLoop:
    """Mixin of the loops: builds a data loader of windows, and predicts one per iteration.

    Args:
        runner: The runner.
        dataloader: Config of the data loader of whole videos.
        evaluator: As for mmengine's loops.
        size: Number of frames of a window; None for the whole video.
        overlap: Number of frames that neighboring windows share.
        fp16: Predict in mixed precision: float16 on a GPU, bfloat16 on a CPU.
    """

    stage: str  # as in the names of the hooks: 'test' or 'val'
    runner: Any
    evaluator: Any

    def __init__(
        self,
        runner: Runner,
        dataloader: dict[str, Any],
        evaluator: Any,
        *,
        size: int | None = None,
        overlap: int = 0,
        fp16: bool = False,
    ) -> None:
        windows = window_dataloader(dataloader, size, overlap)
        super().__init__(runner, windows, evaluator, fp16)  # type: ignore[call-arg]
        self.fp16 = fp16
        self.stream = VideoStream(runner.model)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Predict one window, and score the video that ends with it."""
        position = {'batch_idx': idx, 'data_batch': data_batch}
        self.runner.call_hook(f'before_{self.stage}_iter', **position)
        with autocast(enabled=self.fp16):
            video = self.stream.feed(data_batch)
        outputs = [] if video is None else [video]
        if outputs:
            self.evaluator.process(data_samples=outputs, data_batch=None)
        self.runner.call_hook(f'after_{self.stage}_iter', **position, outputs=outputs)


class VideoTestLoop(_WindowLoop, TestLoop):
    """Test a model that predicts videos in windows.

    The config has the data loader of whole videos; the loop reads them window by window. After the
    last window of a video, the video is passed to the evaluator. Each process of a distributed run
    gets whole videos, balanced by their lengths. Hooks see a window as an iteration, whose
    ``outputs`` are the videos that end with it.

    See :class:`_WindowLoop` for the arguments.
    """

    stage = 'test'


class VideoValLoop(_WindowLoop, ValLoop):
    """Validate a model that predicts videos in windows, see :class:`VideoTestLoop`."""

    stage = 'val'


def window_dataloader(dataloader: dict[str, Any], size: int | None, overlap: int) -> dict[str, Any]:
    """Convert the config of a data loader of videos to one of their windows.

    Args:
        dataloader: The config.
        size: Number of frames of a window; None for the whole video.
        overlap: Number of frames that neighboring windows share.

    Raises:
        ValueError: The data loader is built already.
    """
    if not isinstance(dataloader, dict):
        raise ValueError(
            f'VideoTestLoop and VideoValLoop expected the config of a data loader, got a '
            f'{type(dataloader).__name__}'
        )
    windows = {
        'type': WindowDataset,
        'dataset': dataloader['dataset'],
        'size': size,
        'overlap': overlap,
    }
    return {**dataloader, 'batch_size': 1, 'dataset': windows, 'sampler': {'type': VideoSampler}}
