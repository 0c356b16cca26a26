"""Training steps of the published AVISM: losses, matchings, normalizers, gradients of one process.

The other processes are emulated: the mean over processes, of which the mask normalizers are the
only one, is set instead of reduced. ``tests/models/segmentors/test_av_instance_segmentor.py``
trains in two real processes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn

from avis.models.losses import mask_set_loss
from avis.models.task_modules.mask_targets import MaskTarget
from avis.structures.av_data_sample import AVDataSample
from tests.parity.avism import draw_inputs

NO_OBJECT = 26
Arrays = Mapping[str, Any]
Matchings = list[list[tuple[Tensor, Tensor]]]  # per layer and set


@dataclass
class Step:
    """What one process computes in one training step.

    Attributes:
        losses: By name, weighted.
        targets: Of the frames, and of the clips for each kept layer.
        matchings: Of the frames, and of the clips.
        counts: Number of instances in the targets of the frames, and of the clips.
        normalizers: Divisors of the mask losses of the frames, and of the clips.
        gradients: Of the sum of the losses, by name; without those of frozen parameters.
    """

    losses: dict[str, float] = field(default_factory=dict)
    targets: list[Sequence[MaskTarget]] = field(default_factory=list)
    matchings: list[Matchings] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    normalizers: list[float] = field(default_factory=list)
    gradients: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Clip:
    """One recorded clip: inputs of the model and what the loader returns."""

    inputs: dict[str, Tensor]
    tracks: InstanceData

    @classmethod
    def read(cls, arrays: Arrays, prefix: str, seed: int, size: tuple[int, int]) -> 'Clip':
        """Read the targets below a prefix, and draw the inputs."""
        shape = arrays[f'{prefix}/masks_shape']  # (T, N, H, W)
        packed = arrays[f'{prefix}/masks_packed']
        masks = np.unpackbits(packed, count=int(shape.prod())).reshape(shape).astype(bool)
        masks = masks.swapaxes(0, 1)  # (N, T, H, W)
        classes, ids = arrays[f'{prefix}/classes'].T, arrays[f'{prefix}/ids'].T  # (N, T)
        annotated = classes != NO_OBJECT
        kept = masks.any(axis=(1, 2, 3))
        labels = np.where(annotated, classes, -1).max(1, initial=-1)
        fields = {
            'labels': labels,
            'ids': ids.max(1, initial=-1),
            'masks': masks,
            'annotated': annotated,
        }
        tracks = {name: torch.from_numpy(values[kept]) for name, values in fields.items()}
        meta = {'seed': seed, 'T': int(shape[0]), 'height': size[0], 'width': size[1]}
        return cls(draw_inputs(meta), InstanceData(**tracks))

    @property
    def ids(self) -> NDArray[np.int64]:
        """Ids of the instances (N,), shifted so that the smallest is 0."""
        ids: NDArray[np.int64] = self.tracks.ids.numpy()
        return ids - ids.min(initial=int(ids.max(initial=0)))


def batch_of(model: nn.Module, clips: Sequence[Clip]) -> dict[str, Any]:
    """The clips as the model gets them in training, padded to a common size."""
    samples = []
    for clip in clips:
        size = tuple(clip.inputs['frames'].shape[-2:])
        samples.append(AVDataSample(metainfo={'img_shape': size}, gt_tracks=clip.tracks))
    inputs = {name: [clip.inputs[name] for clip in clips] for name in ('frames', 'audio')}
    data: dict[str, Any] = model.data_preprocessor(
        {'inputs': inputs, 'data_samples': samples}, training=True
    )
    return data


def run_step(
    model: nn.Module,
    clips: Sequence[Clip],
    *,
    mean_counts: Sequence[float] | None = None,
) -> Step:
    """Compute losses and gradients of one process.

    Args:
        model: In training mode, with the recorded points.
        clips: Of this process.
        mean_counts: Means over all processes of the counts; None for one process.
    """
    step = Step()

    def reduce_mean(count: Tensor) -> Tensor:
        step.counts.append(count.item())
        if mean_counts is None:
            return count
        return count.new_tensor(mean_counts[len(step.counts) - 1])

    def normalizer(*args: Any) -> Tensor:
        divisor = make_normalizer(*args)
        step.normalizers.append(divisor.item())
        return divisor

    def keep(_: nn.Module, args: tuple[Any, ...], output: tuple[Any, Matchings]) -> None:
        step.targets.append(args[2])
        step.matchings.append(output[1])

    make_normalizer = mask_set_loss.mask_normalizer
    hooks = [
        loss.register_forward_hook(keep)
        for loss in (model.frame_head.loss_set, model.tracker.loss_set)
    ]
    with (
        patch.object(mask_set_loss, 'reduce_mean', reduce_mean),
        patch.object(mask_set_loss, 'mask_normalizer', normalizer),
    ):
        losses = model(**batch_of(model, clips), mode='loss')
    for hook in hooks:
        hook.remove()
    step.losses = {name: value.item() for name, value in losses.items()}
    sum(losses.values()).backward()
    step.gradients = dict(_gradients(model))
    model.zero_grad()
    return step


def _gradients(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, weight in model.named_parameters():
        if weight.requires_grad and weight.grad is not None:
            yield name, weight.grad


def mean_gradients(steps: Sequence[Step]) -> dict[str, Tensor]:
    """Average the gradients of several processes."""
    return {
        name: torch.stack([step.gradients[name] for step in steps]).mean(0)
        for name in steps[0].gradients
    }


def recorded_matchings(step: Step) -> str:
    """The matchings of a clip in the recorded form: 10 of frames, 3 of clips, last layer first."""
    frames, clips = step.matchings
    targets = step.targets[0]
    levels: list[list[Any]] = []
    for layer in (frames[-1], *frames[:-1]):
        pairs = zip(layer, targets, strict=True)
        # The recorded indices count the instances of the frame.
        rows = [
            [q.tolist(), torch.searchsorted(target.instances, i).tolist()]
            for (q, i), target in pairs
        ]
        levels.append(['frame', rows])
    levels.extend(
        ['clip', [[q.tolist(), i.tolist()] for q, i in layer]] for layer in (clips[-1], *clips[:-1])
    )
    return json.dumps(levels)
