"""Compare COMBO with a golden: ``python -m tests.parity combo_s4_r50 GOLDEN_DIR --out FILE``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from combo import convert_combo
from mmcv.cnn.bricks.drop import DropPath
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, generator
from tests.parity.class_queries import compare_class_matchings, compare_labels, replay_points
from tests.parity.comparison import Comparison
from tests.parity.published import (
    frozen_vggish,
    load_model,
    recorded_outputs,
    reference_names,
)
from tests.parity.training import SamePoints, compare_gradients, compare_losses

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
BACKBONES = {'r50': 'r50', 'pvt': 'pvtv2b5'}
_CLIP = 5  # frames of a clip of S4 and MS3
_VGGISH = 'audio_backbone.'  # has a file of its own
_DROPPED = (_VGGISH, 'criterion.empty_weight')
# A bias of keys or queries does not change a softmax: what is recorded is rounding.
_FLOOR = {'in_proj.bias': 1e-5, 'query_proj.bias': 1.0}


@dataclass(frozen=True)
class _Parity:
    """A comparison in progress."""

    task: str
    comparison: Comparison
    model: nn.Module
    names: Mapping[str, list[str]]

    @property
    def golden(self) -> Golden:
        return self.comparison.golden

    def case(self, name: str) -> '_Case':
        return _Case(self, self.golden.meta[name])


@dataclass(frozen=True)
class _Case:
    """The frames of a case, as clips."""

    parity: _Parity
    meta: Mapping[str, Any]

    @cached_property
    def flags(self) -> list[Tensor]:
        """Which frames of each clip are not padding, bool (T,)."""
        if 'vid_temporal_mask_flag' in self.meta:
            return [torch.tensor(flags).bool() for flags in self.meta['vid_temporal_mask_flag']]
        count = self.meta['frames']
        return [torch.ones(size, dtype=torch.bool) for size in _clip_sizes(count)]

    @cached_property
    def labeled(self) -> list[Tensor]:
        """Which frames of each clip count in the set loss, bool of the frames that are valid."""
        sizes = [int(flags.sum()) for flags in self.flags]
        if 'gt_temporal_mask_flag' in self.meta:
            known = self.meta['gt_temporal_mask_flag']
            return [
                torch.tensor(flags[:size]).bool() for flags, size in zip(known, sizes, strict=True)
            ]
        if self.parity.task == 's4':
            return [torch.arange(size) == 0 for size in sizes]
        return [torch.ones(size, dtype=torch.bool) for size in sizes]

    def batch(self, labels: Tensor | None = None) -> dict[str, Any]:
        """Draw the inputs, and preprocess them with the ground truth (N, H, W)."""
        meta, rng = self.meta, generator(self.meta['seed'])
        shape = (meta['frames'], 3, meta['height'], meta['width'])
        images = [torch.from_numpy(rng.integers(0, 256, shape).astype(np.uint8)) for _ in range(2)]
        audio = self._draw_audio(rng)
        frames, priors = (self._padded(image) for image in images)
        data: dict[str, Any] = {
            'inputs': {
                'frames': frames,
                'prior_images': priors,
                'audio': list(audio.split([len(flags) for flags in self.flags])),
            },
            'data_samples': self._samples(labels),
        }
        batch: dict[str, Any] = self.parity.model.data_preprocessor(data, labels is not None)
        return batch

    def _draw_audio(self, rng: np.random.Generator) -> Tensor:
        """Draw log-mel examples; a golden without VGGish has its embeddings."""
        golden = self.parity.golden
        if not any(name.startswith(_VGGISH) for name, *_ in golden.info['keys']):
            return torch.from_numpy(golden.arrays['eval/audio_embedding'])
        count = self.meta.get('audio_examples', self.meta['frames'])
        return torch.from_numpy(rng.normal(0, 1, (count, 1, 96, 64))[:, 0]).float()

    def _samples(self, labels: Tensor | None) -> list[AVDataSample]:
        size = (self.meta['height'], self.meta['width'])
        samples = [AVDataSample(metainfo={'img_shape': size}) for _ in self.flags]
        for sample, flags in zip(samples, self.flags, strict=True):
            if not all(len(other) == int(other.sum()) for other in self.flags):
                sample.valid_frames = flags
        if labels is not None:
            for sample, maps, flags, known in zip(
                samples, self._padded(labels), self.flags, self.labeled, strict=True
            ):
                sample.gt_sem_seg = PixelData(sem_seg=maps)
                sample.labeled_frames = torch.zeros(len(flags), dtype=torch.bool)
                sample.labeled_frames[flags] = known
        return samples

    def _padded(self, values: Tensor) -> list[Tensor]:
        """Distribute N values to the frames of the clips that are not padding."""
        clips = []
        for flags, own in zip(
            self.flags, values.split([int(flags.sum()) for flags in self.flags]), strict=True
        ):
            clip = values.new_zeros(len(flags), *values.shape[1:])
            clip[flags] = own
            clips.append(clip)
        return clips

    def select(self, value: Tensor) -> Tensor:
        """Return the N frames of a value (B, T, ...) that are not padding."""
        length = value.shape[1]
        valid = torch.stack(
            [nn.functional.pad(flags, (0, length - len(flags))) for flags in self.flags]
        )
        return value[valid]


def _clip_sizes(count: int) -> list[int]:
    """Frames of each clip of S4 or MS3; a case whose frames are no clips is one."""
    return [count] if count % _CLIP else [_CLIP] * (count // _CLIP)


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare all cases of a golden called ``combo_TASK_BACKBONE``."""
    _, task, backbone = name.split('_')
    config = CONFIGS / f'combo_{BACKBONES[backbone]}_{task}.py'
    model, dropped = load_model(golden, 'combo', config)
    comparison.value('dropped', sum(not entry.startswith(_DROPPED) for entry in dropped))
    parity = _Parity(task, comparison, model, reference_names(golden, convert_combo))
    with frozen_vggish(golden, model, _VGGISH):
        for case in comparison.eval_cases():
            _compare_eval(parity, case)
        if comparison.compares('train'):
            _compare_training(parity)


