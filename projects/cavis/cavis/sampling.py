"""Choose consecutive frames of a training clip."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.transforms.clip import worker_random
from avis.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleRun(BaseTransform):
    """Choose T consecutive frames at a random position.

    Reads ``length``. Writes ``frame_ids`` (T,). A shorter video has all of its frames, and random
    ones of them twice.

    Args:
        num_frames: T.
        reverse_prob: Probability that time is reversed.
    """

    def __init__(self, *, num_frames: int, reverse_prob: float = 0.0) -> None:
        self.num_frames = num_frames
        self.reverse_prob = reverse_prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        length = results['length']
        random = worker_random()
        start = int(random.randint(max(length - self.num_frames, 0) + 1))
        frame_ids = np.arange(start, min(start + self.num_frames, length))
        missing = self.num_frames - len(frame_ids)
        repeated = random.randint(length, size=missing)
        frame_ids = np.sort(np.concatenate([frame_ids, repeated]))
        if random.rand() < self.reverse_prob:
            frame_ids = frame_ids[::-1].copy()
        return {**results, 'frame_ids': frame_ids}
