"""Base configs by absolute import: ``from avis.configs._base_.models.tpavi_r50 import *``.

mmengine 0.10.7 finds the folder of a package with ``pkg_resources``, which setuptools 82 removed;
:mod:`importlib` finds it here. For avis it is the folder that contains ``configs/``: the clone, or
``avis/.mim`` in a wheel.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from avis.utils.compat.import_hook import after_import

# Where mmengine's modules keep the two functions under their names.
_USERS = ('mmengine.utils.package_utils', 'mmengine.utils', 'mmengine.config.config')


def configs_root() -> Path:
    """The folder that contains ``configs/`` and ``tools/``: the clone or, in a wheel, avis/.mim."""
    package = Path(__file__).resolve().parents[2]
    installed = package / '.mim'
    return installed if (installed / 'configs').is_dir() else package.parent


def is_installed(package: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def get_installed_path(package: str) -> str:
    """The folder below which mmengine looks for the base configs of a package.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    if package == 'avis':
        return str(configs_root())
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'No package named {package!r} is installed.', name=package)
    return str(Path(spec.origin).parent)


def install() -> None:
    """Replace mmengine's two functions once they are defined."""
    after_import(_USERS[0], _replace)


def _replace(module: ModuleType) -> None:
    loaded = (sys.modules[name] for name in _USERS if name in sys.modules)
    for user in (module, *loaded):
        for function in (is_installed, get_installed_path):
            if hasattr(user, function.__name__):
                setattr(user, function.__name__, function)