def _compare_eval(parity: _Parity, name: str) -> None:
    model, head, case = parity.model.eval(), parity.model.frame_head, parity.case(name)
    last = len(head.layers) - 1
    parts: dict[str, nn.Module] = {
        'audio_embedding': model.audio_encoder,
        'backbone': model.backbone,
        'prior_backbone': model.prior_backbone,
        'pixels': head.pixel_decoder,
        'fusion': head.fusion,
        'audio_query': head.audio_proj,
        'decoder.layer0': head.layers[0],
        f'decoder.layer{last}': head.layers[-1],
    }
    for index, gate in enumerate(model.gates):
        parts |= {f'fused.res{index + 2}': gate, f'prior_gate_{index + 2}': gate.fc2}
    batch = case.batch()
    head.training = True  # returns the predictions of all layers; its layers have no dropout on
    with torch.no_grad(), recorded_outputs(parts) as seen:
        predictions = model.predict_frames(batch['inputs'])
    head.training = False
    values = {key: outputs[0] for key, outputs in seen.items() if torch.is_tensor(outputs[0])}
    values['audio_embedding'] = values['audio_embedding'].flatten(0, 1)
    values['audio_query'] = values['audio_query'][:, None]
    for index in range(len(model.gates)):
        values[f'prior_gate_{index + 2}'] = values[f'prior_gate_{index + 2}'].sigmoid()
        for part in ('backbone', 'prior_backbone'):
            values[f'{part}.res{index + 2}'] = seen[part][0][index]
    pixels = seen['pixels'][0]
    values |= {f'pixel.multi_scale_{i}': level for i, level in enumerate(pixels.levels)}
    values['pixel.mask_features'] = head.pixel_decoder.projection.project_features(
        pixels.pixel_features
    )
    values['fusion.visual'], values['fusion.audio'] = seen['fusion'][0]
    values['fusion.audio'] = values['fusion.audio'][:, None]
    for key in ('decoder.layer0', f'decoder.layer{last}'):
        values[key] = values[key].transpose(0, 1)
    with torch.no_grad():
        values |= _predictions(case, predictions)
        values['sem_seg'] = _scores(parity, case, predictions)
    for key, value in values.items():
        if f'{name}/{key}/shape' in parity.golden.arrays:
            parity.comparison.tensor(f'{name}/{key}', value)
    labels = model.label_pixels(values['sem_seg']).sem_seg
    compare_labels(parity.comparison, name, values['sem_seg'], labels)


