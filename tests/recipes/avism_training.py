"""Training of AVISM: targets, losses, matchings and gradients, labels by presence, initialization.

Files: ``avism_r50_recipes/golden.npz``, ``presence.json`` and ``init_r50.npz``.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avis.apis.config import load_config
from avis.datasets.transforms.clip_geometry import ClipGeometry
from avis.datasets.transforms.geometry import cropped
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.models.converters.avism import convert_avism
from avis.models.task_modules.mask_targets import (
    clip_targets,
    frame_targets,
    label_late_as_no_object,
)
from avis.registry import MODELS
from tests.helpers.entries import Entry, exact
from tests.helpers.golden import load_golden
from tests.parity.avism import CONFIGS
from tests.parity.published import ROOT, load_model, reference_names
from tests.parity.training import SamePoints
from tests.recipes.avism_steps import (
    Clip,
    Step,
    mean_gradients,
    recorded_matchings,
    run_step,
)

CONFIG = CONFIGS['r50']
STEPS = 'avism_r50_recipes/golden.npz'
Arrays = Mapping[str, Any]


def compare(folder: Path) -> Iterator[Entry]:
    """Compare the files of ``folder``."""
    if (folder / 'presence.json').is_file():
        yield from compare_presence(json.loads((folder / 'presence.json').read_text()))
    if (folder / 'init_r50.npz').is_file():
        with np.load(folder / 'init_r50.npz') as arrays:
            yield from compare_initialization(dict(arrays))
    if (folder / STEPS).is_file():
        with np.load(folder / STEPS) as arrays:
            yield from compare_steps(dict(arrays))


def compare_presence(recorded: Mapping[str, Any]) -> Iterator[Entry]:
    """Labels of the targets of clips whose instances come, go and leave the crop."""
    late = load_config(ROOT / CONFIG).model.late_as_no_object
    for index, case in enumerate(recorded['cases']):
        name = f'presence.json:cases/{index}'
        sample = _presence_sample(case)
        (sample,) = label_late_as_no_object([sample], recorded['no_object']) if late else [sample]
        ids = sample.gt_tracks.ids  # indices of the instances of the case
        (clip,), frames = clip_targets([sample]), frame_targets([sample])
        yield exact(f'{name}/clip', _pairs(ids, clip), sorted(map(tuple, case['clip'])))
        wanted = [sorted(map(tuple, frame)) for frame in case['frames']]
        yield exact(f'{name}/frames', [_pairs(ids, frame) for frame in frames], wanted)
        shifted = ids - ids.min() if len(ids) else ids
        table = np.full((len(ids), len(frames)), -1)
        for time, frame in enumerate(frames):
            table[frame.instances, time] = shifted[frame.instances]
        yield exact(f'{name}/clip_ids', table.tolist(), case['clip_ids'])


def _presence_sample(case: Mapping[str, Any]) -> Any:
    """Crop the left half of a clip: an instance is in it, in the other half, or not annotated."""
    length, height, width = len(case['frames']), 32, 64
    boxes = {'1': (4, 4, 20, 20), 'e': (40, 4, 60, 20)}

    def polygon(state: str) -> list[list[int]] | None:
        if state == '0':
            return None
        left, top, right, bottom = boxes[state]
        return [[left, top, right, top, right, bottom, left, bottom]]

    results = {
        'video_id': 0,
        'frames': np.zeros((length, height, width, 3), np.uint8),
        'frame_ids': np.arange(length),
        'geometry': ClipGeometry.identity(length, (height, width)),
        'height': height,
        'width': width,
        'tracks': [
            {'id': index, 'label': label, 'masks': [polygon(state) for state in states]}
            for index, (states, label) in enumerate(
                zip(case['presence'], case['classes'], strict=True)
            )
        ],
    }
    results = LoadTracks(form='dense').transform(cropped(results, 0, 0, (height, width // 2)))
    return PackAVInputs().transform(results)['data_samples']


def _pairs(ids: Tensor, target: Any) -> list[tuple[int, int]]:
    """Sorted pairs of instance and label."""
    return sorted(zip(ids[target.instances].tolist(), target.labels.tolist(), strict=True))


def compare_initialization(arrays: Arrays) -> Iterator[Entry]:
    """Statistics of every layer but the backbone, initialized with one seed."""
    cfg = load_config(ROOT / CONFIG)
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    logging.disable(logging.INFO)  # two lines per parameter
    model.init_weights()
    logging.disable(logging.NOTSET)
    weights = model.state_dict()
    ours = {theirs: weights[name] for name, theirs in _names().items()}
    shapes = json.loads(arrays['shapes'].item())
    for index, (name, shape) in enumerate(zip(arrays['names'].tolist(), shapes, strict=True)):
        recorded = {key: float(arrays[key][index]) for key in _STATISTICS}
        value = ours[name].double().reshape(-1)
        yield exact(f'init_r50.npz:{name}/shape', list(ours[name].shape), shape)
        for key, difference, tolerance in _initialization(value, recorded):
            yield Entry(f'init_r50.npz:{name}/{key}', difference, tolerance)


_STATISTICS = ('mean', 'std', 'absmax', 'absmax_min', 'mean_spread', 'std_spread')
# Tolerances of std (relative) and mean (in std) by number of elements.
_BY_SIZE = ((5000, 0.04, 0.06), (400, 0.1, 0.2), (100, 0.25, 0.4))


def _initialization(
    value: Tensor, recorded: Mapping[str, float]
) -> Iterator[tuple[str, float, float]]:
    """Name, difference and tolerance of each statistic of a flat parameter."""
    mean, std = value.mean().item(), value.std(correction=0).item()
    absmax = value.abs().max().item()
    if recorded['mean_spread'] == recorded['std_spread'] == 0:
        for key, ours in (('mean', mean), ('std', std), ('absmax', absmax)):
            yield key, abs(ours - recorded[key]), 1e-6
        return
    limits = [(of_std, of_mean) for size, of_std, of_mean in _BY_SIZE if len(value) >= size]
    if not limits:
        return
    yield 'std', abs(std - recorded['std']) / recorded['std'], limits[0][0]
    yield 'mean', abs(mean - recorded['mean']) / recorded['std'], limits[0][1]
    low, high = 0.6 * recorded['absmax_min'], 1.5 * recorded['absmax']
    yield 'absmax', max(low - absmax, absmax - high, 0.0), 0.0


def _names() -> dict[str, str]:
    names = reference_names(load_golden('models/avism_r50'), convert_avism)
    return {ours: theirs[0] for ours, theirs in names.items()}


def compare_steps(arrays: Arrays) -> Iterator[Entry]:
    """Training steps of one clip, and of several processes with one clip each."""
    meta = json.loads(arrays['meta'].item())
    model, _ = load_model(load_golden('models/avism_r50'), 'avism', CONFIG)
    model.train()
    names = _names()
    for case, entry in meta.items():
        if not isinstance(entry, dict) or 'point_seed' not in entry:
            continue
        for loss in (model.frame_head.loss_set, model.tracker.loss_set):
            loss.points = SamePoints({'num_points': meta['num_points'], **entry})
        prefixes = [case]
        if f'{case}/target/classes' not in arrays:
            prefixes = [f'{case}/clip{index}' for index in range(len(entry['seeds']))]
        clips = [
            Clip.read(arrays, f'{prefix}/target', seed, tuple(size))
            for prefix, seed, size in zip(prefixes, entry['seeds'], entry['sizes'], strict=True)
        ]
        if len(clips) == 1:
            step = run_step(model, clips)
            yield from _compare_step(arrays, case, clips[0], step, names)
            yield _normalizers(arrays, case, step.normalizers)
            yield from _compare_total(arrays, case, step.losses, step.gradients)
        else:
            yield from _compare_processes(model, arrays, case, clips, names)


def _compare_processes(
    model: nn.Module, arrays: Arrays, case: str, clips: Sequence[Clip], names: Mapping[str, str]
) -> Iterator[Entry]:
    """One clip per process, and for clips of one size one process with all clips."""
    counts = arrays[f'{case}/mean/fixed/own_counts']
    means = counts.mean(0).tolist()
    steps = [run_step(model, [clip], mean_counts=means) for clip in clips]
    ours = [step.counts for step in steps]
    yield exact(f'{STEPS}:{case}/mean/fixed/own_counts', ours, counts)
    for index, (clip, step) in enumerate(zip(clips, steps, strict=True)):
        yield from _compare_step(arrays, f'{case}/clip{index}', clip, step, names)
        yield _normalizers(arrays, f'{case}/mean', step.normalizers)
    losses = {key: float(np.mean([step.losses[key] for step in steps])) for key in steps[0].losses}
    together = [(f'{case}/mean', losses, mean_gradients(steps))]
    if len({clip.inputs['frames'].shape for clip in clips}) == 1:
        step = run_step(model, clips)
        per_clip = [value / len(clips) for value in step.normalizers]
        yield _normalizers(arrays, f'{case}/mean', per_clip, suffix=' (one process)')
        together.append((f'{case}/mean', step.losses, step.gradients))
    for (key, losses, gradients), suffix in zip(together, ('', ' (one process)'), strict=False):
        yield from _compare_losses(arrays, key, losses, suffix)
        yield from _compare_gradients(arrays, key, gradients, names, suffix)
        yield from _compare_total(arrays, key, losses, gradients, suffix)


def _compare_step(
    arrays: Arrays, key: str, clip: Clip, step: Step, names: Mapping[str, str]
) -> Iterator[Entry]:
    """Targets, losses, matchings and gradients of the clip of one process."""
    yield from _compare_targets(arrays, key, clip, step)
    yield from _compare_losses(arrays, key, step.losses)
    recorded = json.loads(arrays[f'{key}/fixed/matching'].item())
    yield exact(f'{STEPS}:{key}/fixed/matching', recorded_matchings(step), json.dumps(recorded))
    yield from _compare_gradients(arrays, key, step.gradients, names)


def _compare_targets(arrays: Arrays, key: str, clip: Clip, step: Step) -> Iterator[Entry]:
    frames, of_clip = step.targets[0], step.targets[1][0]
    name, ids = f'{STEPS}:{key}/target', clip.ids
    yield exact(f'{name}/clip_labels', of_clip.labels, arrays[f'{key}/target/clip_labels'])
    table = np.full((len(ids), len(frames)), -1)
    for time, frame in enumerate(frames):
        table[frame.instances.numpy(), time] = ids[frame.instances.numpy()]
    yield exact(f'{name}/clip_ids', table, arrays[f'{key}/target/clip_ids'])
    labels = [frame.labels.tolist() for frame in frames]
    recorded = json.loads(arrays[f'{key}/target/frame_labels'].item())
    yield exact(f'{name}/frame_labels', json.dumps(labels), json.dumps(recorded))
    frame_ids = [ids[frame.instances.numpy()].tolist() for frame in frames]
    recorded = json.loads(arrays[f'{key}/target/frame_ids'].item())
    yield exact(f'{name}/frame_ids', json.dumps(frame_ids), json.dumps(recorded))


def _normalizers(arrays: Arrays, key: str, ours: Sequence[float], suffix: str = '') -> Entry:
    recorded = arrays[f'{key}/fixed/normalisers'].tolist()
    return exact(f'{STEPS}:{key}/fixed/normalisers{suffix}', list(ours), recorded)


def _compare_losses(
    arrays: Arrays, key: str, ours: Mapping[str, float], suffix: str = ''
) -> Iterator[Entry]:
    names = arrays[f'{key}/fixed/loss_names'].tolist()
    values = arrays[f'{key}/fixed/loss_values']
    yield exact(f'{STEPS}:{key}/fixed/loss_names{suffix}', sorted(ours), sorted(names))
    difference = np.array([ours[name] for name in names]) - values
    worst = np.max(np.abs(difference) / np.maximum(1, np.abs(values)))
    yield Entry(f'{STEPS}:{key}/fixed/loss_values{suffix}', float(worst), 1e-4)


def _compare_gradients(
    arrays: Arrays,
    key: str,
    gradients: Mapping[str, Tensor],
    names: Mapping[str, str],
    suffix: str = '',
) -> Iterator[Entry]:
    """Norms per parameter: relative, and for tiny ones in units of the largest."""
    norms = {names[name]: value.double().norm().item() for name, value in gradients.items()}
    recorded = arrays[f'{key}/fixed/grad_norm'].astype(float)
    ours = np.array([norms.get(name, np.nan) for name in arrays['grad_names'].tolist()])
    name = f'{STEPS}:{key}/fixed/grad_norm{suffix}'
    missing = np.isnan(recorded)
    yield exact(f'{name}/missing', np.isnan(ours), missing)
    largest = np.nanmax(recorded)
    tiny = recorded < 1e-5 * largest
    difference = np.abs(ours - recorded)
    usual = ~tiny & ~missing
    yield Entry(name, float(np.max(difference[usual] / recorded[usual])), 0.01)
    if tiny.any():
        yield Entry(f'{name}/tiny', float(np.max(difference[tiny]) / largest), 1e-6)


def _compare_total(
    arrays: Arrays,
    key: str,
    losses: Mapping[str, float],
    gradients: Mapping[str, Tensor],
    suffix: str = '',
) -> Iterator[Entry]:
    total, recorded = sum(losses.values()), float(arrays[f'{key}/fixed/total'])
    difference = abs(total - recorded) / max(1, abs(recorded))
    yield Entry(f'{STEPS}:{key}/fixed/total{suffix}', difference, 1e-4)
    norm = torch.stack([value.double().norm() for value in gradients.values()]).norm().item()
    recorded = float(arrays[f'{key}/fixed/total_grad_norm'])
    difference = abs(norm - recorded) / recorded
    yield Entry(f'{STEPS}:{key}/fixed/total_grad_norm{suffix}', difference, 1e-3)
