"""What a user of avis calls; everything else is reached through its room.

Each name is imported when it is first used: the evaluator does not need torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avis.apis.batch_inference import infer
    from avis.apis.checkpoint import convert_checkpoint, init_model
    from avis.apis.config import load_config
    from avis.apis.evaluation import evaluate
    from avis.apis.inference import predict_video, video_record

__all__ = [
    'convert_checkpoint',
    'evaluate',
    'infer',
    'init_model',
    'load_config',
    'predict_video',
    'video_record',
]

_MODULES = {
    'convert_checkpoint': 'checkpoint',
    'evaluate': 'evaluation',
    'infer': 'batch_inference',
    'init_model': 'checkpoint',
    'load_config': 'config',
    'predict_video': 'inference',
    'video_record': 'inference',
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'avis.apis.{_MODULES[name]}'), name)
