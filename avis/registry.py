"""The registries of avis: children of mmdet's, so that classes of mmdet build in our scope, too.

``@MODELS.register_module()`` registers a class; a config names the class itself or its string.
Each registry lists the modules of its packages from the file system: a string is found without a
manually maintained import list.
"""

from pathlib import Path

from mmdet import registry as mmdet_registry
from mmengine.registry import Registry

_ROOT = Path(__file__).parent


def _modules(package: str) -> list[str]:
    """Dotted names of all modules below ``avis/<package>``, in a stable order."""
    files = sorted((_ROOT / package).rglob('*.py'))
    names = [f.relative_to(_ROOT.parent).with_suffix('') for f in files if f.stem != '__init__']
    return ['.'.join(name.parts) for name in names]


def _child(name: str, *packages: str) -> Registry:
    """A registry in the scope ``avis`` whose parent is mmdet's registry of the same name."""
    parent = getattr(mmdet_registry, name)
    locations = [module for package in packages for module in _modules(package)]
    return Registry(parent.name, parent=parent, scope='avis', locations=locations)


DATASETS = _child('DATASETS', 'datasets')
TRANSFORMS = _child('TRANSFORMS', 'datasets/transforms')
MODELS = _child('MODELS', 'models', 'avtracker')
METRICS = _child('METRICS', 'evaluation/metrics')
HOOKS = _child('HOOKS', 'engine/hooks')
VISUALIZERS = _child('VISUALIZERS', 'visualization')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine')

# Functions that rename the entries of a foreign checkpoint, by the kind of checkpoint; see
# avis.apis.checkpoint.convert_checkpoint.
CONVERTERS = Registry('converter', scope='avis', locations=_modules('models/converters'))


def _register_scope() -> None:
    """Add an empty child to mmdet's other registries: mmengine warns about missing scopes."""
    for name, parent in vars(mmdet_registry).items():
        if isinstance(parent, Registry) and name not in globals():
            Registry(parent.name, parent=parent, scope='avis')


_register_scope()
