"""Train and test a config, as tools/train.py and tools/test.py do.

Paths inside a config (data, checkpoints) and ``work_dir`` are relative to the current folder, as
in mmdet.
"""

# ruff: noqa: PT028 - the function named test is not a test.

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.evaluator import DumpResults
from mmengine.model import is_model_wrapper
from mmengine.runner import CheckpointLoader
from torch import nn

from avis.apis.config import load_config
from avis.apis.config_overrides import apply_overrides
from avis.engine.loops import check_failures
from avis.engine.resume import check_resumable, check_training_state, find_resumable
from avis.engine.runner import WRONG_VALUES, AVRunner
from avis.evaluation.metrics.dump_predictions import DumpPredictions
from avis.utils.atomic import check_writable
from avis.utils.checkpoint import check_values, load_state_dict_strict, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file, trusted_checkpoints
from avis.utils.folder_lock import folder_lock

Launcher = Literal['none', 'pytorch', 'slurm', 'mpi']


def train(
    config: str | Path | Config,
    *,
    work_dir: str | Path | None = None,
    resume: str | Path | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
    cfg_options: Mapping[str, Any] | None = None,
    launcher: Launcher = 'none',
    trust_checkpoint: bool = False,
) -> AVRunner:
    """Train a config.

    Args:
        config: Config file or loaded config.
        work_dir: Folder of logs and checkpoints; default: the ``work_dir`` of the config, else
            ``work_dirs/<name of the config>``.
        resume: ``'auto'`` resumes from the newest readable checkpoint in ``work_dir``, a path from
            that file; None starts a new run.
        amp: Mixed precision: float16 with loss scaling on GPUs, bfloat16 on CPUs.
        auto_scale_lr: Scale the learning rate by batch size / ``auto_scale_lr.base_batch_size``.
        cfg_options: Overrides of the config, dotted key to value.
        launcher: What started this process.
        trust_checkpoint: Allow pickled code in the checkpoints that are read.

    Returns:
        The runner after training.

    Raises:
        FileNotFoundError: Config or checkpoint does not exist.
        BlockingIOError: Another process trains in ``work_dir``.
        ValueError: Unknown config key, missing setting, damaged or wrong checkpoint.
        FloatingPointError: A loss became NaN or infinite.
        VideoFailuresError: Videos failed in the validation; the training is complete.
    """
    setup_launcher(launcher)
    cfg = prepare_config(config, work_dir=work_dir, cfg_options=cfg_options, launcher=launcher)
    if amp:
        use_mixed_precision(cfg)
    if auto_scale_lr:
        use_scaled_lr(cfg)
    with trusted_checkpoints() if trust_checkpoint else contextlib.nullcontext():
        message = use_checkpoint(cfg, resume, seed=(cfg_options or {}).get('randomness.seed'))
        runner = build_runner(cfg)
        runner.logger.info(message)
        if cfg.get('load_from') is not None:
            check_checkpoint(
                unwrap_model(runner.model), cfg.load_from, strict=bool(cfg.get('resume'))
            )
        with folder_lock(cfg.work_dir) if is_main_process() else contextlib.nullcontext():
            runner.train()
    check_failures(runner.val_loop)
    return runner


