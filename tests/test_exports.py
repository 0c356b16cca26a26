"""Packages export their public classes: the stubs agree with the code, and nothing is imported."""

import ast
import importlib
import pickle
from pathlib import Path

import pytest

from avis.apis import load_config
from tests.helpers.subprocess_python import ROOT, run_python

STUBS = sorted((ROOT / 'avis').rglob('__init__.pyi'))
PACKAGES = {'.'.join(stub.parent.relative_to(ROOT).parts): stub for stub in STUBS}


def exports(stub: Path) -> dict[str, str]:
    """Exported name -> module, as written in a stub."""
    package = '.'.join(stub.parent.relative_to(ROOT).parts)
    lines = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f'{package}.{line.module}' for line in lines for alias in line.names}


def registered_classes() -> dict[str, dict[str, str]]:
    """Package -> registered class -> module; the package is the nearest one with a stub."""
    found: dict[str, dict[str, str]] = {package: {} for package in PACKAGES}
    for file in sorted((ROOT / 'avis').rglob('*.py')):
        module = '.'.join(file.relative_to(ROOT).with_suffix('').parts)
        above = [name for name in PACKAGES if module.startswith(f'{name}.')]
        nearest = max(above, key=len, default=None)
        for node in ast.parse(file.read_text()).body:
            decorators = node.decorator_list if isinstance(node, ast.ClassDef) else ()
            if any('register_module' in ast.dump(decorator) for decorator in decorators):
                assert nearest is not None, f'{module}: no package above it exports {node.name}'
                found[nearest][node.name] = module
    return found


@pytest.mark.parametrize(('package', 'stub'), PACKAGES.items(), ids=PACKAGES)
def test_every_exported_name_exists(package: str, stub: Path) -> None:
    names = exports(stub)
    assert importlib.import_module(package).__all__ == sorted(names)
    for name, module in names.items():
        value = getattr(importlib.import_module(package), name)
        assert value.__module__ == module, f'{stub}: {name} is defined in {value.__module__}'


@pytest.mark.parametrize(('package', 'classes'), registered_classes().items(), ids=PACKAGES)
def test_every_registered_class_is_exported(package: str, classes: dict[str, str]) -> None:
    names = exports(PACKAGES[package])
    missing = [
        f'from .{module.removeprefix(package + ".")} import {name} as {name}'
        for name, module in classes.items()
        if names.get(name) != module
    ]
    assert not missing, f'{PACKAGES[package]}: add or correct these lines: {missing}'


def test_importing_a_package_imports_nothing_heavy() -> None:
    printed = run_python(f'import sys, {", ".join(PACKAGES)}; print(*sys.modules)')
    assert not {'torch', 'mmengine', 'mmdet', 'numpy'} & set(printed.split())


def test_an_exported_class_is_resolved_printed_and_pickled_as_itself(tmp_path: Path) -> None:
    from avis.models.fusion.simple import AddFusion

    path = tmp_path / 'config.py'
    path.write_text(
        'from avis.models import AddFusion\n\nmodel = dict(type=AddFusion, channels=4)\n'
    )
    config = load_config(path)
    assert config.model.type is AddFusion
    assert pickle.loads(pickle.dumps(config)).model.type is AddFusion
    assert "type='avis.models.AddFusion'" in config.pretty_text
    config.dump(tmp_path / 'dumped.py')
    dumped = load_config(tmp_path / 'dumped.py')
    assert dumped.model.type == 'avis.models.AddFusion'
    from avis.registry import MODELS

    assert type(MODELS.build(dumped.model)) is AddFusion


def test_a_wrong_name_is_reported_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / 'config.py'
    path.write_text('from avis.models import AddFuson\n\nmodel = dict(type=AddFuson)\n')
    with pytest.raises(ValueError, match=r'AddFuson from avis\.models in .*config\.py, line 1'):
        load_config(path)
