"""Weights that a backbone starts from: read strictly, and with a way out when they are missing."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mmengine.model import BaseModule
from torch import Tensor

from avis.utils.checkpoint import load_state_dict_strict, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file

Convert = Callable[[Mapping[str, Tensor]], tuple[dict[str, Tensor], list[str]]]


def load_pretrained(backbone: BaseModule, convert: Convert) -> bool:
    """Read the file that ``init_cfg.checkpoint`` names, as published or converted.

    mmengine's own way ignores every name that does not fit: with a wrong file a training starts
    from random weights.

    Args:
        backbone: Filled in place.
        convert: Turns the published names into those of the backbone.

    Returns:
        False if ``init_cfg`` names no local file: then the backbone initializes itself.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is damaged, or holds another network.
    """
    config = backbone.init_cfg
    path = config.get('checkpoint') if isinstance(config, dict) else None
    if path is None or '://' in str(path):
        return False
    kind = convert.__module__.rsplit('.', 1)[1]
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'{type(backbone).__name__}: the weights {path} to start from do not exist. Make '
            f'them from the published ones with `python tools/model_converters/'
            f'convert_checkpoint.py {kind} PUBLISHED.pth {path}`, or start from random weights '
            f'with --cfg-options model.backbone.init_cfg=None.'
        )
    weights = state_dict_of(load_file(path, 'cpu'), path)
    if not weights.keys() <= backbone.state_dict().keys():
        try:
            weights, _ = convert(weights)
        except ValueError as error:
            raise ValueError(f'{type(backbone).__name__}: {path} is {error}.') from error
    load_state_dict_strict(backbone, weights, path)
    return True