def test(
    config: str | Path | Config,
    checkpoint: str | Path | None,
    *,
    work_dir: str | Path | None = None,
    out: str | Path | None = None,
    show_dir: str | Path | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    launcher: Launcher = 'none',
    trust_checkpoint: bool = False,
) -> dict[str, float]:
    """Test a checkpoint on the test data of a config.

    Args:
        config: Config file or loaded config.
        checkpoint: Weights of exactly this model; None tests random weights.
        work_dir: Folder of the log and the metrics, as for :func:`train`.
        out: Write the predictions: ``*.pkl`` with all data samples as mmengine dumps them,
            ``*.json`` with the label maps as RLEs.
        show_dir: Draw an image and a video of every clip into this folder.
        cfg_options: Overrides of the config, dotted key to value.
        launcher: What started this process.
        trust_checkpoint: Allow pickled code in the checkpoint.

    Returns:
        The metrics.

    Raises:
        FileNotFoundError: Config or checkpoint does not exist.
        ValueError: Unknown config key, unknown suffix of ``out``, damaged or wrong checkpoint.
        VideoFailuresError: Some videos failed; the metrics of the others are in the log.
    """
    setup_launcher(launcher)
    cfg = prepare_config(config, work_dir=work_dir, cfg_options=cfg_options, launcher=launcher)
    cfg.load_from, cfg.resume = None, False
    if checkpoint is not None and '://' not in str(checkpoint) and not Path(checkpoint).is_file():
        raise FileNotFoundError(f'Checkpoint {checkpoint} does not exist.')
    metric = None if out is None else dump_metric(Path(out))
    for folder in (None if out is None else Path(out).parent, show_dir):
        if folder is not None:
            check_writable(folder)
    if show_dir is not None:
        use_show_dir(cfg, show_dir)
    runner = build_runner(cfg)
    if checkpoint is None:
        if getattr(unwrap_model(runner.model), 'needs_checkpoint', True):
            runner.logger.warning('No checkpoint: the model is tested with random weights.')
    else:
        with trusted_checkpoints() if trust_checkpoint else contextlib.nullcontext():
            weights = read_weights(checkpoint)
        load_state_dict_strict(unwrap_model(runner.model), weights, checkpoint)
        runner.logger.info('Weights of %s', checkpoint)
    if metric is not None:
        runner.test_evaluator.metrics.append(metric)
    try:
        metrics: dict[str, float] = runner.test()
    except Exception:
        if get_world_size() == 1:  # without any scored video the metrics may raise errors
            check_failures(runner.test_loop)
        raise
    check_failures(runner.test_loop)
    return metrics


def prepare_config(
    config: str | Path | Config,
    *,
    work_dir: str | Path | None,
    cfg_options: Mapping[str, Any] | None,
    launcher: Launcher,
) -> Config:
    """Load a config if it is a path, and set launcher and ``work_dir``."""
    if isinstance(config, Config):
        cfg = config.copy()
        apply_overrides(cfg, cfg_options or {})
    else:
        cfg = load_config(config, cfg_options)
    cfg.launcher = launcher
    name = Path(cfg.filename).stem if cfg.filename else 'unnamed'
    if not isinstance(cfg.get('work_dir'), str | None):
        raise ValueError(f'{cfg.filename}: work_dir: expected a path, got {cfg.work_dir!r}')
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or Path('work_dirs', name))
    return cfg


def build_runner(cfg: Config) -> AVRunner:
    """Build the runner of a config, with its model.

    Raises:
        OSError: ``work_dir`` cannot be written.
        ValueError: A class refuses its arguments; the message names the class.
    """
    for key in ('model', 'work_dir'):
        if cfg.get(key) is None:
            raise ValueError(f'{cfg.filename}: expected the key {key!r}, got nothing')
    check_writable(cfg.work_dir)
    try:
        return AVRunner.from_cfg(cfg)
    except WRONG_VALUES as error:
        raise ValueError(f'{cfg.filename}: {type(error).__name__}: {error}') from error


def use_show_dir(cfg: Config, show_dir: str | Path) -> None:
    """Let the visualization hook of the config write images and videos of a test to a folder."""
    hooks = cfg.setdefault('default_hooks', {})
    if hooks.get('visualization') is None:
        # A dotted path, which a config can print.
        hooks.visualization = {'type': 'avis.engine.AVVisualizationHook'}
    hooks.visualization.show_dir = str(show_dir)


def use_mixed_precision(cfg: Config) -> None:
    """Set the optimizer wrapper of this machine, as a dotted path, which a config can print."""
    cfg.optim_wrapper.pop('loss_scale', None)
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'mmengine.optim.AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    else:
        cfg.optim_wrapper.pop('dtype', None)
        cfg.optim_wrapper.type = 'avis.engine.optim_wrapper.BFloat16OptimWrapper'


