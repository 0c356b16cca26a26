"""Rules that import-linter cannot check: imports at run time, sizes, names, doctests, warnings."""

import ast
import doctest
import importlib
import warnings
from collections import defaultdict

import pytest

from tests.helpers.subprocess_python import ROOT, run_python

HEAVY = {'torch', 'torchaudio', 'mmengine', 'mmcv', 'mmdet', 'transformers', 'librosa'}
MAX_CODE_LINES = 40
# Sibling modules that define the same names: each is a plugin, called by module.
PLUGINS = ('avis/utils/compat', 'avis/synthetic/layouts', 'avis/cli')
CURATED = {'avis/__init__.py', 'avis/utils/compat/__init__.py'}


def modules_below(*folders: str) -> list[str]:
    """Dotted names of the modules below some folders of the repository."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob('*.py'))
    names = (file.relative_to(ROOT).with_suffix('') for file in files)
    return ['.'.join(name.parts) for name in names if name.name != '__init__']


LIGHT = [
    *modules_below('avis/evaluation/functional', 'avis/evaluation/benchmarks'),
    *modules_below('avis/synthetic', 'avis/export'),
    'avis.apis.evaluation',
    *(f'avis.structures.{name}' for name in ('masks', 'mask_track', 'video_record', 'labels')),
]


def test_import_avis_imports_no_heavy_package():
    printed = run_python('import sys, avis; print(*sys.modules)')
    assert not {*HEAVY, 'numpy', 'cv2', 'av', 'rich'} & set(printed.split())


def test_evaluate_imports_no_torch():
    printed = run_python('import sys; from avis.apis import evaluate; print(*sys.modules)')
    assert not HEAVY & set(printed.split())


def test_wrong_name_of_avis_apis_raises_attribute_error():
    with pytest.raises(AttributeError, match=r'No avis\.apis attribute evalate'):
        importlib.import_module('avis.apis').evalate  # noqa: B018


def test_scorers_masks_and_synthetic_data_import_without_torch():
    code = f"""
import importlib, sys
for module in {LIGHT}:
    importlib.import_module(module)
    heavy = {HEAVY} & set(sys.modules)
    if heavy:
        sys.exit(f'{{module}} imports {{heavy}}')
print('light')
"""
    assert run_python(code).strip() == 'light'


def test_init_files_are_empty_or_export_by_their_stub():
    for file in (ROOT / 'avis').rglob('__init__.py'):
        body = [ast.unparse(node) for node in ast.parse(file.read_text()).body]
        if str(file.relative_to(ROOT)) in CURATED or not body:
            continue
        assert body[1:] == [
            'import lazy_loader',
            '__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)',
        ]


@pytest.mark.parametrize(
    'module',
    modules_below(
        'avis/structures', 'avis/export', 'avis/evaluation/functional', 'avis/evaluation/benchmarks'
    ),
)
def test_examples_in_docstrings_pass(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_doctests_are_found():
    finder = doctest.DocTestFinder()
    examples = finder.find(importlib.import_module('avis.structures.masks'))
    assert any(example.examples for example in examples)


@pytest.mark.parametrize('module', ['avis', 'avis.models.fusion.tpavi'])
def test_a_warning_from_avis_is_an_error(module):
    with pytest.raises(UserWarning, match='careless'):
        warnings.warn_explicit('careless', UserWarning, 'file.py', 1, module=module)


def test_a_warning_from_another_package_is_not_an_error():
    with pytest.warns(UserWarning, match='not ours'):
        warnings.warn_explicit('not ours', UserWarning, 'file.py', 1, module='avistools')


def code_lines(function: ast.FunctionDef, source: list[str]) -> int:
    """Lines of a function body without docstring, comments and blank lines."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    used = {n for node in body for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    texts = [source[number - 1].strip() for number in used]
    return sum(1 for text in texts if text and not text.startswith('#'))


def test_functions_have_at_most_40_lines_of_code():
    long = []
    for file in sorted((ROOT / 'avis').rglob('*.py')):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = code_lines(node, text.splitlines())
                if lines > MAX_CODE_LINES:
                    long.append(f'{file.relative_to(ROOT)}:{node.lineno} {node.name}: {lines}')
    assert not long


def public_names(tree: ast.Module) -> set[str]:
    """Functions, classes and variables of a module without a leading underscore."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith('_')}


def test_a_public_name_is_defined_once():
    """A name has one meaning; plugins of one folder may share the names of their interface."""
    homes = defaultdict(set)
    for file in sorted((ROOT / 'avis').rglob('*.py')):
        module = str(file.relative_to(ROOT))
        folder = next((folder for folder in PLUGINS if module.startswith(folder)), module)
        for name in public_names(ast.parse(file.read_text())):
            homes[name].add(folder)
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}
