"""Train on two clips per step, each in a process of its own; not a test by itself.

Run by :func:`~tests.helpers.warm_python.run_warm`; argument: OUT.json, the file for ``norms``, the
gradient norms of one step, and ``losses``, the means over both processes of 8 iterations.
"""

import json
import sys
from pathlib import Path

import torch
from mmdet.utils import reduce_mean
from mmengine.dataset import pseudo_collate
from mmengine.dist import barrier, get_rank, init_dist
from torch import nn

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from tests.helpers.tiny_avism import build, clip
from tests.helpers.two_processes import gradients_of_model

# The first clip has two instances, the second has one: means over processes must be weighted.
CLIPS = [clip(), clip(seed=1)]
CLIPS[1]['data_samples'].gt_tracks = CLIPS[1]['data_samples'].gt_tracks[:1]
ITERATIONS = 8
# Instances per clip; the second instance of a clip is late. In one of seven steps neither has one.
COUNTS = (2, 1, 0, 2, 1, 0, 1, 1, 0, 0, 2, 2, 0, 1)


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
    for loss in (model.frame_head.loss_set, model.tracker.loss_set):
        loss.points = SamePoints()
    return gradients_of_model(model, clips, wrap)


def batches() -> list[list[dict]]:
    """Two clips of one size per iteration, in the last one those of the first one again.

    Their random points belong to the clip.
    """
    clips = []
    for index in range(2 * ITERATIONS - 2):
        item = clip(2, (32, 64), seed=index)
        sample = item['data_samples']
        tracks = sample.gt_tracks[: COUNTS[index % len(COUNTS)]]
        tracks.masks = tracks.masks.roll((3 * index % 16, 5 * index % 40), dims=(2, 3))
        sample.gt_tracks = tracks
        sample.set_metainfo({'seed': (0, index)})
        clips.append(item)
    pairs = [clips[start : start + 2] for start in range(0, len(clips), 2)]
    return [*pairs, pairs[0]]


def train(
    model: nn.Module, batches: list[list[dict]], wrap: type | None = None
) -> list[dict[str, float]]:
    """Train with the optimizer of AVISM; return the losses per iteration, means over processes.

    In float64: AdamW turns rounding errors of tiny gradients into full steps.
    """
    model.train().double()
    for loss in (model.frame_head.loss_set, model.tracker.loss_set):
        loss.float()  # computes in float32
    wrapped = wrap(model) if wrap else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)
    curve = []
    for batch in batches:
        data = model.data_preprocessor(pseudo_collate(batch), training=True)
        data['inputs'] = {name: value.double() for name, value in data['inputs'].items()}
        losses = wrapped(**data, mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        curve.append({name: reduce_mean(loss.detach()).item() for name, loss in losses.items()})
    return curve


def main(out: str) -> None:
    init_dist('pytorch', backend='gloo')
    own, wrap = slice(get_rank(), get_rank() + 1), nn.parallel.DistributedDataParallel
    norms = gradients(build(), CLIPS[own], wrap)
    model = build(late_as_no_object=True)
    losses = train(model, [batch[own] for batch in batches()], wrap)
    if get_rank() == 0:
        Path(out).write_text(json.dumps({'norms': norms, 'losses': losses}))
    barrier()
    torch.distributed.destroy_process_group()  # no process may exit before the other


if __name__ == '__main__':
    main(sys.argv[1])