def use_scaled_lr(cfg: Config) -> None:
    """Enable the scaling of the learning rate.

    Raises:
        ValueError: The config does not state the batch size of its learning rate.
    """
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise ValueError(
            f'{cfg.filename}: --auto-scale-lr needs auto_scale_lr = dict(base_batch_size=N), the '
            f'batch size (over all processes) for which optim_wrapper.optimizer.lr is right.'
        )
    cfg.auto_scale_lr.enable = True


def use_checkpoint(cfg: Config, resume: str | Path | None, seed: int | None = None) -> str:
    """Set the checkpoint to start or resume from in the config; returns a line for the log.

    Args:
        cfg: The config, changed in place.
        resume: See :func:`train`.
        seed: Seed that the user gave for this run; None keeps that of the checkpoint, whatever the
            config states.
    """
    cfg.resume = False
    source = cfg.get('load_from')
    if resume is None:
        return f'Starting from the weights of {source}.' if source else 'Starting a new run.'
    if resume == 'auto':
        path, message = find_resumable(Path(cfg.work_dir))
    else:
        path, message = check_resumable(Path(resume)), f'Resuming from {resume}.'
    if path is None:
        return message
    cfg.resume, cfg.load_from = True, str(path)
    meta = check_training_state(load_file(path, 'cpu'), path)
    stored, configured = meta.get('seed'), cfg.get('randomness', {}).get('seed')
    if source is not None:
        message += f' load_from={source} is not read: the weights are those of the checkpoint.'
    if seed is not None and seed != stored:
        message += f' randomness.seed={seed} replaces the seed {stored} of the checkpoint.'
    elif configured not in (None, stored):
        message += f' Its seed {stored} overrules randomness.seed={configured} of the config.'
    chosen = stored if seed is None else seed
    cfg.randomness = {**cfg.get('randomness', {}), 'seed': chosen}
    return message


def check_checkpoint(model: nn.Module, checkpoint: str | Path, *, strict: bool) -> None:
    """Check a checkpoint before mmengine reads it, which would only warn.

    Args:
        model: The model.
        checkpoint: The file.
        strict: All entries must fit; else at least one, as for a head with other classes.

    Raises:
        ValueError: The checkpoint does not fit the model, or has values that are no weights.
    """
    if strict:
        load_state_dict_strict(model, read_weights(checkpoint), checkpoint)
        return
    weights, wanted = read_weights(checkpoint), model.state_dict()
    check_values(weights, wanted, checkpoint)
    if not any(key in weights and weights[key].shape == wanted[key].shape for key in wanted):
        raise ValueError(
            f'load_from = {checkpoint}: none of its {len(weights)} tensors fits the '
            f'{len(wanted)} of {type(model).__name__}. It has {next(iter(weights))!r}, the model '
            f'{next(iter(wanted), None)!r}. Convert it with '
            f'tools/model_converters/convert_checkpoint.py.'
        )


def read_weights(checkpoint: str | Path) -> dict[str, torch.Tensor]:
    """Read the weights of a checkpoint: a file, or any URL that mmengine can load."""
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
    return state_dict_of(content, checkpoint)


def dump_metric(out: Path) -> DumpResults | DumpPredictions:
    """The metric that writes predictions into a file, chosen by the suffix of the file."""
    if out.suffix in ('.pkl', '.pickle'):
        return DumpResults(out_file_path=str(out))
    if out.suffix == '.json':
        return DumpPredictions(out_file=str(out))
    raise ValueError(f'--out must end with .pkl or .json, got {str(out)!r}')


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model without the wrapper of distributed training."""
    return model.module if is_model_wrapper(model) else model  # type: ignore[return-value]


def setup_launcher(launcher: Launcher) -> None:
    """Set the variables that mmengine reads; end this process when its launcher dies."""
    if launcher == 'mpi':  # mmengine reads LOCAL_RANK for every launcher, mpi does not set it
        os.environ['LOCAL_RANK'] = os.environ['OMPI_COMM_WORLD_LOCAL_RANK']
    os.environ.setdefault('LOCAL_RANK', '0')
    if launcher == 'pytorch' and sys.platform == 'linux':
        # After SIGKILL of torchrun its workers would continue to train and write into the folder
        # of the resumed run. 1 is PR_SET_PDEATHSIG.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
