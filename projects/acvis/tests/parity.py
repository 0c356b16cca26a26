"""ACVIS with ResNet-50: layers, tracks, losses and gradients of a golden."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from acvis import convert_acvis
from torch import Tensor

from tests.helpers.golden import Golden, generator
from tests.parity.comparison import Comparison
from tests.parity.instances import InstanceParity, compare_eval, compare_training
from tests.parity.published import compare_variants, load_model, reference_names

CONFIG = 'projects/acvis/configs/acvis_r50_in_aviseg.py'
_UNUSED = ('empty_weight', 'av_post_proj.weight', 'av_post_proj.bias')


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden whose name begins with ``acvis``."""
    model, dropped = load_model(golden, 'acvis', CONFIG)
    comparison.value('dropped', sum(not entry.endswith(_UNUSED) for entry in dropped))
    compare_variants(comparison, convert_acvis)
    names = reference_names(golden, convert_acvis)
    parity = InstanceParity(comparison, model, names, draw_inputs)
    for case in comparison.eval_cases():
        compare_eval(parity, case)
    compare_training(parity)


def draw_inputs(meta: Mapping[str, Any]) -> dict[str, Tensor]:
    """Frames uint8 (T, 3, H, W) and log-mel examples (T, 96, 64) of a golden clip."""
    rng = generator(meta['seed'])
    frames = rng.integers(0, 256, (meta['T'], 3, meta['height'], meta['width'])).astype(np.uint8)
    audio = rng.normal(0, 1, (meta['T'], 96, 64)).astype(np.float32)
    return {'frames': torch.from_numpy(frames), 'audio': torch.from_numpy(audio)}
