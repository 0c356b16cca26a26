"""The registries of avis: children of mmdet's, so mmdet's own parts build under our scope too.

``@MODELS.register_module()`` enrols a class; a config names the class itself or its string.
Each registry lists the modules of its packages by looking at the files: a string is found without
an import list that somebody has to maintain.
"""

from pathlib import Path

from mmdet import registry as mmdet_registry
from mmengine.registry import Registry

_ROOT = Path(__file__).parent


def _modules(package: str) -> list[str]:
    """Dotted names of every module below ``avis/<package>``, in a stable order."""
    files = sorted((_ROOT / package).rglob('*.py'))
    names = [f.relative_to(_ROOT.parent).with_suffix('') for f in files if f.stem != '__init__']
    return ['.'.join(name.parts) for name in names]


def _child(name: str, *packages: str) -> Registry:
    """A registry under the scope ``avis`` whose parent is mmdet's registry of the same name."""
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


def _enrol_scope() -> None:
    """Give mmdet's other registries an empty child: mmengine warns where it misses a scope."""
    for name, parent in vars(mmdet_registry).items():
        if isinstance(parent, Registry) and name not in globals():
            Registry(parent.name, parent=parent, scope='avis')


_enrol_scope()
