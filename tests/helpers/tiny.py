"""The smallest training run: clips of noise seeded by their index, one convolution.

Configs and subprocesses import it as ``tests.helpers.tiny``.
"""

import os
import random
import signal
import time
from typing import ClassVar

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.structures import PixelData
from torch import nn

from avis.registry import DATASETS, HOOKS, METRICS, MODELS
from avis.structures.av_data_sample import AVDataSample

FRAMES, SIZE = 2, 8


@DATASETS.register_module()
class TinyDataset(BaseDataset):
    """Clips of noise whose label is the sign of the first channel.

    Args:
        length: Number of clips.
        noise: Strength of the random augmentation, which draws from all three generators.
        delay: Seconds each clip takes.
    """

    METAINFO: ClassVar[dict] = {'task': 'tiny'}

    def __init__(self, *, length: int, noise: float = 0.0, delay: float = 0.0) -> None:
        self.length = length
        self.delay = delay
        self.noise = noise
        super().__init__(serialize_data=False)

    def load_data_list(self) -> list[dict]:
        return [{'index': index} for index in range(self.length)]

    def prepare_data(self, idx: int) -> dict:
        time.sleep(self.delay)
        generator = np.random.default_rng(idx)
        clean = generator.integers(0, 256, (FRAMES, 3, SIZE, SIZE))
        draw = np.random.mtrand._rand.normal() + random.random() + float(torch.rand(()))
        frames = torch.from_numpy(np.clip(clean + self.noise * draw, 0, 255).astype(np.uint8))
        sample = AVDataSample(
            metainfo={'video_id': idx, 'video_name': f'clip/{idx}', 'img_shape': (SIZE, SIZE)}
        )
        sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(clean[:, 0] > 127).to(torch.uint8))
        return {'inputs': {'frames': frames}, 'data_samples': sample}


@MODELS.register_module()
class TinyModel(BaseModel):
    """One convolution.

    Args:
        dropout: Probability of a dropout before the convolution.
        poison: Video id whose clip has a NaN loss; None for none.
    """

    def __init__(self, *, dropout: float = 0.0, poison: int | None = None) -> None:
        # An object, not a string: mmengine would import every model of the toolbox to find it.
        super().__init__(data_preprocessor=BaseDataPreprocessor())
        self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv2d(3, 1, 3, padding=1)
        self.poison = poison

    def forward(self, inputs: dict, data_samples: list, mode: str = 'tensor'):
        frames = torch.stack(inputs['frames']).float() / 255
        logits = self.conv(self.dropout(frames.flatten(0, 1)))[:, 0]
        logits = logits.unflatten(0, frames.shape[:2])  # (B, T, H, W)
        if mode == 'predict':
            for sample, clip in zip(data_samples, logits, strict=True):
                sample.pred_sem_seg = PixelData(sem_seg=(clip > 0).to(torch.uint8))
            return data_samples
        target = torch.stack([sample.gt_sem_seg.sem_seg for sample in data_samples]).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
        poisoned = any(sample.video_id == self.poison for sample in data_samples)
        return {'loss_seg': loss * (float('nan') if poisoned else 1.0)}


@METRICS.register_module()
class TinyMetric(BaseMetric):
    """Fraction of correct pixels, under the name that the default runtime expects."""

    default_prefix = 'avs'

    def process(self, data_batch, data_samples) -> None:
        for sample in data_samples:
            right = sample['pred_sem_seg']['sem_seg'] == sample['gt_sem_seg']['sem_seg']
            self.results.append(float(right.float().mean()))

    def compute_metrics(self, results: list) -> dict:
        return {'miou': float(np.mean(results))}


class CutOff(Exception):
    """Raised by :class:`CutOffHook` to interrupt a run."""


@HOOKS.register_module()
class CutOffHook(Hook):
    """Interrupt a run.

    Args:
        iteration: Number of completed iterations.
        kill: Kill the process, as the kernel does when memory runs out, instead of an error.
    """

    def __init__(self, *, iteration: int, kill: bool = False) -> None:
        self.iteration = iteration
        self.kill = kill

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter + 1 == self.iteration:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise CutOff
