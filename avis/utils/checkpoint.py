"""Extract a state dict from a checkpoint and load it strictly into a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avis.utils.compat.checkpoint_loading import load_file


def load_weights(model: nn.Module, checkpoint: str | Path) -> None:
    """Load a checkpoint into a model; every key and shape must match.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is damaged, contains another model, or has values that are no weights,
            see :func:`check_values`; the message names the first keys.
    """
    load_state_dict_strict(
        model, state_dict_of(load_file(checkpoint, 'cpu'), checkpoint), checkpoint
    )


def load_state_dict_strict(
    model: nn.Module, weights: Mapping[str, Tensor], source: str | Path
) -> None:
    """Load a state dict read from the file ``source``; see :func:`load_weights`."""
    wanted = model.state_dict()
    check_values(weights, wanted, source)
    shapes = [
        f'{key}: file {tuple(weights[key].shape)}, model {tuple(wanted[key].shape)}'
        for key in wanted
        if key in weights and weights[key].shape != wanted[key].shape
    ]
    # Modules may allow missing keys of their own, as a frozen encoder does.
    result = model.load_state_dict(
        {k: v for k, v in weights.items() if k not in wanted or v.shape == wanted[k].shape},
        strict=False,
    )
    wrong_shape = {line.split(':')[0] for line in shapes}
    missing = [key for key in result.missing_keys if key not in wrong_shape]
    problems = [
        f'{len(keys)} {what} ({"; ".join(keys[:3])}{"; ..." if len(keys) > 3 else ""})'
        for what, keys in (
            ('keys of another shape', shapes),
            ('keys missing in the file', missing),
            ('keys unknown to the model', result.unexpected_keys),
        )
        if keys
    ]
    if problems:
        raise ValueError(
            f'Checkpoint {source} does not fit {type(model).__name__}: '
            f'{", ".join(problems)}. Use the config it was trained with (same backbone and number '
            f'of classes), or convert it with tools/model_converters/convert_checkpoint.py.'
        )


def check_values(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str | Path
) -> None:
    """Check that the values of a checkpoint are finite and of the kind that the model has.

    A model would load NaN, infinite, integer or complex values without a word and predict nothing
    or noise.

    Args:
        weights: The entries of the checkpoint.
        wanted: The entries of the model; others are not checked.
        source: The file, for the message.

    Raises:
        ValueError: Some are not; the message names the first ones.
    """
    found = ((key, _problem(weights[key], wanted[key])) for key in wanted if key in weights)
    problems = [f'{key} {problem}' for key, problem in found if problem]
    if problems:
        more = '; ...' if len(problems) > 3 else ''
        raise ValueError(
            f'Checkpoint {source} has {len(problems)} unusable '
            f'entr{"y" if len(problems) == 1 else "ies"} ({"; ".join(problems[:3])}{more}). Use '
            f'another checkpoint of the run, or fetch the file again.'
        )


def _problem(value: Tensor, own: Tensor) -> str:
    """What is wrong with the values of an entry; empty if nothing is."""
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        return 'is no dense tensor'
    if value.is_complex() != own.is_complex() or (
        value.is_floating_point() != own.is_floating_point()
    ):
        return f'is {_name(value)}, expected {_name(own)}'
    if not value.is_floating_point():
        return ''
    finite = value.float().isfinite()
    # Some masks of a model are infinite by design.
    if finite.all() or not own.float().isfinite().all():
        return ''
    return f'has {int((~finite).sum())} of {value.numel()} values that are NaN or infinite'


def _name(value: Tensor) -> str:
    return str(value.dtype).removeprefix('torch.')


def state_dict_of(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The state dict of a loaded checkpoint, without the prefix of data-parallel wrappers.

    NumPy arrays, as Detectron2 stores them, become tensors.

    Raises:
        ValueError: It contains no dict of tensors.
    """
    for key in ('state_dict', 'model'):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f'{path}: expected a state dict, got {type(content).__name__}.')
    content = {
        key: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
        for key, value in content.items()
    }
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise ValueError(f'{path}: expected a tensor for {key!r}, got {type(value).__name__}.')
    return {key.removeprefix('module.'): value for key, value in content.items()}
