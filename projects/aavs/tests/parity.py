"""Compare AAVS with a golden: ``python -m tests.parity aavs_avs_swinb GOLDEN_DIR --out FILE``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from aavs import convert_aavs
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.models.layers.sine_encoding import sine_encoding
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, generator
from tests.parity.class_queries import compare_class_matchings, compare_labels, replay_points
from tests.parity.comparison import Comparison
from tests.parity.published import load_model, recorded_outputs, reference_names
from tests.parity.training import SamePoints, compare_gradients, compare_losses

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NAMES = {'avs': 'aavs_swinb_s4', 'avss': 'aavs_swinb_avss'}
# Constants, and output projections that the official model of S4 and MS3 does not use.
_DROPPED = ('empty_weight', 'output_proj.weight', 'output_proj.bias', 'self_attn.out_proj.weight')
_DROPPED += ('self_attn.out_proj.bias',)
# The sums over all queries are less exact in float32.
_SUMS = 3e-4
# A bias of keys does not change a softmax: what is recorded is rounding.
_FLOOR = {'qkv.bias': 1e-5, 'in_proj.bias': 1e-5}


@dataclass(frozen=True)
class _Parity:
    comparison: Comparison
    model: nn.Module
    names: Mapping[str, list[str]]

    @property
    def golden(self) -> Golden:
        return self.comparison.golden

    def inputs(self, case: str) -> dict[str, Tensor]:
        """Draw one clip: normalized frames, audio embeddings, and prior masks if they are read."""
        meta = self.golden.meta[case]
        rng, count = generator(meta['seed']), meta['frames']
        frames = rng.normal(0, 1, (count, 3, meta['height'], meta['width']))
        inputs = {'frames': frames, 'audio': rng.uniform(0, 1, (count, 128))}
        if 'prior mask' in meta['input']:
            inputs['prior_masks'] = np.stack([_draw_ellipse(rng) for _ in range(count)])
        return {name: torch.from_numpy(value).float()[None] for name, value in inputs.items()}


def _draw_ellipse(rng: np.random.Generator) -> np.ndarray:
    """Draw the prior mask (224, 224) of a frame."""
    (cy, cx), (ry, rx) = rng.uniform(60, 160, 2), rng.uniform(30, 90, 2)
    y, x = np.mgrid[:224, :224]
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare all cases of a golden called ``aavs_avs_BACKBONE`` or ``aavs_avss_BACKBONE``."""
    config = CONFIGS / f'{NAMES[name.split("_")[1]]}.py'
    options = {'model.trained': None, 'model.backbone.drop_path_rate': 0.0}
    model, dropped = load_model(golden, 'aavs', config, options=options)
    comparison.value('dropped', sum(not entry.endswith(_DROPPED) for entry in dropped))
    parity = _Parity(comparison, model, reference_names(golden, convert_aavs))
    for case in comparison.eval_cases():
        _compare_eval(parity, case)
    if comparison.compares('train'):
        _compare_training(parity)


def _compare_eval(parity: _Parity, case: str) -> None:
    model, head, meta = parity.model.eval(), parity.model.frame_head, parity.golden.meta[case]
    layers = head.layers
    parts: dict[str, nn.Module] = {
        'backbone': model.backbone,
        'pixels': head.pixel_decoder,
        'audio_prompt': head.audio_proj,
        'decoder.layer0': layers[0],
        f'decoder.layer{len(layers) - 1}': layers[-1],
    }
    inputs = parity.inputs(case)
    starts: list[Tensor] = []
    hook = layers[0].register_forward_pre_hook(lambda _, call: starts.append(call[0]))
    with torch.no_grad(), recorded_outputs(parts) as seen:
        predictions = model.predict_frames(inputs)
        values: dict[str, Any] = {
            'pred_logits': predictions.class_logits[0],
            'pred_masks': predictions.mask_logits()[0],
            'audio_prompt': seen['audio_prompt'][0][None],
            'query_init': starts[0].transpose(0, 1),
        }
        hook.remove()
        values |= {f'backbone.stage{i + 1}': x for i, x in enumerate(seen['backbone'][0])}
        pixels = seen['pixels'][0]
        values |= {f'pixel.multi_scale_{i}': x for i, x in enumerate(pixels.levels)}
        projection = head.pixel_decoder.projection
        values['pixel.mask_features'] = projection.project_features(pixels.pixel_features)
        values |= {key: seen[key][0].transpose(0, 1) for key in parts if key.startswith('decoder')}
        values['position_level0'] = _positions(model, inputs, pixels.levels[0])
        size = (meta['height'], meta['width'])
        out = (meta['out_height'], meta['out_width'])
        scores = torch.stack(
            [model.class_scores(predictions, (0, t), size, out) for t in range(meta['frames'])]
        )
    for name, value in values.items():
        if f'{case}/{name}/shape' in parity.golden.arrays:
            parity.comparison.tensor(f'{case}/{name}', value)
    if f'{case}/sem_seg/shape' in parity.golden.arrays:
        parity.comparison.tensor(f'{case}/sem_seg', scores, rtol=_SUMS, atol=_SUMS)
    compare_labels(parity.comparison, case, scores, model.label_pixels(scores).sem_seg)


def _positions(model: nn.Module, inputs: Mapping[str, Tensor], level: Tensor) -> Tensor:
    """Positions (S, N, C) of the coarsest level."""
    shape = (level.shape[-2], level.shape[-1])
    if 'prior_masks' in inputs:
        prior = inputs['prior_masks'][0][:, None]
        prior = torch.nn.functional.interpolate(prior, shape, mode='bilinear')[:, 0]
        positions: Tensor = model.frame_head.key_positions(prior)
        return positions.transpose(0, 1)
    return sine_encoding(shape, level.shape[1])[:, None].expand(-1, len(level), -1)


def _compare_training(parity: _Parity) -> None:
    """Compare the recorded training steps, ``fixed`` and ``rng``."""
    comparison, model, arrays = parity.comparison, parity.model, parity.golden.arrays
    meta, loss_set = parity.golden.meta['train'], model.frame_head.loss_set
    labels = torch.from_numpy(arrays['train/target/labels'])
    sample = AVDataSample(gt_sem_seg=PixelData(sem_seg=labels))
    loss_set.points = SamePoints(meta)
    _compare_step(parity, 'train/fixed', sample)
    if 'train/rng/loss_values' in arrays:
        loss_set.points = replay_points(parity.golden, [len(frame.unique()) for frame in labels])
        _compare_step(parity, 'train/rng', sample)
    for name in ('target/', 'rng/rand_calls'):
        comparison.skip(f'train/{name}', 'input of the case')


def _compare_step(parity: _Parity, case: str, sample: AVDataSample) -> None:
    model, arrays = parity.model.train(), parity.golden.arrays
    gradients = f'{case}/grad_norm' in arrays
    with (
        torch.set_grad_enabled(gradients),
        recorded_outputs({'loss': model.frame_head.loss_set}) as seen,
    ):
        losses = model(parity.inputs('train'), [sample], mode='loss')
    named = {name.replace('_ce', '_cross_entropy'): value for name, value in losses.items()}
    compare_losses(parity.comparison, case, named)
    labels = sample.gt_sem_seg.sem_seg
    frames = [(frame, labels) for frame in labels]
    compare_class_matchings(parity.comparison, case, seen['loss'][0][1], frames)
    if gradients:
        sum(losses.values()).backward()
        compare_gradients(parity.comparison, case, model, parity.names, floor=_FLOOR)
    model.zero_grad()
    model.eval()
