"""Import packages that only some components need."""

import importlib
from types import ModuleType


def require(module: str, *, by: str, install: str) -> ModuleType:
    """Import an optional package where it is needed.

    Args:
        module: Dotted name.
        by: Component that needs it.
        install: Command that installs it.

    Raises:
        ImportError: It is missing or broken; the message contains the command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{by} needs {module} ({error}); install it: {install}') from error
