import sys

import pytest

from avis.utils.compat.import_hook import after_import, around_import
from tests.helpers.subprocess_python import write_package


@pytest.fixture
def late_module(tmp_path, monkeypatch):
    """A module that is not imported yet; finders and modules of the test are removed afterwards."""
    write_package(tmp_path, {'late_package/__init__.py': '', 'late_package/late.py': 'value = 1\n'})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'meta_path', sys.meta_path[:])
    yield 'late_package.late'
    for name in ('late_package', 'late_package.late'):
        sys.modules.pop(name, None)


def test_callback_waits_for_the_import(late_module):
    seen = []
    after_import(late_module, lambda module: seen.append(module.value))
    assert seen == []
    assert late_module not in sys.modules

    import late_package.late

    assert seen == [1]
    assert late_package.late.__file__.endswith('late.py')


def test_callback_of_an_imported_module_runs_at_once():
    seen = []
    after_import('json', seen.append)
    assert seen == [sys.modules['json']]


def test_second_registration_is_ignored(late_module):
    seen = []
    for _ in range(2):
        after_import(late_module, lambda module: seen.append(module.__name__))

    import late_package.late  # noqa: F401

    assert seen == [late_module]


def test_around_can_handle_errors_of_the_body(late_module, tmp_path):
    (tmp_path / 'late_package/late.py').write_text("raise OSError('libcudart.so')\n")

    def survive(execute, module):
        with pytest.raises(OSError, match='libcudart'):
            execute(module)
        module.value = 'from us'

    around_import(late_module, survive)

    import late_package.late

    assert late_package.late.value == 'from us'


def test_missing_module_raises(late_module):
    after_import('late_package.absent', lambda module: None)
    with pytest.raises(ModuleNotFoundError, match=r'late_package\.absent'):
        import late_package.absent  # noqa: F401
