"""Every variant of the official losses equals the recording, in value and gradient."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from avis.models.losses.avm_loss import AVMLoss, AVMSimilarityLoss
from avis.models.losses.labeled_losses import LabeledBCELoss, LabeledCrossEntropyLoss
from tests.helpers.golden import generator, load_golden

GOLDEN = load_golden('models/avsbench_losses')


@dataclass
class Case:
    """The inputs of the recording of one family of losses."""

    logits: Tensor  # (B, T, K, H, W)
    maps: list[Tensor]
    sounds: list[Tensor]
    targets: dict[str, Tensor]
    labeled: dict[str, Tensor]


def tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope='module')
def binary() -> Case:
    """S4 and MS3: two clips of five frames."""
    rng = generator(GOLDEN.meta['binary']['seed'])
    logits = tensor(rng.normal(0, 2, (10, 1, 96, 96))).unflatten(0, (2, 5))
    maps = [tensor(np.maximum(rng.normal(0, 1, (10, 256, s, s)), 0)) for s in (24, 12, 6, 3)]
    sounds = [tensor(rng.normal(0, 1, (2, 5, 256))) for _ in range(4)]
    first = tensor(rng.random((2, 1, 1, 96, 96)) < 0.3)
    target = torch.zeros(2, 5, 96, 96)
    target[:, 0] = first[:, 0, 0]
    every = tensor(rng.random((10, 1, 96, 96)) < 0.3).unflatten(0, (2, 5))[:, :, 0]
    only_first = torch.tensor([[True, False, False, False, False]] * 2)
    return Case(
        logits=logits.requires_grad_(),
        maps=[level.unflatten(0, (2, 5)) for level in maps],
        sounds=sounds,
        targets={'s4': target, 'ms3': every},
        labeled={'s4': only_first, 'ms3': torch.ones(2, 5, dtype=torch.bool)},
    )


@pytest.fixture(scope='module')
def avss() -> Case:
    """Two clips of ten frames, of which fifteen are labeled."""
    rng = generator(GOLDEN.meta['avss']['seed'])
    logits = tensor(rng.normal(0, 2, (20, 71, 48, 48)))
    logits[:, 0] += 4
    maps = [tensor(np.maximum(rng.normal(0, 1, (20, 256, s, s)), 0)) for s in (12, 6, 3, 2)]
    sounds = [tensor(rng.normal(0, 1, (2, 10, 256))) for _ in range(4)]
    target = torch.from_numpy(rng.integers(0, 71, (20, 48, 48))).unflatten(0, (2, 10))
    flag = torch.from_numpy(GOLDEN.arrays['avss/gt_flag']).bool().unflatten(0, (2, 10))
    return Case(
        logits=logits.unflatten(0, (2, 10)).requires_grad_(),
        maps=[level.unflatten(0, (2, 10)) for level in maps],
        sounds=sounds,
        targets={'avss': target},
        labeled={'avss': flag},
    )


def matching_loss(name: str) -> torch.nn.Module | None:
    """Build the loss of a recorded name.

    ``ms3_{av,vv}_{kl,eu}_norm{0,1}_thr{0,1}_{avg,max}``: sound or nearest frame, distance, unit
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


@pytest.mark.parametrize('name', [*GOLDEN.arrays['binary/names'], *GOLDEN.arrays['avss/names']])
def test_loss_and_gradient_equal_recording(name, binary, avss) -> None:
    name = str(name)
    task = name.split('_')[0]
    family, case = ('avss', avss) if task == 'avss' else ('binary', binary)
    names = list(GOLDEN.arrays[f'{family}/names'])
    total, segmentation, matching, gradient = GOLDEN.arrays[f'{family}/values'][names.index(name)]

    labeled = case.labeled[task]
    loss_seg = (LabeledCrossEntropyLoss if task == 'avss' else LabeledBCELoss)()
    loss = loss_seg(case.logits, case.targets[task], labeled)
    assert loss.item() == pytest.approx(segmentation, rel=1e-6)
    loss_avm = matching_loss(name)
    if loss_avm is not None:
        avm = loss_avm(case.logits, case.maps, case.sounds, labeled)
        # The distance of a vector from itself is rounding noise of 1e-9 in the recording.
        assert avm.item() == pytest.approx(0.5 * matching, rel=1e-4, abs=1e-6)
        loss = loss + avm
    assert loss.item() == pytest.approx(total, rel=1e-5)
    (got,) = torch.autograd.grad(loss, case.logits)
    assert got.double().norm().item() == pytest.approx(gradient, rel=1e-4)


def test_unlabeled_frames_are_ignored(avss) -> None:
    loss, labeled = AVMLoss(), avss.labeled['avss']
    logits = avss.logits.detach().clone()
    before = loss(logits, avss.maps, avss.sounds, labeled)
    logits[~labeled] *= -1
    assert loss(logits, avss.maps, avss.sounds, labeled) == before


def test_loss_without_labeled_frames_is_zero(avss) -> None:
    nothing = torch.zeros(2, 10, dtype=torch.bool)
    assert AVMLoss()(avss.logits, avss.maps, avss.sounds, nothing) == 0


def test_any_class_may_be_the_background(avss) -> None:
    logits = torch.zeros(2, 10, 3, 48, 48)
    logits[:, :, 2] = 1  # class 2 everywhere
    arguments = (avss.maps, avss.sounds, avss.labeled['avss'])
    nothing = [torch.zeros_like(level) for level in avss.maps]
    empty = AVMLoss()(logits, nothing, *arguments[1:])  # the same as an empty mask
    torch.testing.assert_close(AVMLoss(background=2)(logits, *arguments), empty)
    assert AVMLoss(background=1)(logits, *arguments) == AVMLoss()(logits, *arguments) != empty


def test_weight_scales_loss(binary) -> None:
    arguments = (binary.logits, binary.maps, binary.sounds, binary.labeled['ms3'])
    for kind in (AVMLoss, AVMSimilarityLoss):
        whole, half = kind(weight=1.0)(*arguments), kind()(*arguments)
        torch.testing.assert_close(whole, 2 * half)


@pytest.mark.parametrize('option', ['distance', 'reduction', 'pooling'])
def test_unknown_option_value_raises(option) -> None:
    with pytest.raises(ValueError, match=rf"AVMLoss\.{option}: expected one of \(.*, got 'none'"):
        AVMLoss(**{option: 'none'})


def test_similarity_loss_of_multi_class_logits_raises(avss) -> None:
    with pytest.raises(ValueError, match=r'one logit per pixel.*\(2, 10, 71, 48, 48\)'):
        AVMSimilarityLoss()(avss.logits, avss.maps, avss.sounds, avss.labeled['avss'])
