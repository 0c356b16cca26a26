"""AVISM with ResNet-50 or Swin-L."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avis.models.converters.avism import convert_avism
from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.instances import InstanceParity, compare_eval, compare_training
from tests.parity.published import compare_variants, load_model, reference_names

CONFIGS = {
    'r50': 'configs/avis/avism/avism_r50_in_aviseg.py',
    'swinl': 'configs/avis/avism/avism_swinl_in_aviseg.py',
}


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden called ``avism_BACKBONE``."""
    model, dropped = load_model(golden, 'avism', CONFIGS[name.split('_')[1]])
    comparison.value('dropped', sum(not entry.endswith('empty_weight') for entry in dropped))
    compare_variants(comparison, convert_avism)
    names = reference_names(golden, convert_avism)
    parity = InstanceParity(comparison, model, names, draw_inputs)
    for case in comparison.eval_cases():
        compare_eval(parity, case)
    compare_training(parity)


def draw_inputs(meta: Mapping[str, Any]) -> dict[str, Tensor]:
    """Frames uint8 (T, 3, H, W) and audio embeddings (T, 128) of a golden clip."""
    rng = generator(meta['seed'])
    frames = rng.integers(0, 256, (meta['T'], 3, meta['height'], meta['width'])).astype(np.uint8)
    audio = rng.uniform(0, 1, (meta['T'], 128)).astype(np.float32)
    return {'frames': torch.from_numpy(frames), 'audio': torch.from_numpy(audio)}
