"""Small training runs for tests, and their loss curves."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from avis.apis.runner import train
from avis.engine.runner import AVRunner
from tests.helpers.tiny import CutOff

ROOT = Path(__file__).parents[2]
TINY_CONFIG = ROOT / 'tests' / 'configs' / 'tiny.py'


def train_tiny(
    work_dir: Path,
    *,
    config: Path = TINY_CONFIG,
    options: dict[str, Any] | None = None,
    **flags: Any,
) -> AVRunner:
    """Train a tiny config in this process; ``options`` are overrides of the config."""
    options = {**own_name(), **(options or {})}
    return train(config, work_dir=work_dir, cfg_options=options, **flags)


def cut_off(work_dir: Path, iteration: int, **arguments: Any) -> None:
    """Train a tiny config up to an iteration, at which the run is interrupted."""
    hook = {'type': 'tests.helpers.tiny.CutOffHook', 'iteration': iteration}
    options = {**arguments.pop('options', {}), 'custom_hooks': [hook]}
    with pytest.raises(CutOff):
        train_tiny(work_dir, options=options, **arguments)


def own_name() -> dict[str, str]:
    """An override that separates runs of one process: mmengine identifies runs by name and time."""
    return {'experiment_name': uuid4().hex}


def loss_curve(work_dir: Path) -> dict[int, float]:
    """The logged loss by iteration, over all starts of a run; each must log the same value.

    Raises:
        AssertionError: Two starts logged different losses for one iteration.
    """
    curve: dict[int, float] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().split('\n')[:-1]:  # a killed run may truncate the last line
            row = json.loads(line)
            if 'loss' in row:
                before = curve.setdefault(row['step'], row['loss'])
                assert abs(before - row['loss']) < 1e-6, f'iteration {row["step"]} differs'
    return curve
