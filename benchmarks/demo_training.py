"""The demo configs, trained for fewer iterations: shared by benchmarks that train models."""

from pathlib import Path
from typing import Any


def shorten(config: Any, iterations: int) -> None:
    """Set the number of iterations of a demo config; validation and best checkpoints are off."""
    config.train_cfg.update(max_iters=iterations, val_interval=iterations + 1)
    warm_up, fall = config.param_scheduler
    warm_up.end, fall.end = min(warm_up.end, iterations // 2), iterations
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint.update(interval=iterations, save_best=None)
    config.log_level = 'WARNING'


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is complete or absent."""
    from avis.evaluation.benchmarks.report import encode_json
    from avis.utils.atomic import write_atomic

    write_atomic(path, encode_json(value))
