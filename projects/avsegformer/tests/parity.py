"""Compare AVSegFormer or ACVSegFormer with a golden: layers, logits, losses and gradients."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from avsegformer import LabeledDiceLoss, convert_avsegformer
from mmcv.cnn.bricks.drop import DropPath
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.models.losses.labeled_losses import LabeledBCELoss, LabeledCrossEntropyLoss
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.published import (
    frozen_vggish,
    load_model,
    recorded_outputs,
    reference_names,
)
from tests.parity.training import compare_gradients

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
BACKBONES = {'r50': 'r50', 'pvt': 'pvtv2b5'}
# Branches that are never executed, and VGGish, which has a file of its own.
_DROPPED = ('vggish.', 'backbone.layer3_2.', 'backbone.layer4_2.', 'head.fpn.', 'head.attn_fc.')
_FRAMES = {'s4': 5, 'ms3': 5, 'avss': 10}  # of a clip


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden ``(av|acv)segformer_TASK_BACKBONE``, or ``avsegformer_losses``."""
    if name == 'avsegformer_losses':
        compare_losses(golden, comparison)
        return
    variant, task, backbone = name.split('_')
    config = CONFIGS / f'{variant}_{BACKBONES[backbone]}_{task}.py'
    model, dropped = load_model(golden, 'avsegformer', config)
    kept = [entry for entry in dropped if not entry.removeprefix('image_').startswith(_DROPPED)]
    comparison.value('dropped', len(kept))
    parity = _Parity(task, golden, comparison, model)
    with frozen_vggish(golden, model):
        for case in comparison.eval_cases():
            _compare_eval(parity, case)
        if comparison.compares('train'):
            _compare_training(parity)
    for entry in golden.arrays:
        if entry.endswith(('/flag', '/gt_flag')):
            comparison.skip(entry, 'input of the case')


def compare_losses(golden: Golden, comparison: Comparison) -> None:
    """Compare the losses of AVSegFormer in a golden called ``avsbench_losses``."""
    names = golden.arrays['avsegformer/names'].tolist()
    rows = np.array([loss_row(name, golden) for name in names])
    comparison.array('avsegformer/values', rows, rtol=1e-4, atol=1e-7)
    comparison.value('avsegformer/names', len(names) - len(rows))
    comparison.skip('avss/gt_flag', 'input of the case')
    for family in ('binary/', 'avss/'):
        comparison.skip(family, 'losses of AVSBench: compare as avsbench_losses')


@dataclass(frozen=True)
class _Parity:
    """A comparison in progress."""

    task: str
    golden: Golden
    comparison: Comparison
    model: nn.Module

    def clips(self, rows: np.ndarray) -> Tensor:
        """(B*T, ...) to (B, T, ...)."""
        return torch.from_numpy(rows).unflatten(0, (-1, _FRAMES[self.task]))

    def inputs(self, case: str) -> dict[str, Tensor]:
        """Draw frames and log-mel examples (B, T, 96, 64)."""
        meta = self.golden.meta[case]
        rng, count = generator(meta['seed']), meta['frames']
        frames = rng.normal(0, 1, (count, 3, meta['height'], meta['width']))
        audio = rng.normal(0, 1, (count, 1, 96, 64))[:, 0]
        inputs = {'frames': self.clips(frames).float(), 'audio': self.clips(audio).float()}
        flag = self.golden.arrays.get(f'{case}/flag')
        return inputs if flag is None else {**inputs, 'valid_frames': self.clips(flag).bool()}

    def gt(self) -> list[AVDataSample]:
        """Draw the targets of the recorded training step."""
        meta = self.golden.meta['train']
        seed = meta.get('target_seed', meta['seed'] + 500)
        count, size = meta['frames'], (meta['height'], meta['width'])
        labeled, rng = self.clips(np.ones(count, bool)), generator(seed)
        if self.task == 's4':  # only the first frame of a clip is drawn
            target = torch.zeros(*labeled.shape, *size, dtype=torch.long)
            target[:, 0] = torch.from_numpy(rng.random((len(target), *size)) < 0.3)
            labeled[:, 1:] = False
        elif self.task == 'ms3':
            target = self.clips(rng.random((count, *size)) < 0.3).long()
        else:
            classes = rng.integers(0, 71, (count, *size))
            classes[generator(meta['seed'] + 501).random((count, *size)) < 0.5] = 0
            target = self.clips(classes)
            labeled = self.clips(self.golden.arrays['train/gt_flag']).bool()
        return [
            AVDataSample(gt_sem_seg=PixelData(sem_seg=mask), labeled_frames=known)
            for mask, known in zip(target, labeled, strict=True)
        ]


