"""The losses of AVSBench in all variants of its code, on random tensors."""

import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from avis.models.losses.avm_loss import AVMLoss, AVMSimilarityLoss
from avis.models.losses.labeled_losses import LabeledBCELoss, LabeledCrossEntropyLoss
from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison


@dataclass
class Case:
    """The inputs of the recording of one family of losses."""

    logits: Tensor  # (B, T, K, H, W)
    maps: list[Tensor]
    sounds: list[Tensor]
    targets: dict[str, Tensor]
    labeled: dict[str, Tensor]


def compare(golden: Golden, comparison: Comparison) -> None:
    """Compare value and gradient of every variant."""
    for family, draw in (('binary', draw_binary), ('avss', draw_avss)):
        case = draw(golden)
        names = golden.arrays[f'{family}/names'].tolist()
        rows = np.array([compute(name, case) for name in names])
        # The distance of a vector from itself is rounding noise of 1e-9 in the recording.
        comparison.array(f'{family}/values', rows, rtol=1e-4, atol=2e-6)
        comparison.value(f'{family}/names', len(names) - len(rows))
    comparison.skip('avss/gt_flag', 'input of the case')
    comparison.skip('avsegformer/', 'losses of projects/avsegformer: compare as avsegformer_losses')


def compute(name: str, case: Case) -> list[float]:
    """Total, segmentation and matching loss, and norm of the gradient on the logits."""
    task = name.split('_')[0]
    labeled, logits = case.labeled[task], case.logits
    loss_seg = (LabeledCrossEntropyLoss if task == 'avss' else LabeledBCELoss)()
    total = segmentation = loss_seg(logits, case.targets[task], labeled)
    loss_avm, matching = matching_loss(name), 0.0
    if loss_avm is not None:
        avm = loss_avm(logits, case.maps, case.sounds, labeled)
        total, matching = total + avm, 2 * avm.item()
    (gradient,) = torch.autograd.grad(total, logits)
    return [total.item(), segmentation.item(), matching, gradient.double().norm().item()]


def matching_loss(name: str) -> nn.Module | None:
    """Build the loss of a recorded name.

    ``ms3_{av,vv}_{kl,eu}_norm{0,1}_thr{0,1}_{avg,max}``: audio or nearest frame, distance, unit
    length, threshold, pooling; ``s4_sa_{avg,max}_{levels}``.
    """
    task, *parts = name.split('_')
    if not parts:
        return None
    if task == 's4':
        levels = [int(digit) for digit in parts[2]]
        return AVMSimilarityLoss(pooling=parts[1], levels=None if len(levels) == 4 else levels)
    against, distance, norm, threshold, pooling = parts
    return AVMLoss(
        distance='kl' if distance == 'kl' else 'l2',
        reduction='sum' if task == 'ms3' and distance == 'kl' else 'mean',
        pooling=pooling,
        threshold=threshold == 'thr1',
        normalize=norm == 'norm1',
        # The official AVSS code compares with the audio in this branch only.
        nearest=against == 'vv' and not (task == 'avss' and distance == 'kl'),
    )


def draw_binary(golden: Golden) -> Case:
    """S4 and MS3: clips of five frames."""
    meta = golden.meta['binary']
    rng, shape, sides = generator(meta['seed']), *_sizes(meta['input'])
    count, size = shape[0], shape[2:]
    clips = (count // 5, 5)
    logits = _tensor(rng.normal(0, 2, shape)).unflatten(0, clips)
    maps = [_tensor(np.maximum(rng.normal(0, 1, (count, 256, s, s)), 0)) for s in sides]
    sounds = [_tensor(rng.normal(0, 1, (*clips, 256))) for _ in range(4)]
    target = torch.zeros(*clips, *size)
    target[:, 0] = _tensor(rng.random((clips[0], *size)) < 0.3)
    every = _tensor(rng.random((count, *size)) < 0.3).unflatten(0, clips)
    only_first = torch.tensor([[True, False, False, False, False]] * clips[0])
    return Case(
        logits=logits.requires_grad_(),
        maps=[level.unflatten(0, clips) for level in maps],
        sounds=sounds,
        targets={'s4': target, 'ms3': every},
        labeled={'s4': only_first, 'ms3': torch.ones(clips, dtype=torch.bool)},
    )


def draw_avss(golden: Golden) -> Case:
    """Clips of ten frames, some of which are labeled."""
    meta = golden.meta['avss']
    rng, shape, sides = generator(meta['seed']), *_sizes(meta['input'])
    count, size = shape[0], shape[2:]
    clips = (count // 10, 10)
    logits = _tensor(rng.normal(0, 2, shape))
    logits[:, 0] += 4
    maps = [_tensor(np.maximum(rng.normal(0, 1, (count, 256, s, s)), 0)) for s in sides]
    sounds = [_tensor(rng.normal(0, 1, (*clips, 256))) for _ in range(4)]
    target = torch.from_numpy(rng.integers(0, shape[1], (count, *size))).unflatten(0, clips)
    flag = torch.from_numpy(golden.arrays['avss/gt_flag']).bool().unflatten(0, clips)
    return Case(
        logits=logits.unflatten(0, clips).requires_grad_(),
        maps=[level.unflatten(0, clips) for level in maps],
        sounds=sounds,
        targets={'avss': target},
        labeled={'avss': flag},
    )


def _sizes(text: str) -> tuple[tuple[int, ...], list[int]]:
    """Read the shape of the logits and the sides of the maps from the description of the input."""
    shape = re.search(r'pred=normal\(0,2,\(([\d,]+)\)\)', text)
    sides = re.search(r's in ([\d,]+)', text)
    assert shape is not None
    assert sides is not None
    return tuple(map(int, shape[1].split(','))), [int(side) for side in sides[1].split(',') if side]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
