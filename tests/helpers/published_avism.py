"""AVISM with the weights of a golden, through converter and config, and its training steps."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avis.apis import convert_checkpoint, init_model
from avis.models.converters.avism import convert_avism
from tests.helpers.golden import Golden, generator

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'avis' / 'avism'


def load_model(golden: Golden, config: str) -> tuple[nn.Module, list[str]]:
    """Return the model of a config with the weights of a golden, and the dropped entries."""
    checkpoint = golden.state_dict()
    for name, shape, _ in golden.info['keys']:
        if name.endswith('relative_position_index'):
            checkpoint[name] = relative_position_index(round(shape[0] ** 0.5))
        elif name.endswith('empty_weight'):
            checkpoint[name] = torch.ones(shape)
    with tempfile.TemporaryDirectory() as folder:
        src, dst = Path(folder) / 'published.pth', Path(folder) / 'converted.pth'
        torch.save({'model': checkpoint}, src)
        dropped = convert_checkpoint('avism', src, dst)
        src.unlink()
        return init_model(CONFIGS / f'{config}.py', dst), dropped


def relative_position_index(side: int) -> Tensor:
    """Swin's table: the index of the bias of each pair of positions in a window."""
    places = torch.cartesian_prod(torch.arange(side), torch.arange(side))
    step = places[:, None] - places[None] + side - 1
    return step[..., 0] * (2 * side - 1) + step[..., 1]


def draw_inputs(seed: int, length: int, size: tuple[int, int]) -> dict[str, Tensor]:
    """Frames uint8 (T, 3, H, W) and audio embeddings (T, 128) of a golden clip."""
    rng = generator(seed)
    frames = rng.integers(0, 256, (length, 3, *size)).astype(np.uint8)
    audio = rng.uniform(0, 1, (length, 128)).astype(np.float32)
    return {'frames': torch.from_numpy(frames), 'audio': torch.from_numpy(audio)}


class SamePoints:
    """The points of a recorded training step, the same for every matching and loss."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        points = generator(meta['point_seed']).random((1, meta['num_points'], 2))
        self.points = torch.from_numpy(points).float()

    def for_matching(self, like: Tensor, generator: object = None) -> Tensor:
        return self.points

    def for_loss(self, logits: Tensor, generator: object = None) -> Tensor:
        return self.points.expand(len(logits), -1, -1)


def official_names(golden: Golden) -> dict[str, str]:
    """Name in the official checkpoint of each entry of the model."""
    keys = [name for name, _, _ in golden.info['keys']]
    numbered = {name: torch.tensor([float(index)]) for index, name in enumerate(keys)}
    return {ours: keys[int(number)] for ours, number in convert_avism(numbered)[0].items()}
