"""Collect the attention maps of the frames that a figure shows, during a test."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.model import is_model_wrapper
from numpy.typing import NDArray
from torch import nn

from avis.models.attention_maps import AttentionRecorder

MAX_FRAMES = 10  # of a long video in one figure


def choose_frames(length: int) -> NDArray[np.int64]:
    """Choose up to 10 frames of a video, evenly distributed.

    >>> choose_frames(3), choose_frames(28)
    (array([0, 1, 2]), array([ 0,  3,  6,  9, 12, 15, 18, 21, 24, 27]))
    """
    chosen = np.linspace(0, length - 1, min(length, MAX_FRAMES))
    return chosen.round().astype(np.int64)


class AttentionFigures:
    """Keeps the maps of the clips of a batch, or of the chosen frames of a video in windows.

    Args:
        model: The model; the wrapper of distributed training is removed.
    """

    def __init__(self, model: nn.Module) -> None:
        module = model.module if is_model_wrapper(model) else model
        self.recorder = AttentionRecorder(module)  # type: ignore[arg-type]
        self.recorder.__enter__()
        self._maps: dict[tuple[int, int], dict[str, NDArray[np.float32]]] = {}

    def close(self) -> None:
        """Stop recording."""
        self.recorder.__exit__()

    def collect(self, data_batch: Any, dataset: Any) -> None:
        """Take the maps of an iteration.

        Args:
            data_batch: Batch of clips, or one window of a video.
            dataset: The data set, which knows the length of a video in windows.
        """
        maps = self.recorder.take()
        samples = data_batch.get('data_samples') or [{}]
        window = samples[0].get('window')
        start = 0 if window is None else window.start
        if start == 0:
            self._maps = {}
        wanted = (
            None if window is None else set(choose_frames(dataset.record(window.video)['length']))
        )
        for name, part in maps.items():
            for row, clip in enumerate(part.numpy()):
                for t, one in enumerate(clip, start):
                    if (wanted is None or t in wanted) and name not in self._maps.get((row, t), {}):
                        self._maps.setdefault((row, t), {})[name] = one

    def maps_of(
        self, row: int, frames: Sequence[int] | NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """Return maps (T, h, w) by block, for T frames of one clip of the batch."""
        parts = [self._maps[row, int(t)] for t in frames]
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    def shown(self, sample: Any) -> tuple[float, float]:
        """Return the fractions of height and width of the maps that are no padding."""
        sizes = zip(sample.img_shape, self.recorder.input_size, strict=True)
        height, width = (int(side) / padded for side, padded in sizes)
        return height, width
