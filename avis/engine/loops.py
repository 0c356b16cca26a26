"""Loops: training with the validation epochs of AVSS, and tests of videos of any length.

An error while a video is read or predicted is logged with its traceback; the other videos are
scored, and :func:`check_failures` raises an error at the end.
"""

import logging
import traceback
from typing import Any

import torch
from mmengine.dist import all_gather_object
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.runner.amp import autocast
from torch import nn

from avis.datasets.av_dataset import AVDataset
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.window_dataset import VideoSampler, WindowDataset
from avis.engine.sharded_state import whole_weights
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


def validates_now(loop: EpochBasedTrainLoop | IterBasedTrainLoop) -> bool:
    """Whether a training loop validates after the epochs, or iterations, that it has finished.

    Args:
        loop: A loop of this module or of mmengine.
    """
    if isinstance(loop, OffsetValTrainLoop):
        return loop.validates_after(loop.epoch)
    if isinstance(loop, EpochBasedTrainLoop):
        done, end = loop.epoch, loop.max_epochs
    else:
        done, end = loop.iter, loop.max_iters
    return bool(done >= loop.val_begin and (done % loop.val_interval == 0 or done == end))


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
        self.failures: dict[str, str] = {}

    def run(self) -> dict[str, float]:
        """Predict all videos; returns the metrics."""
        with whole_weights(self.runner.model):
            metrics: dict[str, float] = super().run()  # type: ignore[misc]
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Predict one window, and score the video that ends with it."""
        position = {'batch_idx': idx, 'data_batch': data_batch}
        self.runner.call_hook(f'before_{self.stage}_iter', **position)
        video = self._predict(data_batch)
        outputs = [] if video is None else [video]
        if outputs:
            self.evaluator.process(data_samples=outputs, data_batch=None)
        self.runner.call_hook(f'after_{self.stage}_iter', **position, outputs=outputs)

    def _predict(self, data_batch: dict[str, Any]) -> Any:
        """The finished video, or None; an error is recorded and ends the video."""
        (sample,) = data_batch['data_samples']
        try:
            with autocast(enabled=self.fp16):
                video = self.stream.feed(data_batch)
            failure = sample.get('failure')
        except Exception:  # whatever a model raises must not end the other videos
            self.stream.abandon(sample)
            video, failure = None, traceback.format_exc()
        name = str(sample.video_name)
        if failure is not None and name not in self.failures:
            self.failures[name] = failure.strip().rsplit('\n', 1)[-1]
            print_log(f'{name} failed:\n{failure}', 'current', logging.ERROR)
        return video


class VideoFailuresError(BrokenDataError):
    """Some videos could not be read or predicted; the others were."""


def check_failures(loop: Any) -> None:
    """Raise an error if videos failed in a loop of any process.

    Args:
        loop: A loop for testing or validation, of this module or of mmengine; None if there is
            none.

    Raises:
        VideoFailuresError: The message names the videos with their errors.
    """
    failures = dict(getattr(loop, 'failures', {}))
    dataset = getattr(getattr(loop, 'dataloader', None), 'dataset', None)
    dataset = getattr(dataset, 'dataset', dataset)  # SeededDataset
    if isinstance(dataset, AVDataset) and dataset.records_errors and not dataset.skip_broken:
        failures |= {str(clip): 'see the log' for clip in dataset.broken_clips}
    found = {name: why for part in all_gather_object(failures) for name, why in part.items()}
    if found:
        reasons = '; '.join(f'{name}: {why}' for name, why in sorted(found.items()))
        raise VideoFailuresError(f'{len(found)} videos failed and are not scored: {reasons}')


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
        'record_errors': True,
    }
    return {**dataloader, 'batch_size': 1, 'dataset': windows, 'sampler': {'type': VideoSampler}}
