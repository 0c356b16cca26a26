"""Losses and gradients of a recorded training step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avis.models.task_modules.point_sampling import PointSampler
from tests.helpers.golden import generator
from tests.parity.comparison import Comparison

# The gradient of bilinear sampling jumps where a point passes from one pixel to the next: on the
# line rounding decides. A model in float64 agrees, one in float32 was seen 1.2e-3 apart.
_JUMPING, _JUMP = 'sampling_offsets', 5


def compare_losses(
    comparison: Comparison, case: str, losses: Mapping[str, Tensor], *, rtol: float = 1e-4
) -> None:
    """Compare losses by name, relative to the recorded values.

    Args:
        comparison: Receives ``loss_names``, ``loss_values`` and, if recorded, ``total``.
        case: Prefix of their names in the golden, e.g. ``train/fixed``.
        losses: All losses of our model.
        rtol: Tolerance relative to the recorded value.
    """
    arrays = comparison.golden.arrays
    names = arrays[f'{case}/loss_names'].tolist()
    comparison.value(f'{case}/loss_names', len(set(names) ^ set(losses)))
    ours = np.array([losses[name].item() if name in losses else np.nan for name in names])
    comparison.array(f'{case}/loss_values', ours, rtol=rtol, atol=1e-7)
    if f'{case}/total' in arrays:
        total = sum(loss.item() for loss in losses.values())
        comparison.array(f'{case}/total', np.array(total), rtol=rtol)


def compare_gradients(
    comparison: Comparison,
    case: str,
    model: nn.Module,
    names: Mapping[str, Sequence[str]],
    *,
    rtol: float = 1e-3,
    floor: Mapping[str, float] | None = None,
) -> None:
    """Compare the norm of the gradient of each parameter.

    Args:
        comparison: Receives ``grad_names``, ``grad_norm`` (the worst parameter), and ``median``.
        case: Prefix of their names in the golden.
        model: After the backward pass.
        names: Of each parameter, the recorded entries; several have a common norm.
        rtol: Tolerance relative to the recorded norm, five times as much for sampling offsets.
        floor: Part of a name -> smallest norm that differences are relative to; default 1e-6.
    """
    arrays = comparison.golden.arrays
    recorded = dict(
        zip(arrays[f'{case}/grad_names'].tolist(), arrays[f'{case}/grad_norm'], strict=True)
    )
    differences = {}
    unused = set(recorded)
    for name, weight in model.named_parameters():
        if not weight.requires_grad or name not in names:
            continue
        sources = [recorded.get(source, np.nan) for source in names[name]]
        unused -= set(names[name])
        norm = float(np.linalg.norm(np.nan_to_num(sources)))
        ours = 0.0 if weight.grad is None else weight.grad.double().norm().item()
        least = max([1e-6, *(x for part, x in (floor or {}).items() if part in name)])
        allowed = _JUMP if _JUMPING in name else 1
        differences[name] = abs(ours - norm) / max(norm, least) / allowed
    # What our model does not have must have no gradient in theirs.
    left = [name for name in unused if np.nan_to_num(recorded[name]) != 0]
    comparison.value(f'{case}/grad_names', len(left))
    comparison.value(f'{case}/grad_norm', max(differences.values()), rtol)
    comparison.value(f'{case}/grad_norm/median', float(np.median([*differences.values()])), rtol)


def compare_statistics(
    comparison: Comparison, case: str, state: Mapping[str, Tensor], names: Mapping[str, str]
) -> None:
    """Compare mean and deviation of the running statistics of batch norms after a step.

    Args:
        comparison: Receives ``bn_names`` and ``bn_after_stats``.
        case: Prefix of their names in the golden.
        state: State dict of our model.
        names: Name of each entry in the reference -> name in our model.
    """
    recorded = comparison.golden.arrays[f'{case}/bn_names'].tolist()
    comparison.value(f'{case}/bn_names', sum(names.get(name) not in state for name in recorded))
    stats = [state[names[name]].double() for name in recorded]
    values = np.array([[float(x.mean()), float(x.std(correction=0))] for x in stats])
    comparison.array(f'{case}/bn_after_stats', values, rtol=1e-4, atol=1e-5)


class SamePoints:
    """The points of a recorded training step, the same for every matching and loss."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        points = generator(meta['point_seed']).random((1, meta['num_points'], 2))
        self.points = torch.from_numpy(points).float()

    def for_matching(self, like: Tensor, generator: object = None) -> Tensor:
        return self.points

    def for_loss(self, logits: Tensor, generator: object = None) -> Tensor:
        return self.points.expand(len(logits), -1, -1)


class ReplayedPoints(PointSampler):
    """The random points of a recorded training step, in the order in which avis asks for them.

    The reference draws, layer by layer and the last layer first, the points of the matchings and
    then those of the losses. :class:`~avis.models.losses.mask_set_loss.MaskSetLoss` matches all
    layers first, and then takes the points of all layers at once, features by features.

    Args:
        draws: Drawn points of each layer: of the matching of each set, then the candidates of the
            losses, then their other points. The last layer comes first.
        counts: Number of matched instances of each set.
        num_features: Number of maps that the sets use, see ``MaskSetLoss``.
        num_frames: Frames per mask.
    """

    def __init__(
        self,
        draws: Sequence[Sequence[Tensor]],
        counts: Sequence[int],
        *,
        num_features: int,
        num_frames: int = 1,
    ) -> None:
        super().__init__(num_points=draws[0][0].shape[1])
        layers = [*draws[1:], draws[0]]
        self.matching = iter([points for layer in layers for points in layer[:-2]])
        ends = np.cumsum(counts) * num_frames
        rows = [
            np.concatenate([np.arange(ends[i] - counts[i] * num_frames, ends[i]) for i in sets])
            for sets in (range(source, len(counts), num_features) for source in range(num_features))
        ]
        self.losses = iter(
            [[torch.cat([layer[part][of] for layer in layers]) for part in (-2, -1)] for of in rows]
        )

    def for_matching(self, like: Tensor, generator: object = None) -> Tensor:
        return next(self.matching)

    def for_loss(self, logits: Tensor, generator: object = None) -> Tensor:
        return self.select(logits, *next(self.losses))


def draw_points(rng: torch.Generator, shapes: Sequence[Sequence[int]]) -> list[list[Tensor]]:
    """Draw the points of a recorded step, layer by layer, see :class:`ReplayedPoints`.

    Args:
        rng: Generator of the points.
        shapes: Of the consecutive calls of ``torch.rand``: (1, P, 2) per matching, then two of the
            losses.
    """
    layers: list[list[Tensor]] = [[]]
    for shape in shapes:
        points = torch.rand(*shape, generator=rng)
        num_points = layers[-1][0].shape[1] if layers[-1] else shape[1]
        layers[-1].append(points)
        if shape[1] < num_points:  # the last draw of a layer
            layers.append([])
    return layers[:-1]
