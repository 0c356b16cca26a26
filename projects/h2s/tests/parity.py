"""Compare H2S with a golden: every recorded tensor, clusters, candidates, tracks, training."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from h2s import convert_h2s
from h2s.kmeans import draw_random
from torch import Tensor, nn

from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.instances import InstanceParity, compare_eval, compare_step, replayed_points
from tests.parity.published import (
    compare_variants,
    load_model,
    recorded_outputs,
    reference_names,
)
from tests.parity.training import SamePoints, draw_points

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NAMES = {'r50': 'h2s_r50_in_aviseg', 'swinl': 'h2s_swinl_coco_aviseg'}
# Recorded entries that the official code computes and does not use, and constants.
_DROPPED = ('.to_v.weight', '.context_to_out.weight', '.context_to_out.bias', 'empty_weight')

# A bias of keys does not change a softmax: what is recorded is rounding.
_FLOOR = {'k_proj.bias': 1e-3}
# Batch norms amplify rounding: in float64 the last map of the training step differs by 7e-4 from
# that in float32, relative to its standard deviation.
_GRADIENTS = 1e-2
_BACKBONE = 2e-3


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare all cases of a golden ``h2s_<backbone>``."""
    config = CONFIGS / f'{NAMES[name.split("_")[1]]}.py'
    model, dropped = load_model(golden, 'h2s', config)
    comparison.value('dropped', sum(not entry.endswith(_DROPPED) for entry in dropped))
    compare_variants(comparison, convert_h2s)
    names = reference_names(golden, convert_h2s)
    parity = InstanceParity(
        comparison, model, names, draw_inputs, floor=_FLOOR, gradient_rtol=_GRADIENTS
    )
    for case in comparison.eval_cases():
        set_seeding(model, golden.meta[case])
        with recording(model) as seen:
            compare_eval(parity, case)
        compare_parts(parity, case, seen)
        compare_clusters(parity, case, seen)
        comparison.skip(f'{case}/random_calls', 'follow from the equal clusters')
    if comparison.compares('train'):
        compare_training(parity)


def draw_inputs(meta: Mapping[str, Any]) -> dict[str, Tensor]:
    """Frames uint8 (T, 3, H, W) and audio (T, 8 * 128) of a golden clip."""
    rng, length = generator(meta['seed']), meta['T']
    frames = rng.integers(0, 256, (length, 3, meta['height'], meta['width'])).astype(np.uint8)
    audio = rng.uniform(0, 1, (length, 8, 128)).astype(np.float32)
    return {'frames': torch.from_numpy(frames), 'audio': torch.from_numpy(audio).flatten(1)}


def draw_farthest(weights: Tensor, center: int) -> Tensor:
    """Seeding of the goldens: the first token, then the one that is farthest from all centers."""
    return torch.zeros(len(weights), dtype=torch.long) if center == 0 else weights.argmax(1)


def set_seeding(model: nn.Module, meta: Mapping[str, Any]) -> None:
    """Seed k-means as a case was recorded."""
    fixed = meta.get('kmeans', 'fixed') == 'fixed'
    for attention in model.frame_head.sparse_attentions:
        attention.draw = draw_farthest if fixed else draw_random
    if not fixed:
        torch.manual_seed(meta['torch_seed'])


@contextmanager
def recording(model: nn.Module) -> Iterator[dict[str, list[Any]]]:
    """Collect the outputs of the parts of H2S, and the clusters, of each chunk of frames."""
    frame_head, clip_head = model.frame_head, model.tracker.head
    parts = {
        'frame.audio_tokens': frame_head.audio_tokens,
        'clip.audio_tokens': clip_head.audio_tokens,
        'clip.adm_0.ssm': clip_head.modulator[0].scan,
        'clip.adm_0': clip_head.modulator[0],
        'clip.adm_5': clip_head.modulator[-1],
        'frames': frame_head,
        'clip': clip_head,
        'backbone': model.backbone,
    }
    for index, attention in enumerate(frame_head.pixel_decoder.audio_attentions):
        parts[f'pixel.audio_visual_{index}'] = attention
    for index, attention in enumerate(frame_head.sparse_attentions):
        parts[f'frame.asp_{index}'] = attention
    with recorded_outputs(parts) as seen:
        for index, attention in enumerate(frame_head.sparse_attentions):
            seen[f'asp_{index}'] = []
            attention.cluster = _recording(attention.cluster, seen[f'asp_{index}'])
        yield seen
    for attention in frame_head.sparse_attentions:
        del attention.cluster  # the method again


def _recording(function: Any, calls: list[Any]) -> Any:
    def record(*inputs: Tensor) -> Any:
        calls.append(function(*inputs))
        return calls[-1]

    return record


