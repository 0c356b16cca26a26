"""Compare LVS with a golden: maps, masks, logits, losses and gradients."""

from pathlib import Path

import numpy as np
from lvs import convert_lvs

from avis.evaluation.functional.sound_localization import MAP_SIZE, enlarge_map, upper_half
from tests.helpers.golden import Golden
from tests.parity.comparison import Comparison
from tests.parity.published import load_model
from tests.parity.sound_localizers import (
    compare_spectrograms,
    compare_step,
    compared_cases,
    draw_inputs,
    raw_outputs,
)

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'lvs_r18_vggsound144k.py'
_UNUSED = ('conv1.', 'conv1_a.', 'conv1_flow.', 'fc.')  # for other inputs


def compare(_: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden ``lvs``."""
    compare_spectrograms(comparison, 10.0, center=False)
    model, dropped = load_model(golden, 'lvs', CONFIG)
    kept = [entry for entry in dropped if not entry.split('.', 1)[1].startswith(_UNUSED)]
    comparison.value('dropped', len(kept))
    for case, is_step in compared_cases(comparison):
        info = golden.meta[case]
        model.positive_threshold = info['epsilon']
        model.negative_threshold = info['epsilon2']
        inputs = draw_inputs(info)
        outputs = raw_outputs(model, inputs, is_step=is_step)
        comparison.tensor(f'{case}/map', outputs['heat_map'][:, None])
        for mask in ('positive', 'negative'):
            comparison.tensor(f'{case}/{mask}', outputs[mask][:, None])
        comparison.tensor(f'{case}/logits', outputs['logits'])
        if is_step:
            compare_step(comparison, case, model, inputs, convert_lvs)
        else:
            _compare_maps(comparison, case, outputs['heat_map'].numpy())


def _compare_maps(comparison: Comparison, case: str, heat_maps: np.ndarray) -> None:
    """Compare the maps of the test, their medians, and the number of predicted pixels."""
    maps = np.stack([enlarge_map(heat_map, 'lvs') for heat_map in heat_maps])
    comparison.tensor(f'{case}/pred', maps)
    middle = np.sort(maps.reshape(len(maps), -1), axis=1)[:, MAP_SIZE**2 // 2]
    comparison.tensor(f'{case}/threshold', middle)
    pixels = [int(upper_half(heat_map, 'lvs').sum()) for heat_map in heat_maps]
    comparison.array(f'{case}/pixels_above', np.array(pixels), atol=2)
