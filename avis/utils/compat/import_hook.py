"""Run code around the import of a module of another package, without importing it early."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

AroundImport = Callable[[Callable[[ModuleType], None], ModuleType], None]


class _AroundLoader(Loader):
    """The original loader of a module, with our code around the execution of its body."""

    def __init__(self, loader: Loader, around: AroundImport) -> None:
        self.loader = loader
        self.around = around

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module by the original loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the body within our code."""
        self.around(self.loader.exec_module, module)


class _AroundFinder(MetaPathFinder):
    """Finds one module by its original finder and wraps the loader."""

    def __init__(self, name: str, around: AroundImport) -> None:
        self.name = name
        self.around = around
        self.searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find this one module only, except during the search by the other finders."""
        if fullname != self.name or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.searching = False
        if spec is not None and spec.loader is not None:
            spec.loader = _AroundLoader(spec.loader, self.around)
        return spec


def around_import(name: str, around: AroundImport) -> None:
    """Call ``around(execute, module)`` when the module ``name`` is imported.

    Args:
        name: Full dotted name of the module.
        around: Receives the function that executes the module's body and the module. For a
            module that is imported already it is called at once with a function that does
            nothing.
    """
    if name in sys.modules:
        around(lambda module: None, sys.modules[name])
    elif not any(isinstance(f, _AroundFinder) and f.name == name for f in sys.meta_path):
        sys.meta_path.insert(0, _AroundFinder(name, around))


def after_import(name: str, callback: Callable[[ModuleType], None]) -> None:
    """Call ``callback(module)`` once the module ``name`` has been imported."""

    def around(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        callback(module)

    around_import(name, around)