def compare_parts(parity: InstanceParity, case: str, seen: Mapping[str, list[Any]]) -> None:
    """Compare the parts that AVISM does not have."""
    chunks = len(seen['frames']) - any(
        name.startswith(f'{case}/frame.aux') for name in parity.arrays
    )  # the last call computed the earlier layers
    for name, outputs in seen.items():
        if name.startswith('clip.adm'):  # (N, T, P, C)
            parity.tensor(f'{case}/{name}', outputs[0].permute(1, 2, 0, 3))
        elif name.startswith(('frame.', 'clip.')):
            parity.tensor(f'{case}/{name}', torch.cat(outputs[:chunks]).transpose(0, 1))
        elif name.startswith('pixel.'):
            parity.tensor(f'{case}/{name}', torch.cat(outputs[:chunks]))


def compare_clusters(parity: InstanceParity, case: str, seen: Mapping[str, list[Any]]) -> None:
    """Compare labels, selected clusters and lengths of the lists of tokens."""
    arrays, comparison = parity.arrays, parity.comparison
    lengths = []
    for index, attention in enumerate(parity.model.frame_head.sparse_attentions):
        name = f'{case}/asp_{index}'
        rows = len(arrays[f'{name}/query_labels'])
        chunks = seen[f'asp_{index}']
        for kind in ('query_labels', 'key_labels'):
            labels = torch.cat([getattr(clusters, kind) for clusters in chunks])[:rows]
            comparison.array(f'{name}/{kind}', labels.to(torch.uint8))
        if f'{name}/selected' in arrays:
            shape = arrays[f'{name}/selected_shape']
            selected = torch.cat([clusters.selected for clusters in chunks])[:rows].numpy()
            comparison.array(f'{name}/selected_shape', np.array(selected.shape))
            recorded = np.unpackbits(arrays[f'{name}/selected'], count=shape.prod())
            comparison.value(f'{name}/selected', (selected.ravel() != recorded).sum())
        lengths.append([_num_keys(attention, clusters) for clusters in chunks])
    if f'{case}/asp/num_keys' in arrays:
        recorded = arrays[f'{case}/asp/num_keys']
        comparison.array(f'{case}/asp/num_keys', np.array(lengths).T[: len(recorded)])


def _num_keys(attention: nn.Module, clusters: Any) -> int:
    """Length of the longest list of tokens of a call."""
    index = clusters.key_labels[:, None].expand(-1, clusters.selected.shape[1], -1)
    return int(attention.num_keys(clusters, clusters.selected.gather(-1, index).sum(-1)))


def compare_training(parity: InstanceParity) -> None:
    """Compare the recorded training steps, ``fixed`` and ``rng``."""
    model, meta = parity.model, parity.comparison.golden.meta['train']
    losses = (model.frame_head.loss_set, model.tracker.loss_set)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    for step in ('fixed', 'rng'):
        model.load_state_dict(weights)  # batch norms as recorded
        points: Sequence[Any] = (SamePoints(meta),) * 2
        if step == 'rng':
            calls = json.loads(parity.arrays['train/rng/random_calls'].item())
            points = replayed_points(parity, draw_after_seeding(meta['torch_seed'], calls))
        for loss, sampler in zip(losses, points, strict=True):
            loss.points = sampler
        set_seeding(model, {**meta, 'kmeans': step})
        with recording(model) as seen:
            compare_step(parity, f'train/{step}')
        if step == 'fixed':
            compare_step_parts(parity, seen)
    parity.comparison.skip('train/target/', 'input of the case')
    parity.comparison.skip('train/rng/random_calls', 'input of the case')


def draw_after_seeding(seed: int, calls: Sequence[Sequence[Any]]) -> list[list[Tensor]]:
    """Return the points that a step draws after the centers of k-means, layer by layer."""
    rng = torch.Generator().manual_seed(seed)
    for kind, *arguments in calls:
        if kind == 'randint':
            torch.randint(0, arguments[0], arguments[1], generator=rng)
        elif kind == 'multinomial':
            torch.multinomial(torch.ones(arguments[0]), arguments[1], generator=rng)
    return draw_points(rng, [arguments[0] for kind, *arguments in calls if kind == 'rand'])


def compare_step_parts(parity: InstanceParity, seen: Mapping[str, list[Any]]) -> None:
    """Compare some outputs of a training step, the clusters, and the batch norms after it."""
    case = 'train/fixed'
    parity.tensor(f'{case}/frame.pred_logits', seen['frames'][0].class_logits[0])
    parity.tensor(f'{case}/clip.pred_logits', seen['clip'][0].layers[-1].class_logits)
    parity.tensor(f'{case}/clip.adm_5', seen['clip.adm_5'][0].permute(1, 2, 0, 3))
    parity.comparison.tensor(f'{case}/backbone.res5', seen['backbone'][0][3], atol=_BACKBONE)
    compare_clusters(parity, case, seen)
    sources = {theirs[0]: ours for ours, theirs in parity.names.items()}
    state, prefix = parity.model.state_dict(), f'{case}/after/'
    for name in parity.arrays:
        if name.startswith(prefix):
            value = state[sources[name.removeprefix(prefix)]]
            parity.comparison.array(name, value, rtol=1e-4, atol=1e-5)