def _predictions(case: _Case, predictions: Any) -> dict[str, Tensor]:
    """Logits of classes and masks of all layers, of the frames that are not padding."""
    values = {}
    for index, layer in enumerate(predictions.layers):
        prefix = '' if index == len(predictions.layers) - 1 else f'aux{index}.'
        values[f'{prefix}pred_logits'] = case.select(layer.class_logits)
        masks = predictions.mask_logits(mask_embeds=layer.mask_embeds)
        values[f'{prefix}pred_masks'] = case.select(masks)
    return values


def _scores(parity: _Parity, case: _Case, predictions: Any) -> Tensor:
    """Class scores (N, K, H, W) at the output size."""
    meta = case.meta
    size = (meta['height'], meta['width'])
    out = (meta['out_height'], meta['out_width'])
    scores = torch.stack(
        [
            parity.model.class_scores(predictions, (clip, int(frame)), size, out)
            for clip, flags in enumerate(case.flags)
            for frame in flags.nonzero()[:, 0]
        ]
    )
    if 'vid_temporal_mask_flag' in meta:
        # The official code multiplies image i by flag i of all clips, padding included.
        kept = torch.cat(case.flags)[: len(scores)]
        scores = scores * kept[:, None, None, None]
    return scores


def _compare_training(parity: _Parity) -> None:
    """Compare the recorded training steps, ``fixed`` and ``rng``, without dropout."""
    comparison, model, arrays = parity.comparison, parity.model, parity.golden.arrays
    for layer in model.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0
    case, loss_set = parity.case('train'), model.frame_head.loss_set
    labels = torch.from_numpy(arrays['train/target/labels'])
    known = torch.cat(case.labeled)
    clips = labels.split([len(flags) for flags in case.labeled])
    frames = [
        (labels[index], clips[clip])
        for index, clip in enumerate(clip for clip, flags in enumerate(case.labeled) for _ in flags)
        if known[index]
    ]
    loss_set.points = SamePoints(case.meta)
    _compare_step(parity, 'train/fixed', case, frames)
    if 'train/rng/loss_values' in arrays:
        counts = [int((frame.unique() != 255).sum()) for frame, _ in frames]
        loss_set.points = replay_points(parity.golden, counts)
        _compare_step(parity, 'train/rng', case, frames)
    for name in ('target/', 'rng/rand_calls'):
        comparison.skip(f'train/{name}', 'input of the case')


def _compare_step(
    parity: _Parity, name: str, case: _Case, frames: list[tuple[Tensor, Tensor]]
) -> None:
    model, arrays = parity.model.train(), parity.golden.arrays
    gradients = f'{name}/grad_norm' in arrays
    batch = case.batch(torch.from_numpy(arrays['train/target/labels']))
    with (
        torch.set_grad_enabled(gradients),
        recorded_outputs({'loss': model.frame_head.loss_set}) as seen,
    ):
        losses = model(**batch, mode='loss')
    compare_losses(parity.comparison, name, losses)
    compare_class_matchings(parity.comparison, name, seen['loss'][0][1], frames)
    if gradients:
        sum(losses.values()).backward()
        compare_gradients(parity.comparison, name, model, parity.names, floor=_FLOOR)
    model.zero_grad()
    model.eval()
