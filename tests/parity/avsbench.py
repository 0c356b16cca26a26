"""TPAVI on S4, MS3 and AVSS with ResNet-50 or PVTv2-B5, and the losses of AVSBench."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import DropPath
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.models.converters.avsbench import convert_avsbench
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, generator
from tests.parity import avsbench_losses
from tests.parity.comparison import Comparison
from tests.parity.published import load_model, recorded_outputs, reference_names
from tests.parity.training import compare_gradients

CONFIGS = {
    's4_r50': 'tpavi_r50_s4',
    'ms3_r50': 'tpavi_r50_ms3_avm',
    'avss_r50': 'tpavi_r50_avss',
    's4_pvt': 'tpavi_pvtv2b5_s4',
    'ms3_pvt': 'tpavi_pvtv2b5_ms3_avm',
    'avss_pvt': 'tpavi_pvtv2b5_avss',
}
_RESNET_STAGES = ('layer1', 'layer2', 'layer3_1', 'layer4_1')
_DEAD = ('layer3_2', 'layer4_2', 'path4.')  # branches that are never executed
_GROUP = 5  # frames that TPAVI mixes


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden called ``avsbench_TASK_BACKBONE`` or ``avsbench_losses``."""
    kind = name.removeprefix('avsbench_')
    if kind == 'losses':
        avsbench_losses.compare(golden, comparison)
        return
    model, dropped = load_model(golden, 'avsbench', f'configs/avs/tpavi/{CONFIGS[kind]}.py')
    comparison.value('dropped', sum(not any(part in entry for part in _DEAD) for entry in dropped))
    parity = _Parity(kind, golden, comparison, model)
    for case in comparison.eval_cases():
        _compare_eval(parity, case)
    if comparison.compares('train'):
        _compare_training(parity)
    for case in golden.meta:
        for flag in ('flag', 'gt_flag'):
            comparison.skip(f'{case}/{flag}', 'input of the case')


@dataclass(frozen=True)
class _Parity:
    """A comparison in progress; ``kind`` is ``TASK_BACKBONE``."""

    kind: str
    golden: Golden
    comparison: Comparison
    model: nn.Module

    @property
    def task(self) -> str:
        return self.kind.split('_')[0]

    def clips(self, rows: np.ndarray) -> Tensor:
        """(B*T, ...) to (B, T, ...)."""
        return torch.from_numpy(rows).unflatten(0, (-1, 10 if self.task == 'avss' else _GROUP))

    def inputs(self, case: str) -> dict[str, Tensor]:
        """Draw the inputs of a case, with audio embeddings (B, T, 128)."""
        meta = self.golden.meta[case]
        rng, count = generator(meta['seed']), meta['frames']
        frames = rng.normal(0, 1, (count, 3, meta['height'], meta['width']))
        audio = rng.uniform(0, 1, (count, 128))
        inputs = {'frames': self.clips(frames).float(), 'audio': self.clips(audio).float()}
        flag = self.golden.arrays.get(f'{case}/flag')
        return inputs if flag is None else {**inputs, 'valid_frames': self.clips(flag).bool()}

    def gt(self) -> list[AVDataSample]:
        """Draw the targets of the recorded training step."""
        meta = self.golden.meta['train']
        rng, count, size = generator(meta['target_seed']), meta['frames'], _size(meta)
        labeled = self.clips(np.ones(count, bool))
        if self.task == 's4':  # only the first frame of a clip is drawn
            target = torch.zeros(*labeled.shape, *size, dtype=torch.long)
            target[:, 0] = torch.from_numpy(rng.random((len(target), *size)) < 0.3)
            labeled[:, 1:] = False
        elif self.task == 'ms3':
            target = self.clips(rng.random((count, *size)) < 0.3).long()
        else:
            target = self.clips(rng.integers(0, 71, (count, *size)))
            labeled = self.clips(self.golden.arrays['train/gt_flag']).bool()
        return [
            AVDataSample(gt_sem_seg=PixelData(sem_seg=mask), labeled_frames=known)
            for mask, known in zip(target, labeled, strict=True)
        ]


def _size(meta: Mapping[str, int]) -> tuple[int, int]:
    return meta['height'], meta['width']


