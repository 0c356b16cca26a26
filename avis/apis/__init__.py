"""What a user of avis calls; everything else is reached through its room.

Each name is imported when it is first used: the evaluator does not need torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avis.apis.checkpoint import convert_checkpoint, init_model
    from avis.apis.config import load_config
    from avis.apis.evaluation import evaluate

__all__ = ['convert_checkpoint', 'evaluate', 'init_model', 'load_config']

_MODULES = {
    'convert_checkpoint': 'checkpoint',
    'evaluate': 'evaluation',
    'init_model': 'checkpoint',
    'load_config': 'config',
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'avis.apis.{_MODULES[name]}'), name)
