"""Losses, initialization and validation epochs of the AVSBench recipes."""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.registry import LOOPS
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avis.apis import load_config
from avis.models.converters.avsbench import convert_avsbench
from avis.models.losses.labeled_losses import LabeledBCELoss
from avis.registry import MODELS
from tests.helpers.entries import Entry, exact, named
from tests.recipes.stored import (
    Arrays,
    largest_difference,
    mixed_tolerance,
    read_arrays,
    sampled,
)

CONFIGS = Path(__file__).parents[2] / 'configs' / 'avs' / 'tpavi'
PUBLISHED = {
    's4': ('tpavi_r50_s4', 'tpavi_pvtv2b5_s4'),
    'ms3': (
        'tpavi_r50_ms3',
        'tpavi_pvtv2b5_ms3',
        'tpavi_r50_ms3_avm',
        'tpavi_pvtv2b5_ms3_avm',
        'tpavi_r50_ms3_add',
        'tpavi_r50_ms3_nofusion',
    ),
    'avss': ('tpavi_r50_avss', 'tpavi_pvtv2b5_avss'),
}
SEEDS = 20


def compare(folder: Path) -> Iterator[Entry]:
    """Compare the files of ``folder``."""
    parts = {
        'losses/avm.npz': compare_avm,
        'losses/bce.npz': compare_bce,
        'epochs.json': compare_epochs,
    }
    parts |= {
        f'init/{path.name}': compare_init for path in sorted((folder / 'init').glob('*.json'))
    }
    for name, part in parts.items():
        if (folder / name).is_file():
            yield from named(f'{name}:', part(folder / name))


# The matching loss.


@dataclass(frozen=True)
class AVMCase:
    """Input of the matching loss: logits (B, T, K, H, W), maps and audio per level, flags."""

    logits: Tensor
    maps: list[Tensor]
    audio: list[Tensor]
    labeled: Tensor


def compare_avm(path: Path) -> Iterator[Entry]:
    """Compare value and gradients with each class as background."""
    arrays, meta = read_arrays(path)
    for config in PUBLISHED['avss']:
        cfg = load_config(CONFIGS / f'{config}.py')
        background, last = cfg.model.loss_avm.background, cfg.model.decode_head.num_classes - 1
        yield exact(f'{config} background', background, last)
    cases = {'stored': stored_avm, 'drawn': drawn_avm}
    for name, make in cases.items():
        if name not in meta:
            continue
        case = make(arrays, meta[name])
        if 'checks' in meta[name]:
            yield from compare_draws(case, meta[name]['checks'])
        for kind in ('kl', 'l2'):
            for background in ('last', 'zero'):
                key = f'{name}/{kind}/{background}'
                if f'{key}/value' in arrays:
                    yield from compare_avm_case(arrays, key, case, kind, background)


def stored_avm(arrays: Arrays, facts: dict[str, Any]) -> AVMCase:
    """The case whose input is stored."""
    clips = (facts['B'], facts['T'])
    levels = range(sum(key.startswith('stored/audio') for key in arrays))
    return AVMCase(
        logits=torch.from_numpy(arrays['stored/logits']).unflatten(0, clips),
        maps=[torch.from_numpy(arrays[f'stored/map{i}']).unflatten(0, clips) for i in levels],
        audio=[torch.from_numpy(arrays[f'stored/audio{i}']) for i in levels],
        labeled=torch.from_numpy(arrays['stored/flag']),
    )


