"""Build a model from a config, load its checkpoint strictly, convert foreign checkpoints."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from torch import nn

from avis.apis.config import load_config
from avis.apis.models import find_model
from avis.utils.atomic import atomic_path, check_writable
from avis.utils.checkpoint import load_weights, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build the model of a config for inference.

    Args:
        config: Config file or loaded config.
        checkpoint: Checkpoint whose entries and shapes equal those of this model; None keeps the
            random weights.
        device: Device of the model; 'auto' for the GPU if PyTorch can use one, else the CPU.
        cfg_options: Overrides of the config, dotted key to value.

    Returns:
        The model in evaluation mode, with its config as ``model.cfg``.

    Raises:
        FileNotFoundError: Config or checkpoint does not exist.
        ValueError: The checkpoint is damaged or is one of another model.
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
    model.to(resolve_device(device))
    model.eval()  # not chained: mmdet's backbones return None from it
    return model


def get_model(
    name: str | Path, weights: str | Path | None = None, device: str = 'cpu'
) -> nn.Module:
    """Build a model by its name.

    Args:
        name: Config file, name of a config, or alias.
        weights: Checkpoint; None for the published weights if they are a file here, else random
            ones.
        device: Device of the model.

    Returns:
        The model in evaluation mode, with its config as ``model.cfg``.
    """
    found = find_model(name)
    if weights is None and found.weights is not None and Path(found.weights).is_file():
        weights = found.weights
    return init_model(found.config, weights, device)


def needs_checkpoint(config: Config) -> bool:
    """Whether the model of a loaded config has weights to load from a checkpoint."""
    from avis.registry import MODELS

    kind = config.model.type
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    return bool(getattr(kind, 'needs_checkpoint', True))


def warn_of_random_weights(config: Config, checkpoint: str | Path | None) -> None:
    """Log that a prediction means nothing: there is no checkpoint, and the model needs one."""
    if checkpoint is None and needs_checkpoint(config):
        text = 'No checkpoint: the model predicts with random weights.'
        print_log(text, 'current', logging.WARNING)


def resolve_device(device: str | torch.device) -> str | torch.device:
    """Return the device that 'auto' means: the GPU if PyTorch can use one, else the CPU."""
    if device != 'auto':
        return device
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def available_converters() -> list[str]:
    """Return the kinds of checkpoint that have a converter, those of imported projects included."""
    from avis.registry import CONVERTERS

    CONVERTERS.import_from_location()
    return sorted(CONVERTERS.module_dict)


def convert_checkpoint(kind: str, src: str | Path, dst: str | Path) -> list[str]:
    """Convert a checkpoint of another project to the entry names of avis.

    A project adds a kind of its own by a function from state dict to a converted state dict and the
    list of dropped entries, registered in the registry ``CONVERTERS``::

        @CONVERTERS.register_module(name='my_method')
        def convert_my_method(state_dict):
            return {f'backbone.{name}': value for name, value in state_dict.items()}, []

    Args:
        kind: Name of a registered converter, see :func:`available_converters`.
        src: Checkpoint of the other project.
        dst: File to write; it appears only when it is complete.

    Returns:
        Names of the entries that were dropped because the official model never executes them.

    Raises:
        FileNotFoundError: ``src`` does not exist.
        ValueError: Unknown kind, damaged file, or entries that the converter does not know.
    """
    from avis.registry import CONVERTERS

    kinds = available_converters()
    if kind not in kinds:
        raise ValueError(
            f'unknown kind of checkpoint {kind!r}, expected one of {", ".join(kinds)}; import the '
            f'module that registers a converter of your own before'
        )
    check_writable(Path(dst).parent)
    convert = CONVERTERS.module_dict[kind]
    state_dict, dropped = convert(state_dict_of(load_file(src, 'cpu'), src))
    with atomic_path(dst) as part:
        torch.save({'meta': {'converted_from': kind}, 'state_dict': state_dict}, part)
    return list(dropped)
