"""Models whose queries predict the classes of each frame: label maps and matchings."""

import json
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avis.models.decode_heads.frame_predictions import Matching
from tests.helpers.golden import Golden
from tests.parity.comparison import Comparison
from tests.parity.training import ReplayedPoints, draw_points

_NEAR = 1e-3  # scores of two classes that rounding may swap
_IGNORED = 255


def compare_labels(comparison: Comparison, case: str, scores: Tensor, labels: Tensor) -> None:
    """Count wrong labels, except where the two best scores are nearly equal.

    Args:
        comparison: Receives ``label_shape`` and ``label``, or ``label_packed`` of two classes.
        case: Prefix of their names in the golden.
        scores: (N, K, H, W).
        labels: (N, H, W).
    """
    arrays = comparison.golden.arrays
    shape = arrays[f'{case}/label_shape']
    comparison.array(f'{case}/label_shape', np.array(labels.shape))
    best = scores.topk(2, 1).values
    clear, ours = (best[:, 0] - best[:, 1] > _NEAR).numpy(), labels.numpy()
    name = f'{case}/label'
    if f'{name}_packed' in arrays:
        name = f'{name}_packed'
        recorded = np.unpackbits(arrays[name], count=shape.prod()).reshape(shape)
    else:
        recorded = arrays[name]
        steps = [-(-int(n) // m) for n, m in zip(shape, recorded.shape, strict=True)]
        chosen = tuple(slice(None, None, step) for step in steps)
        clear, ours = clear[chosen], ours[chosen]
    comparison.value(name, ((ours != recorded) & clear).sum())
    comparison.value(f'{name}/compared', float(clear.mean() < 0.9))


def compare_class_matchings(
    comparison: Comparison,
    case: str,
    layers: Sequence[Sequence[Matching]],
    frames: Sequence[tuple[Tensor, Tensor]],
) -> None:
    """Count the frames whose matching differs, in all layers.

    Args:
        comparison: Receives ``matching``.
        case: Prefix of its name in the golden.
        layers: Of each layer and frame that counts.
        frames: Of each frame that counts its label map (H, W), and the label maps of its clip.
    """
    recorded = json.loads(comparison.golden.arrays[f'{case}/matching'].item())
    different = 0
    for layer, expected in zip([layers[-1], *layers[:-1]], recorded, strict=True):
        pairs = expected[1] if isinstance(expected[0], str) else expected
        for (frame, clip), (queries, instances), theirs in zip(frames, layer, pairs, strict=True):
            classes = clip.unique()
            classes = classes[classes != _IGNORED]
            # Theirs are counted among the classes of the frame.
            present = torch.isin(classes, frame.unique()).cumsum(0)[instances] - 1
            different += [queries.tolist(), present.tolist()] != theirs
    comparison.value(f'{case}/matching', different)


def replay_points(golden: Golden, counts: Sequence[int]) -> ReplayedPoints:
    """Draw the random points of the recorded training step ``train/rng``.

    Args:
        golden: Has ``train/rng/rand_calls``, and the seed in its metadata.
        counts: Classes of each frame that counts.
    """
    shapes = json.loads(golden.arrays['train/rng/rand_calls'].item())
    rng = torch.Generator().manual_seed(golden.meta['train']['torch_seed'])
    return ReplayedPoints(draw_points(rng, shapes), list(counts), num_features=len(counts))
