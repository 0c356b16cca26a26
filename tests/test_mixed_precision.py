"""In mixed precision every config computes losses, and means of many values, in float32.

Models are narrow and run on the CPU under autocast to bfloat16; configs that have the same narrow
model share its run.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from tests.helpers.device_runs import Case
from tests.helpers.low_precision import LowPrecision, Operation
from tests.helpers.narrow_models import model_configs

CONFIGS = model_configs()
# Reductions and products in bfloat16 that lose nothing.
ALLOWED = {
    # A linear layer reads the mean, and rounds its input.
    Operation('avis/models/audio_encoders/log_mel_cnn.py', 'encode', 'mean'),
    Operation('avis/models/audio_encoders/mfcc_encoder.py', 'encode', 'mean'),
    Operation('avis/models/fusion/tpavi.py', '_attend', 'mean'),
    Operation('projects/combo/combo/fusion.py', 'forward', 'mean'),
    # cosine_similarity, which autocast computes in float32 on a GPU.
    Operation('projects/aavs/aavs/frame_head.py', 'fuse_audio', 'linalg_vector_norm'),
    # Mask logits and projections are layers: few channels are summed.
    Operation('avis/models/losses/mask_set_loss.py', 'mask_logits', 'bmm'),
    Operation('projects/cavis/cavis/losses.py', 'compute_logits', 'bmm'),
    Operation('projects/ez_vsl/ez_vsl/localizer.py', 'compute_outputs', 'addmm'),
}
_PROBLEMS: dict[str, list[str]] = {}  # by narrow model


def find_problems(path: Path) -> list[str]:
    """Return what is computed in bfloat16 and must not be, in words."""
    case, low = Case(path), LowPrecision()
    if case.key not in _PROBLEMS:
        run = case.run(context=lambda: _autocast(low))
        losses = {k: v for k, v in run.results.items() if k.startswith('loss.')}
        _PROBLEMS[case.key] = [
            *(f'{name} has {v.dtype}' for name, v in losses.items() if v.dtype != torch.float32),
            *(f'{name} is {v}' for name, v in losses.items() if not v.isfinite().all()),
            *map(str, sorted(low.found - ALLOWED)),
        ]
    return _PROBLEMS[case.key]


def _autocast(low: LowPrecision) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(torch.autocast('cpu', torch.bfloat16))
    stack.enter_context(low)
    return stack


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_computes_losses_and_reductions_in_float32(path: Path) -> None:
    assert find_problems(path) == []


def test_reductions_in_bfloat16_are_recorded_and_those_in_float32_are_not() -> None:
    values, low = torch.rand(8, 8, dtype=torch.bfloat16), LowPrecision()
    with low:
        values.float().mean()
    assert not low.found
    with low:
        values.mean()
    assert {operation.name for operation in low.found} == {'mean'}
