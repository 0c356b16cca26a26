"""Weights: build a model from a config, load a checkpoint strictly, convert foreign checkpoints."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from avis.apis.config import load_config
from avis.utils.checkpoint import load_weights, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file

CONVERTERS = ('avism', 'avsbench', 'mask2former', 'vggish', 'torchvision_resnet', 'pvt_v2', 'swin')


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build the model of a config for inference.

    Args:
        config: Config file or loaded config.
        checkpoint: Weights of exactly this model; None leaves random weights.
        device: Where the model goes.
        cfg_options: Overrides of the config, dotted key to value.

    Returns:
        The model in evaluation mode, with its config as ``model.cfg``.

    Raises:
        FileNotFoundError: Config or checkpoint does not exist.
        ValueError: The checkpoint is damaged or belongs to another model.
    """
    if not isinstance(config, Config):
        config = load_config(config, cfg_options)
    elif cfg_options:
        config.merge_from_dict(dict(cfg_options))
    from avis.registry import MODELS

    init_default_scope(config.get('default_scope', 'avis'))
    model: nn.Module = MODELS.build(config.model)
    if checkpoint is not None:
        load_weights(model, checkpoint)
    model.cfg = config
    model.to(device)
    model.eval()  # not chained: mmdet's backbones return None from it
    return model


def convert_checkpoint(kind: str, src: str | Path, dst: str | Path) -> list[str]:
    """Rewrite a checkpoint of another project for avis.

    Args:
        kind: One of ``CONVERTERS``.
        src: Published file.
        dst: File to write; it appears only when it is complete.

    Returns:
        Names of the entries that were dropped because the published model never runs them.

    Raises:
        FileNotFoundError: ``src`` does not exist.
        ValueError: Unknown kind, damaged file, or entries that this kind does not know.
    """
    if kind not in CONVERTERS:
        raise ValueError(f'unknown kind of checkpoint {kind!r}, expected one of {CONVERTERS}')
    converter = importlib.import_module(f'avis.models.converters.{kind}')
    state_dict, dropped = converter.convert(state_dict_of(load_file(src, 'cpu'), src))
    dst = Path(dst)
    dst.parent.mkdir(parents=True, exist_ok=True)
    part = dst.with_name(dst.name + '.part')
    try:
        torch.save({'meta': {'converted_from': kind}, 'state_dict': state_dict}, part)
        part.replace(dst)
    finally:
        part.unlink(missing_ok=True)
    return list(dropped)