def _compare_eval(parity: _Parity, case: str) -> None:
    """Compare the recorded layers of a case, and that padding frames have no logits.

    In float64: float32 of two processors differs by up to the tolerance in the coarsest maps.
    """
    model, head = parity.model.eval().double(), parity.model.decode_head
    parts = {'backbone': model.backbone, 'neck': model.neck}
    parts |= {f'fusion{i}': block for i, block in enumerate(model.fusions)}
    parts |= {f'block{i}': block for i, block in enumerate(head.blocks)}
    inputs = {
        name: value.double() if value.is_floating_point() else value
        for name, value in parity.inputs(case).items()
    }
    with torch.no_grad(), recorded_outputs(parts) as seen:
        outputs = model(inputs)
    model.float()
    values = {'pred': outputs['logits'].flatten(0, 1)}
    stages = _RESNET_STAGES if 'r50' in parity.kind else [f'stage{i}' for i in range(1, 5)]
    for level, stage in enumerate(stages):
        number = level + 1
        values[f'backbone.{stage}'] = seen['backbone'][0][level]
        values[f'conv{number}'] = seen['neck'][0][level]
        mixed, _ = seen[f'fusion{level}'][0]  # (B, T, C, H, W); recorded in groups of 5 frames
        values[f'tpavi_b{number}'] = mixed.reshape(-1, _GROUP, *mixed.shape[2:]).transpose(1, 2)
        values[f'path{number}'] = F.interpolate(
            seen[f'block{level}'][0], scale_factor=2, mode='bilinear', align_corners=True
        )
        values[f'feature_map_{number}'] = outputs['feature_maps'][level].flatten(0, 1)
        audio = outputs['audio_features'][level]
        values[f'audio_feature_{number}'] = audio.reshape(-1, _GROUP, audio.shape[-1])
    for name, value in values.items():
        if f'{case}/{name}/shape' in parity.golden.arrays:
            parity.comparison.tensor(f'{case}/{name}', value)
    if 'valid_frames' in inputs:
        padding = outputs['logits'][~inputs['valid_frames']]
        parity.comparison.value(f'{case}/padding_frames', float(padding.any()))


def _compare_training(parity: _Parity) -> None:
    """Compare losses, gradients, logits and running statistics of the recorded training step."""
    model, arrays, comparison = parity.model.train(), parity.golden.arrays, parity.comparison
    for layer in model.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
    with recorded_outputs({'head': model.decode_head}) as seen:
        losses = model(parity.inputs('train'), parity.gt(), mode='loss')
    segmentation, matching = losses['loss_seg'], losses.get('loss_avm')
    ours = [sum(losses.values()).item(), segmentation.item()]
    ours.append(arrays['train/loss'][2] if matching is None else 2 * matching.item())
    comparison.array('train/loss', np.array(ours), rtol=1e-4, atol=1e-9)
    logits = seen['head'][0]
    if 'valid_frames' in parity.inputs('train'):
        logits = logits * parity.inputs('train')['valid_frames'].flatten()[:, None, None, None]
    comparison.tensor('train/pred', logits, atol=3e-4)
    sum(losses.values()).backward()
    names = reference_names(parity.golden, convert_avsbench)
    # The recorded norms themselves are within 6e-3 of a float64 run, half of them within 2e-4. A
    # bias before a batch norm has no effect; what is recorded and computed is noise.
    compare_gradients(comparison, 'train', model, names, rtol=1e-2, floor={'.out_proj.bias': 1e-4})
    _compare_statistics(comparison, model, {of[0]: name for name, of in names.items()})
    model.zero_grad()
    model.eval()


def _compare_statistics(comparison: Comparison, model: nn.Module, ours: Mapping[str, str]) -> None:
    """Compare mean and standard deviation over the channels of running statistics."""
    names, state = comparison.golden.arrays['train/bn_names'].tolist(), model.state_dict()
    comparison.value('train/bn_names', sum(name not in ours for name in names))
    values = [state[ours[name]].double() for name in names]
    stats = np.array([[value.mean().item(), value.std().item()] for value in values])
    comparison.array('train/bn_after_stats', stats, rtol=1e-4, atol=1e-5)