def _compare_eval(parity: _Parity, case: str) -> None:
    """Compare the recorded layers of a case, and that padding frames have no logits."""
    model, head = parity.model.eval(), parity.model.decode_head
    parts = {
        'backbone': model.backbone,
        'audio_embedding': model.audio_encoder,
        'query_generator': head.query_generator,
        'encoder_memory': head.encoder[-1],
        'decoder_first': head.decoder[0],
        'decoder_last': head.decoder[-1],
        'mask_feature_before_mixer': head.out_conv,
        'query_mlp': head.mlp,
    }
    inputs, arrays = parity.inputs(case), parity.golden.arrays
    with torch.no_grad(), recorded_outputs(parts) as seen:
        outputs = model(inputs)
    values = {name: outputs_of[0] for name, outputs_of in seen.items() if name != 'backbone'}
    values['audio_embedding'] = values['audio_embedding'].flatten(0, 1)
    values['mask_feature_before_mixer'] = values['mask_feature_before_mixer'].relu()
    # The recorded maps are those of the backbone, before padding frames are set to zero.
    values |= {f'backbone.stage{i}': x for i, x in enumerate(seen['backbone'][0], 1)}
    if f'{case}/query_generator' in arrays and head.query_generator.added_query is not None:
        values['query_generator'] = (
            values['query_generator'] - head.query_generator.added_query.weight
        )
    values['mask_feature'] = outputs['mask_features'].flatten(0, 1)
    values['pred'] = outputs['logits'].flatten(0, 1)
    for name, value in values.items():
        if f'{case}/{name}/shape' in arrays:
            parity.comparison.tensor(f'{case}/{name}', value)
    if 'valid_frames' in inputs:
        padding = outputs['logits'][~inputs['valid_frames']]
        parity.comparison.value(f'{case}/padding_frames', float(padding.any()))


def _compare_training(parity: _Parity) -> None:
    """Compare losses, gradients and logits of the recorded training step, without dropout."""
    model, comparison = parity.model.train(), parity.comparison
    for layer in model.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif isinstance(layer, nn.MultiheadAttention):
            layer.dropout = 0.0
    inputs = parity.inputs('train')
    with recorded_outputs({'head': model.decode_head}) as seen:
        losses = model(inputs, parity.gt(), mode='loss')
    ours = [sum(losses.values()).item(), losses['loss_seg'].item(), losses['loss_mix'].item()]
    comparison.array('train/loss', np.array(ours), rtol=1e-4, atol=1e-9)
    if 'train/pred/shape' in parity.golden.arrays:
        logits, _ = seen['head'][0]
        if 'valid_frames' in inputs:
            logits = logits * inputs['valid_frames'].flatten()[:, None, None, None]
        comparison.tensor('train/pred', logits, atol=3e-4)
    sum(losses.values()).backward()
    names = reference_names(parity.golden, convert_avsegformer)
    # A batch norm over few values amplifies rounding: the recorded norms differ by 1 % from those
    # of a float64 run.
    compare_gradients(comparison, 'train', model, names, rtol=2e-2)
    model.zero_grad()
    model.eval()


def loss_row(name: str, golden: Golden) -> list[float]:
    """Total, segmentation loss, weighted mix loss, and norm of the gradient on the logits."""
    _, task, *kind = name.split('_')
    case = draw_losses(task, golden)
    loss_mix = LabeledDiceLoss() if kind != ['bce'] else LabeledBCELoss(with_logits=False)
    loss_seg = LabeledCrossEntropyLoss() if task == 'avss' else loss_mix
    segmentation = loss_seg(case.logits, case.target, case.labeled)
    size = case.logits.shape[-2:]
    means = nn.functional.interpolate(case.features.mean(2), size, mode='bilinear')
    mix = 0.1 * loss_mix(means[:, :, None], (case.target > 0).long(), case.labeled)
    total = segmentation + mix
    (gradient,) = torch.autograd.grad(total, case.logits)
    return [total.item(), segmentation.item(), mix.item(), gradient.double().norm().item()]


@dataclass(frozen=True)
class _LossCase:
    """The inputs of the losses: logits (B, T, K, H, W), features, target and labeled frames."""

    logits: Tensor
    features: Tensor
    target: Tensor
    labeled: Tensor


def draw_losses(task: str, golden: Golden) -> _LossCase:
    """Draw all inputs in the recorded order; return those of a task."""
    meta = golden.meta['avsegformer']
    rng = generator(meta['seed'])
    shapes = [
        tuple(map(int, text.split(',')))
        for text in re.findall(r'(?:normal|random|integers)\([^()]*\(([\d,]+)\)', meta['input'])
    ]
    binary = rng.normal(0, 2, shapes[0]), rng.normal(0.5, 1, shapes[1])
    masks = {'s4': rng.random(shapes[2]) < 0.3, 'ms3': rng.random(shapes[3]) < 0.3}
    semantic = rng.normal(0, 2, shapes[4]), rng.normal(0.5, 1, shapes[5])
    classes = rng.integers(0, shapes[4][1], shapes[6]) * (rng.random(shapes[6]) < 0.4)
    clips = (-1, _FRAMES[task])
    logits, features = (
        torch.from_numpy(x).float().unflatten(0, clips)
        for x in (semantic if task == 'avss' else binary)
    )
    labeled = torch.ones(logits.shape[:2], dtype=torch.bool)
    if task == 'avss':
        target = torch.from_numpy(classes).unflatten(0, clips)
        labeled = torch.from_numpy(golden.arrays['avss/gt_flag']).bool().unflatten(0, clips)
    elif task == 'ms3':
        target = torch.from_numpy(masks[task])[:, 0].long().unflatten(0, clips)
    else:
        target = torch.zeros(*labeled.shape, *logits.shape[3:], dtype=torch.long)
        target[:, 0] = torch.from_numpy(masks[task])[:, 0, 0].long()
        labeled[:, 1:] = False
    return _LossCase(logits.requires_grad_(), features, target, labeled)
