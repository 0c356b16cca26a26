"""Load the pretrained weights of a backbone strictly; a missing file is an error with remedy."""

from pathlib import Path

from mmengine.model import BaseModule

from avis.registry import CONVERTERS
from avis.utils.checkpoint import load_state_dict_strict, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file


def load_pretrained(backbone: BaseModule, kind: str) -> bool:
    """Load the file of ``init_cfg.checkpoint``, in the official naming or converted.

    mmengine's own loader ignores every entry that does not fit: with a wrong file a training starts
    from random weights.

    Args:
        backbone: Changed in place.
        kind: Name of the converter in ``CONVERTERS`` for a file in the official naming.

    Returns:
        False if ``init_cfg`` names no local file and the backbone must initialize itself.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is damaged or contains another network.
    """
    config = backbone.init_cfg
    path = config.get('checkpoint') if isinstance(config, dict) else None
    if path is None or '://' in str(path):
        return False
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'{type(backbone).__name__}: the pretrained weights {path} do not exist. Make them '
            f'from the official file: `python tools/model_converters/convert_checkpoint.py {kind} '
            f'OFFICIAL.pth {path}`, or start from random weights with --cfg-options '
            f'model.backbone.init_cfg=None.'
        )
    weights = state_dict_of(load_file(path, 'cpu'), path)
    if not weights.keys() <= backbone.state_dict().keys():
        try:
            weights, _ = CONVERTERS.get(kind)(weights)
        except ValueError as error:
            raise ValueError(f'{type(backbone).__name__}: {path} is {error}.') from error
    load_state_dict_strict(backbone, weights, path)
    return True
