"""Small models of sound source localization, and their inputs."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avis.apis import load_config
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


def build_model(config: Path) -> Any:
    """The model of a config with random weights, the same in each call."""
    torch.manual_seed(0)
    model = MODELS.build(load_config(config).model)
    model.init_weights()
    return model


def small_batch(
    clips: int = 3, size: int = 64, times: int = 40
) -> tuple[dict[str, Tensor], list[AVDataSample]]:
    """Random frames (B, 1, 3, size, size), spectrograms (B, 257, times), and data samples."""
    generator = torch.Generator().manual_seed(0)
    inputs = {
        'frames': torch.randn(clips, 1, 3, size, size, generator=generator),
        'audio': torch.randn(clips, 257, times, generator=generator),
    }
    return inputs, [AVDataSample() for _ in range(clips)]
