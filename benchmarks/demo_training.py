"""Synthetic data, and demo configs trained for a shorter time: shared by benchmarks."""

from pathlib import Path
from typing import Any

FOLDERS = {'avsbench_s4': 'Single-source', 'avsbench_ms3': 'Multi-sources'}


def make_set(layout: str, out: Path, **options: Any) -> Path:
    """Make synthetic videos unless they exist; returns their data root.

    Args:
        layout: Layout of the files.
        out: Folder of the data set.
        options: Further arguments of :func:`~avis.synthetic.generator.make_dataset`.
    """
    from avis.synthetic.generator import make_dataset

    root = out / FOLDERS.get(layout, '')
    if not root.is_dir():
        make_dataset(layout=layout, out=out, **options)
    return root


def use_data(config: Any, train: Path, test: Path) -> None:
    """Read data roots for training and testing in this process, so that its time counts loading."""
    for loader, root in ((config.train_dataloader, train), (config.test_dataloader, test)):
        loader.dataset.data_root = str(root)
        loader.update(num_workers=0, persistent_workers=False)


def shorten(config: Any, iterations: int) -> None:
    """Set the number of iterations of a demo config; validation and best checkpoints are off."""
    config.train_cfg.update(max_iters=iterations, val_interval=iterations + 1)
    warm_up, fall = config.param_scheduler
    warm_up.end, fall.end = min(warm_up.end, iterations // 2), iterations
    train_only(config, iterations)


def use_epochs(config: Any, samples: int, epochs: int) -> None:
    """Train a demo config on each of its samples a number of times, as :func:`shorten` does.

    The learning rate rises for 20 iterations at most and falls until the end.
    """
    if 'max_iters' in config.train_cfg:
        shorten(config, max(epochs * samples // config.train_dataloader.batch_size, 1))
        return
    config.train_cfg.update(max_epochs=epochs, val_interval=epochs + 1)
    warm_up, fall = config.param_scheduler
    warm_up.update(by_epoch=False, convert_to_iter_based=False, end=20)
    fall.update(begin=0, end=epochs)
    train_only(config, epochs)


def train_only(config: Any, interval: int) -> None:
    """Turn validation off, and write a checkpoint at an interval."""
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint.update(interval=interval, save_best=None)
    config.log_level = 'WARNING'


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is complete or absent."""
    from avis.evaluation.benchmarks.report import encode_json
    from avis.utils.atomic import write_atomic

    write_atomic(path, encode_json(value))
