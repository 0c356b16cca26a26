"""mmcv without compiled operators: a substitute for ``mmcv._ext`` that raises on call.

Reason: importing ``mmdet.models`` imports ``mmcv.ops``, which loads the compiled module although
no model of avis calls it. Compiling mmcv is slow and needs a compiler; mmcv-lite has no such
module. A compiled mmcv is used when it is installed: our finder is the last one.
Ends with: a release of mmdet that imports without ``mmcv._ext``.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

NAME = 'mmcv._ext'


class _MissingOps(ModuleType):
    """Has every operator; calling one raises an error with the remedy."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        # Dunder names are requested by the import system.
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> NoReturn:
            raise ImportError(
                f'The compiled mmcv operator {name!r} was called, but the installed mmcv has no '
                f'compiled operators (mmcv-lite). Use the part of avis.ops that replaces it, or '
                f'install a compiled mmcv: pip install -U openmim && mim install "mmcv<2.2"'
            )

        return missing


class _MissingOpsFinder(MetaPathFinder, Loader):
    """Provides the substitute when no other finder finds ``mmcv._ext``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find ``mmcv._ext`` only."""
        return ModuleSpec(fullname, self) if fullname == NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Create the substitute module."""
        return _MissingOps(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: attributes are created on access."""


def install() -> None:
    """Append the finder, so that a compiled ``mmcv._ext`` is always found before it."""
    if not any(isinstance(finder, _MissingOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MissingOpsFinder())
