"""Train a detector of active speakers on one batch per process; not a test by itself.

Run by :func:`~tests.helpers.warm_python.run_warm`; argument: OUT.json, the file for the losses per
step (means over both processes) and the sums of the weights afterwards.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.dist import barrier, get_rank, init_dist
from mmengine.registry import init_default_scope
from torch import nn

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tiny_asd import CONFIGS, narrow

STEPS = 4


def build() -> nn.Module:
    """The small model, narrow, without dropout and batch statistics, in float64."""
    init_default_scope('avis')
    config = Config.fromfile(CONFIGS / 'lr_asd_small.py').model
    narrow(config)
    config.network.dropout = 0.0
    for part in (config.network, config.network.visual_encoder, config.network.audio_encoder):
        part.norm_cfg = {'type': 'GN', 'num_groups': 4}
    torch.manual_seed(0)
    return MODELS.build(config).train().double()


def track(index: int) -> dict:
    """A random track; noise and length depend on its index."""
    rng, length = np.random.default_rng(index), 5 + index % 3
    meta = {'fps': 25.0, 'video_name': str(index), 'seed': (0, 0, index)}
    sample = AVDataSample(metainfo=meta)
    sample.gt_speaking = torch.from_numpy(rng.integers(0, 3, length))
    faces = torch.from_numpy(rng.integers(0, 256, (length, 16, 16)).astype(np.uint8))
    audio = torch.from_numpy(rng.uniform(-0.2, 0.2, 640 * length).astype(np.float32))
    return {'inputs': {'faces': faces, 'audio': audio}, 'data_samples': sample}


def batches() -> list[list[dict]]:
    """Batches of two tracks, two for each step."""
    return [[track(2 * index), track(2 * index + 1)] for index in range(2 * STEPS)]


def loss_of(model: nn.Module, wrapped: nn.Module, batch: list[dict]) -> torch.Tensor:
    """The loss of one batch."""
    data = model.data_preprocessor(pseudo_collate(batch), training=True)
    data['inputs'] = {name: value.double() for name, value in data['inputs'].items()}
    losses = wrapped(**data, mode='loss')
    return losses['loss_speaking'] + losses['loss_visual']


def weight_sums(model: nn.Module) -> dict[str, float]:
    """Sum of magnitudes of each weight."""
    return {name: float(value.detach().abs().sum()) for name, value in model.named_parameters()}


def main(out: str) -> None:
    init_dist('pytorch', backend='gloo')
    model = build()
    wrapped = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for batch in batches()[get_rank() :: 2]:
        optimizer.zero_grad()
        loss = loss_of(model, wrapped, batch)
        loss.backward()
        optimizer.step()
        mean = loss.detach() / 2
        torch.distributed.all_reduce(mean)
        losses.append(float(mean))
    if get_rank() == 0:
        Path(out).write_text(json.dumps({'losses': losses, 'weights': weight_sums(model)}))
    barrier()
    torch.distributed.destroy_process_group()  # no process may exit before the other


if __name__ == '__main__':
    main(sys.argv[1])
