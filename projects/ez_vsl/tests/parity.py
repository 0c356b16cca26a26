"""Compare EZ-VSL with a golden: embeddings, maps, prior, losses and gradients."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ez_vsl import EZVSL, convert_ez_vsl

from avis.evaluation.functional.sound_localization import MAP_SIZE
from tests.helpers.golden import Golden
from tests.parity.comparison import Comparison
from tests.parity.published import filled_checkpoint, load_model
from tests.parity.sound_localizers import (
    Inputs,
    compare_spectrograms,
    compare_step,
    compared_cases,
    draw_inputs,
    raw_outputs,
)

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'ez_vsl_r18_vggsound144k.py'
_MAPS = {'pred_av': 'audio_map', 'pred_object': 'prior_map', 'pred_av_object': 'heat_map'}


def compare(_: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden ``ez_vsl``."""
    compare_spectrograms(comparison, 3.0, center=True)
    comparison.skip('object/keys', 'names of the weights of the prior')
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / 'resnet18.pth'
        torch.save(prior_weights(golden), weights)
        options = {'model.prior.weights': str(weights)}
        model, dropped = load_model(golden, 'ez_vsl', CONFIG, options=options)
        comparison.value('dropped', len(dropped))
        for case, is_step in compared_cases(comparison):
            inputs = draw_inputs(golden.meta[case])
            outputs = raw_outputs(model, inputs, is_step=is_step)
            for kind in ('image', 'audio'):
                name = f'{case}/{kind}_embedding_raw'
                recorded = golden.arrays[f'{name}/shape'][0]  # the test has batches of one clip
                comparison.tensor(name, outputs[f'{kind}_embedding'][-recorded:])
            comparison.tensor(f'{case}/map', outputs['heat_map'])
            if is_step:
                compare_step(comparison, case, model, inputs, convert_ez_vsl)
            else:
                _compare_maps(comparison, case, model, inputs)


def prior_weights(golden: Golden) -> dict[str, torch.Tensor]:
    """Draw the ResNet-18 of the prior by the names that the golden lists.

    The shapes are those of the image network.
    """
    known = {name: rest for name, *rest in golden.info['keys']}
    names = golden.arrays['object/keys'].tolist()
    keys = [[name, *known[f'imgnet.{name}']] for name in names]
    return filled_checkpoint(replace(golden, info={'keys': keys}))


def _compare_maps(comparison: Comparison, case: str, model: EZVSL, inputs: Inputs) -> None:
    """Compare the maps of the test, their medians, and the loss of the batch."""
    assert model.prior is not None
    with torch.no_grad():
        maps = model.compute_maps(inputs)
        prior = model.prior(inputs['frames'][:, 0])
        losses = model(inputs, [], mode='loss')
    comparison.tensor(f'{case}/object_map', prior[:, None])
    for name, own in _MAPS.items():
        comparison.tensor(f'{case}/{name}', maps[own])
        middle = maps[own].flatten(1).sort(dim=1).values[:, MAP_SIZE**2 // 2]
        comparison.tensor(f'{case}/{name}_threshold', middle)
    loss = sum(value.item() for value in losses.values())
    comparison.array(f'{case}/loss_if_batch', np.array(loss), rtol=1e-4)
