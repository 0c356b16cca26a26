"""Models of all configs with a few channels, queries and layers, which run in a second."""

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mmdet.models.backbones import PyramidVisionTransformerV2, ResNet, SwinTransformer
from mmengine.registry import init_default_scope

from avis.apis.config_files import list_configs
from avis.models.audio_encoders.vggish import VGGish
from avis.models.backbones.checkpointed_resnet import CheckpointedResNet
from avis.registry import MODELS
from tests.helpers.small_configs import without_pretrained
from tests.helpers.tiny_asd import narrow as narrow_detector

ROOT = Path(__file__).resolve().parents[2]
# Largest value of an argument, wherever a component has it.
LIMITS = {
    **dict.fromkeys(('channels', 'hidden_channels', 'audio_hidden', 'classifier_channels'), 32),
    **dict.fromkeys(('num_queries', 'num_frame_queries'), 6),
    **dict.fromkeys(('num_encoder_layers', 'num_decoder_layers', 'num_modulator_layers'), 2),
    **dict.fromkeys(('dropout', 'fusion_dropout', 'drop_path_rate'), 0.0),
    'num_classes': 5,
    'num_heads': 4,
    'num_layers': 3,
    'num_points': 32,
    'max_candidates': 6,
    'query_dim': 32,
    'background': 4,
    'score_threshold': -1.0,  # random weights score low
}
# Of dicts without a class, which are arguments of another component.
UNTYPED = {
    'head': {'channels': 32, 'hidden_channels': 32, 'num_layers': 2},
    'refiner': {'channels': 32, 'hidden_channels': 32, 'num_layers': 2},
    'query_generator': {'hidden_channels': 32, 'num_layers': 2},
}
# Of the four maps of a backbone.
WIDTHS, PVT_WIDTHS = (16, 32, 64, 128), (16, 32, 80, 128)


def narrow(model: dict[str, Any]) -> None:
    """Reduce the sizes in the config of a model; its components stay."""
    without_pretrained(model)
    if 'network' in model:
        narrow_detector(model)
    widths = PVT_WIDTHS if _is(model.get('backbone'), PyramidVisionTransformerV2) else WIDTHS
    _narrow_parts(model, widths)
    for name in ('backbone', 'image_backbone', 'audio_backbone'):
        if name in model:
            _narrow_backbone(model[name])
    if _is(model.get('audio_encoder'), VGGish):
        model['audio_encoder'] = {'type': VGGish}  # it gets embeddings
    if 'neck' in model:
        model['neck']['out_channels'] = LIMITS['channels']
    if 'image_backbone' in model and 'channels' in model:
        model['channels'] = WIDTHS[model['image_backbone'].get('num_stages', 4) - 1]
    if 'mask_size' in model:
        model['mask_size'] = (32, 32)
    if 'pixel_decoder' in model.get('frame_head', {}):
        model['frame_head']['pixel_decoder']['num_layers'] = 1


def _is(config: dict[str, Any] | None, parent: type) -> bool:
    return config is not None and issubclass(config['type'], parent)


def _narrow_backbone(config: dict[str, Any]) -> None:
    if _is(config, SwinTransformer):
        config.update(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window_size=4)
    elif _is(config, PyramidVisionTransformerV2):
        config['num_layers'] = (1, 1, 1, 1)
    elif config['depth'] > 18:
        config['depth'] = 50  # see narrow_backbones
    else:
        config.update(base_channels=16, stem_channels=16)


def _narrow_parts(config: dict[str, Any], widths: tuple[int, ...], name: str = '') -> None:
    known = _defaults(config['type']) if 'type' in config else UNTYPED.get(name, {})
    for key, limit in LIMITS.items():
        value = config.get(key, known.get(key))
        if isinstance(value, int | float):
            config[key] = min(value, limit)
    if isinstance(config.get('in_channels'), list | tuple):
        config['in_channels'] = widths
    for key, part in config.items():
        if isinstance(part, dict) and key not in ('audio_encoder', 'text_encoder', 'text_fusion'):
            _narrow_parts(part, widths, key)


def _defaults(cls: Any) -> dict[str, Any]:
    """Default values of the arguments of a class, with those that it passes on to its parents."""
    found: dict[str, Any] = {}
    for parent in getattr(cls, '__mro__', ()):  # of norms and losses of mmdet only the name
        if '__init__' not in vars(parent):
            continue
        parameters = inspect.signature(vars(parent)['__init__']).parameters.values()
        found = {parameter.name: parameter.default for parameter in parameters} | found
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def model_configs() -> list[Path]:
    """Return all configs of models that are trained: those of avis, then those of the projects.

    AVTracker has no mode but prediction, of whole videos, and so has ``lr_asd_faces``.
    """
    own = [path for path in list_configs() if 'avtracker' not in path.parts]
    projects = sorted(ROOT.glob('projects/*/configs/*.py'))
    return [path for path in (*own, *projects) if path.stem != 'lr_asd_faces']


@contextmanager
def narrow_backbones() -> Iterator[None]:
    """Backbones that are built in this context are narrow, those without such arguments too."""
    resnet = partialmethod(ResNet.__init__, base_channels=4)  # a bottleneck widens four times
    pvt = partialmethod(PyramidVisionTransformerV2.__init__, embed_dims=16)
    block, _ = ResNet.arch_settings[50]
    with (
        patch.object(ResNet, '__init__', resnet),
        patch.object(PyramidVisionTransformerV2, '__init__', pvt),
        patch.dict(ResNet.arch_settings, {50: (block, (1, 1, 1, 1))}),
    ):
        yield


def build_narrow(model: dict[str, Any]) -> Any:
    """Build the model of a config that :func:`narrow` changed, always with the same weights."""
    init_default_scope('avis')
    torch.manual_seed(0)
    with narrow_backbones():
        built = MODELS.build(copy.deepcopy(model))
        prior = getattr(built, 'prior', None)  # of EZ-VSL, else read from a file
        if prior is not None:
            network = CheckpointedResNet(depth=18, out_indices=(3,))
            network.eval()
            prior._network.append(network)
    for block in getattr(built, 'fusions', ()):
        if hasattr(block, 'norm'):
            torch.nn.init.ones_(block.norm.weight)  # initially 0: the block would do nothing
    return built
