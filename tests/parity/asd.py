"""Compare LR-ASD and Light-ASD with recorded values, with the trained weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from avis.models.converters.active_speaker import convert_light_asd, convert_lr_asd
from avis.models.losses.active_speaker_loss import ActiveSpeakerLoss
from avis.registry import MODELS
from avis.utils.checkpoint import load_state_dict_strict, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file
from tests.helpers.asd_inputs import network_inputs
from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.training import compare_statistics

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'models'
WEIGHTS = 'AVIS_WEIGHTS'
"""Environment variable: folder with the published weights, ``lr_asd/*.model``."""

CONVERTERS = {'lr_asd': convert_lr_asd, 'light_asd': convert_light_asd}
# Recorded module -> module of avis; encoders' blocks are recorded, too.
MODULES = {
    'lr_asd': {
        'fusion': 'fusion_gate',
        'detector.gru_forward': 'gru_forward',
        'detector.gru_backward': 'gru_backward',
    },
    'light_asd': {'GRU.gru_forward': 'gru_forward', 'GRU.gru_backward': 'gru_backward'},
}


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare all cases of a golden of one of the two networks."""
    kind = 'lr_asd' if name.startswith('lr') else 'light_asd'
    for case, info in golden.meta.items():
        chosen = comparison.cases is None or case in comparison.cases
        if chosen and isinstance(info, dict) and 'weights' in info:
            model = load_detector(kind, info['weights'], golden.folder)
            compare_case = _compare_training if 'temperatures' in info else _compare_outputs
            compare_case(kind, case, model, golden, comparison)


def weights_file(kind: str, name: str, golden: Path | None = None) -> Path:
    """The published file ``name`` of LR-ASD or Light-ASD.

    It is looked for in the folder that the environment variable names, then in folders called
    weights above the golden, then where ``avis download`` saves it.
    """
    folders = [Path(os.environ[WEIGHTS])] if os.environ.get(WEIGHTS) else []
    folders += [parent / 'weights' for parent in (golden.parents if golden else ())]
    paths = [folder / kind / name for folder in folders]
    paths.append(Path('data/pretrained/original', name))
    found = [path for path in paths if path.is_file()]
    if not found:
        raise FileNotFoundError(
            f'{name} of {kind} does not exist; set {WEIGHTS} to a folder with {kind}/{name}'
        )
    return found[0]


def build_detector(kind: str) -> nn.Module:
    """Build the model of the shipped config."""
    init_default_scope('avis')
    return MODELS.build(Config.fromfile(CONFIGS / f'{kind}.py').model)


def load_detector(kind: str, weights: str, golden: Path | None = None) -> nn.Module:
    """Build the model of the shipped config with published weights, in evaluation mode."""
    path = weights_file(kind, weights, golden)
    model = build_detector(kind)
    state, _ = CONVERTERS[kind](state_dict_of(load_file(path, 'cpu'), path))
    load_state_dict_strict(model, state, path)
    return model.eval()


@contextmanager
def recorded_modules(kind: str, model: nn.Module, clips: int) -> Iterator[dict[str, Tensor]]:
    """Collect the outputs of modules by their names in the golden, in its layouts."""
    network, outputs, handles = model.network, {}, []

    def record(name: str, module: nn.Module, convert: Any) -> None:
        def hook(_: nn.Module, __: Any, out: Any) -> None:
            outputs[name] = convert(out[0] if isinstance(out, tuple) else out)

        handles.append(module.register_forward_hook(hook))

    for index in range(3):
        record(
            f'audioEncoder.block{index + 1}',
            network.audio_encoder.blocks[index],
            lambda out: out.squeeze(3).unflatten(0, (clips, -1)).permute(0, 2, 3, 1),
        )
        record(
            f'visualEncoder.block{index + 1}',
            network.visual_encoder.blocks[index],
            lambda out: out.unflatten(0, (clips, -1)).transpose(1, 2),
        )
    for name, own in MODULES[kind].items():
        record(name, getattr(network, own), lambda out: out)
    record('audio_embedding', network.audio_encoder, lambda out: out)
    yield outputs
    for handle in handles:
        handle.remove()


def _compare_outputs(
    kind: str, case: str, model: nn.Module, golden: Golden, comparison: Comparison
) -> None:
    info = golden.meta[case]
    with torch.no_grad(), recorded_modules(kind, model, info['B']) as outputs:
        result = model.compute_outputs(network_inputs(info))
    for name, value in {**outputs, **_results(result)}.items():
        comparison.tensor(f'{case}/{name}', value)


def _results(result: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of the model by their names in the golden; frames of a batch are one axis."""
    logits = result['logits'].flatten(0, 1)
    return {
        'visual_embedding': result['visual_features'],
        'av_features': result['features'].flatten(0, 1),
        'logits': logits,
        'logits_visual_only': result['visual_logits'].flatten(0, 1),
        'evaluation_score': logits.softmax(-1)[:, 1],
        'demo_score': logits[:, 1],
    }


def _compare_training(
    kind: str, case: str, model: nn.Module, golden: Golden, comparison: Comparison
) -> None:
    """Losses, gradients and statistics of batch norms, without dropout."""
    info, names = golden.meta[case], _own_names(kind, golden)
    shape = (info['B'], info['T'])
    labels = torch.from_numpy(generator(info['seed'] + 100).random(shape) < 0.5).long()
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with recorded_modules(kind, model, info['B']) as outputs:
        result = model.compute_outputs(network_inputs(info))
    for name in ('audio_embedding', 'visual_embedding', 'av_features'):
        comparison.tensor(f'{case}/{name}', {**outputs, **_results(result)}[name])
    rows, totals = [], []
    for temperature in info['temperatures']:
        loss = ActiveSpeakerLoss(temperature=temperature)
        losses = loss(result['logits'], result['visual_logits'], labels)
        total = losses['loss_speaking'] + losses['loss_visual']
        right = losses['accuracy'] * labels.numel()
        visual = losses['loss_visual'] / loss.visual_weight
        row = (total, losses['loss_speaking'], visual, right)
        rows.append([float(x.detach()) for x in row])
        totals.append(total)
    comparison.array(f'{case}/loss_values', np.array(rows), rtol=1e-4, atol=1e-5)
    totals[0].backward()
    weights = dict(model.named_parameters())
    grads = [weights[names[key]].grad.norm() for key in golden.arrays[f'{case}/grad_names']]
    comparison.array(f'{case}/grad_norm', torch.stack(grads), rtol=1e-3, atol=1e-5)
    compare_statistics(comparison, case, model.state_dict(), names)
    comparison.skip(f'{case}/grad_names', 'names of the values compared')


def _own_names(kind: str, golden: Golden) -> dict[str, str]:
    """Name of each entry in the reference -> name in avis."""
    keys = {name: torch.empty(shape) for name, shape, _ in golden.info['keys']}
    return dict(zip(keys, CONVERTERS[kind](keys)[0], strict=True))