def drawn_avm(arrays: Arrays, facts: dict[str, Any]) -> AVMCase:
    """The case whose input is drawn from a seed."""
    clips, classes, channels = (facts['B'], facts['T']), facts['K'], facts['C']
    number, (height, width) = math.prod(clips), facts['HW']
    rng = np.random.Generator(np.random.PCG64(facts['seed']))
    logits = rng.standard_normal((number, classes, height, width)).astype(np.float32)
    logits[:, 0] += 6
    logits[:, 0, : height // 4] -= 12
    logits[:, classes - 1, height // 2 : height // 2 + height // 3, : width // 3] += 20
    maps = [
        np.maximum(rng.standard_normal((number, channels, *size)), 0).astype(np.float32)
        for size in facts['map_sizes']
    ]
    audio = [(0.5 * rng.standard_normal((*clips, channels))).astype(np.float32) for _ in maps]
    return AVMCase(
        logits=torch.from_numpy(logits).unflatten(0, clips),
        maps=[torch.from_numpy(level).unflatten(0, clips) for level in maps],
        audio=[torch.from_numpy(level) for level in audio],
        labeled=torch.tensor(facts['flag']).bool(),
    )


def compare_draws(case: AVMCase, checks: dict[str, Any]) -> Iterator[Entry]:
    """Compare the sums of what was drawn, so that another generator is recognized."""
    for name, tensors in (('maps_sum', case.maps), ('audio_sum', case.audio)):
        sums = [level.double().sum().item() for level in tensors]
        yield mixed_tolerance(name, sums, checks[name], relative=1e-9, absolute=1e-6)
    total = case.logits.double().sum().item()
    yield mixed_tolerance('logits_sum', total, checks['logits_sum'], relative=1e-9)


def compare_avm_case(
    arrays: Arrays, key: str, case: AVMCase, kind: str, background: str
) -> Iterator[Entry]:
    """Compare one distance and background class."""
    cfg = load_config(CONFIGS / f'{PUBLISHED["avss"][0]}.py').model.loss_avm
    cfg.update(distance=kind, weight=1.0)
    cfg.background = case.logits.shape[2] - 1 if background == 'last' else 0
    loss = MODELS.build(cfg)
    maps = [level.clone().requires_grad_() for level in case.maps]
    audio = [level.clone().requires_grad_() for level in case.audio]
    value = loss(case.logits, maps, audio, case.labeled)
    yield mixed_tolerance(f'{key}/value', value.item(), arrays[f'{key}/value'], relative=1e-5)
    levels = [
        loss(case.logits, [level], [sound], case.labeled).item()
        for level, sound in zip(maps, audio, strict=True)
    ]
    yield mixed_tolerance(f'{key}/per_level', levels, arrays[f'{key}/per_level'], relative=1e-5)
    gradients = torch.autograd.grad(value, [*maps, *audio])
    for name, some in (('maps', gradients[: len(maps)]), ('audio', gradients[len(maps) :])):
        norms = [gradient.double().norm().item() for gradient in some]
        full = f'{key}/grad_norm_{name}'
        yield mixed_tolerance(full, norms, arrays[full], relative=1e-5)
    for level, gradient in enumerate(gradients[: len(maps)]):
        full = f'{key}/grad_map{level}'
        if full in arrays:
            ours = sampled(arrays, full, gradient.flatten(0, 1).numpy())
            largest = float(np.abs(arrays[full]).max())
            yield largest_difference(full, ours, arrays[full], 1e-5 * largest)


# Binary cross-entropy.


def compare_bce(path: Path) -> Iterator[Entry]:
    """Compare value and gradient of single points, and of clips as in training."""
    arrays, _ = read_arrays(path)
    for name, config in (('s4', 'tpavi_r50_s4'), ('ms3', 'tpavi_r50_ms3')):
        loss = MODELS.build(load_config(CONFIGS / f'{config}.py').model.loss_seg)
        if f'{name}/logits' in arrays:
            yield from compare_bce_clips(arrays, name, loss)
        if 'points/logits' in arrays:
            yield from compare_bce_points(arrays, loss, name)


def compare_bce_points(arrays: Arrays, loss: nn.Module, name: str) -> Iterator[Entry]:
    """Compare each point alone."""
    for target in (0, 1):
        values, gradients = [], []
        for logit in arrays['points/logits']:
            point = torch.full((1, 1, 1, 1, 1), float(logit), requires_grad=True)
            value = loss(point, torch.full((1, 1, 1, 1), target), torch.ones(1, 1).bool())
            values.append(value.item())
            gradients.append(torch.autograd.grad(value, point)[0].item())
        key = f'points/target{target}'
        recorded = arrays[f'{key}/value'], arrays[f'{key}/grad']
        yield mixed_tolerance(
            f'{key}/value ({name})', values, recorded[0], relative=1e-5, absolute=1e-7
        )
        yield mixed_tolerance(
            f'{key}/grad ({name})', gradients, recorded[1], relative=2e-4, absolute=1e-9
        )


def compare_bce_clips(arrays: Arrays, name: str, loss: nn.Module) -> Iterator[Entry]:
    """Compare the mean over clips of five frames, of which S4 labels the first."""
    stored = torch.from_numpy(arrays[f'{name}/logits'])
    logits = stored.unflatten(0, (-1, 5)).requires_grad_()  # (B, 5, 1, H, W)
    given = torch.from_numpy(arrays[f'{name}/target'])
    labeled = torch.zeros(logits.shape[:2], dtype=torch.bool)
    labeled[:, : 1 if name == 's4' else 5] = True
    target = torch.zeros(logits[:, :, 0].shape)
    target[labeled] = given.reshape(-1, *given.shape[-2:])
    value = loss(logits, target, labeled)
    (gradient,) = torch.autograd.grad(value, logits)
    key = f'{name}/value'
    yield mixed_tolerance(key, value.item(), arrays[key], relative=1e-5, absolute=1e-7)
    ours = gradient.flatten(0, 1).numpy()
    key = f'{name}/grad'
    yield mixed_tolerance(key, ours, arrays[key], relative=2e-4, absolute=1e-9)
    key = f'{name}/value_with_logits'
    other = LabeledBCELoss()(logits, target, labeled).item()
    yield mixed_tolerance(key, other, arrays[key], relative=1e-5, absolute=1e-7)


# Initialization.


class NoBackbone(nn.Module):
    """A backbone without parameters, which a file would provide."""

    out_indices = (0, 1, 2, 3)


@dataclass
class Moments:
    """Sums over the values of one parameter of several seeds."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: float = 0.0
    shapes: set[tuple[int, ...]] = field(default_factory=set)

    def add(self, values: Tensor) -> None:
        """Add the parameter of one seed."""
        self.count += values.numel()
        self.total += values.sum(dtype=torch.float64).item()
        self.squares += values.square().sum(dtype=torch.float64).item()
        self.largest = max(self.largest, values.abs().max().item())
        self.shapes.add(tuple(values.shape))

    @property
    def mean(self) -> float:
        """Mean over all values."""
        return self.total / self.count

    @property
    def std(self) -> float:
        """Population standard deviation about the mean."""
        return math.sqrt(max(self.squares / self.count - self.mean**2, 0))


def compare_init(path: Path, seeds: int = SEEDS) -> Iterator[Entry]:
    """Compare the distribution of every parameter of the heads.

    Args:
        path: ``TASK_BACKBONE.json``.
        seeds: Number of models that are built; with one, small tensors are not compared.
    """
    task, backbone = path.stem.split('_')
    config = f'tpavi_{ {"r50": "r50", "pvt": "pvtv2b5"}[backbone] }_{task}'
    recorded = json.loads(path.read_text())['parameters']
    # The converter of published checkpoints knows which parameter is which.
    numbers = {name: torch.tensor(float(i)) for i, name in enumerate(recorded)}
    shaped = {
        name: value.expand(recorded[name][0]) if recorded[name][0] else value
        for name, value in numbers.items()
    }
    converted, _ = convert_avsbench(shaped)
    names = list(recorded)
    ours = {key: names[int(value.flatten()[0])] for key, value in converted.items()}
    moments = {key: Moments() for key in ours}
    for seed in range(seeds):
        state = draw_heads(config, seed)
        if seed == 0:
            learned = {key for key in state if not key.endswith('num_batches_tracked')}
            yield exact('parameters', sorted(learned), sorted(ours))
        for key in moments.keys() & state.keys():
            moments[key].add(state[key])
    for key, name in ours.items():
        if seeds > 1 or moments[key].count >= 100:
            yield from compare_moments(name, moments[key], recorded[name], pooled=seeds > 1)


def draw_heads(config: str, seed: int) -> dict[str, Tensor]:
    """Build and initialize the model of a config without its backbone; return its parameters."""
    cfg = load_config(CONFIGS / f'{config}.py').model
    cfg.backbone = {'type': NoBackbone}
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    logging.disable(logging.INFO)  # several lines per parameter
    try:
        model.init_weights()
    finally:
        logging.disable(logging.NOTSET)
    return model.state_dict()


def compare_moments(
    name: str, ours: Moments, recorded: list[Any], *, pooled: bool
) -> Iterator[Entry]:
    """Compare mean, standard deviation and largest value of a parameter."""
    shape, mean, std, largest = recorded[:4]
    size = {math.prod(each) for each in ours.shapes}
    yield exact(f'{name} size', size, {math.prod(shape)})
    if std == 0 and math.prod(shape) > 1:
        yield Entry(f'{name} mean', abs(ours.mean - mean))
        yield Entry(f'{name} largest', abs(ours.largest - largest))
        yield Entry(f'{name} std', ours.std, 1e-9)
        return
    tolerance = 5 / math.sqrt(ours.count) + (1e-4 if pooled else 0)
    yield Entry(f'{name} std', abs(ours.std / std - 1), tolerance)
    allowed = 6 * std * math.sqrt(2 / ours.count)
    yield Entry(f'{name} mean', abs(ours.mean - mean), allowed)
    bound = math.sqrt(3) * std
    if largest <= 1.02 * bound:  # a uniform distribution
        yield Entry(f'{name} largest', ours.largest, bound * (1 + tolerance))


# Validation.


def compare_epochs(path: Path) -> Iterator[Entry]:
    """Compare the epochs after which the published configs validate."""
    for task, facts in json.loads(path.read_text()).items():
        for config in PUBLISHED.get(task, ()):
            train_cfg = load_config(CONFIGS / f'{config}.py').train_cfg
            yield exact(f'{config} max_epochs', train_cfg.max_epochs, facts['max_epochs'])
            epochs = validation_epochs(train_cfg)
            yield exact(f'{config} validate_after', epochs, facts['validate_after'])


def validation_epochs(train_cfg: dict[str, Any]) -> list[int]:
    """Run the training loop of a config on no data; return the epochs it validates after."""
    validated: list[int] = []
    runner = SimpleNamespace(
        call_hook=lambda *args, **kwargs: None,
        model=nn.Identity(),
        visualizer=SimpleNamespace(),
        val_loop=SimpleNamespace(run=lambda: validated.append(loop.epoch)),
    )
    loop = LOOPS.build({**train_cfg, 'runner': runner, 'dataloader': DataLoader([])})
    loop.run()
    return validated
