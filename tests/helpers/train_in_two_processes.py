"""One training step of two clips, each in a process of its own; not a test by itself.

Run with ``python -m torch.distributed.run``; argument: OUT.json, the file for the gradient norms.
"""

import json
import sys
from pathlib import Path

import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import barrier, get_rank, init_dist
from torch import nn

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from tests.helpers.tiny_avism import build, clip

# The first clip has two instances, the second has one: means over processes must be weighted.
CLIPS = [clip(), clip(seed=1)]
CLIPS[1]['data_samples'].gt_tracks = CLIPS[1]['data_samples'].gt_tracks[:1]


class SamePoints:
    """The same points for every mask, independent of the order of calls."""

    def __init__(self) -> None:
        self.points = torch.rand(1, 64, 2, generator=torch.Generator().manual_seed(0))

    def for_matching(self, like: torch.Tensor, *generator: object) -> torch.Tensor:
        return self.points

    def for_loss(self, logits: torch.Tensor, *generator: object) -> torch.Tensor:
        return self.points.expand(len(logits), -1, -1)


def gradients(model: nn.Module, clips: list[dict], wrap: type | None = None) -> dict[str, float]:
    """Return the gradient norm of each parameter after a step with these clips."""
    model.train()
    for loss in (model.frame_head.loss_set, model.tracker.loss_set):
        loss.points = SamePoints()
    data = model.data_preprocessor(pseudo_collate(clips), training=True)
    wrapped = wrap(model) if wrap else model  # must exist until the gradients are computed
    losses = wrapped(**data, mode='loss')
    sum(losses.values()).backward()
    return {
        name: weight.grad.double().norm().item()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def main(out: str) -> None:
    init_dist('pytorch', backend='gloo')
    clips = CLIPS[get_rank() : get_rank() + 1]
    norms = gradients(build(), clips, nn.parallel.DistributedDataParallel)
    if get_rank() == 0:
        Path(out).write_text(json.dumps(norms))
    barrier()
    torch.distributed.destroy_process_group()  # no process may exit before the other


if __name__ == '__main__':
    main(sys.argv[1])
