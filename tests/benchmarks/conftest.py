"""Imports modules of the folder of the benchmarks."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / 'benchmarks'


@pytest.fixture
def import_benchmark(monkeypatch) -> Callable[[str], ModuleType]:
    """Import a module by name, as a program that is run from its folder does."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module
