import sys

import pytest

from avis.utils.compat.import_hook import after_import, around_import
from tests.helpers.subprocess_python import write_package


@pytest.fixture
def late_module(tmp_path, monkeypatch):
    """A module nobody has imported yet; finders and modules of the test are taken away again."""
    write_package(tmp_path, {'late_room/__init__.py': '', 'late_room/late.py': 'value = 1\n'})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'meta_path', sys.meta_path[:])
    yield 'late_room.late'
    for name in ('late_room', 'late_room.late'):
        sys.modules.pop(name, None)


def test_callback_waits_for_the_import(late_module):
    seen = []
    after_import(late_module, lambda module: seen.append(module.value))
    assert seen == []
    assert late_module not in sys.modules

    import late_room.late

    assert seen == [1]
    assert late_room.late.__file__.endswith('late.py')


def test_callback_runs_at_once_when_imported_already():
    seen = []
    after_import('json', seen.append)
    assert seen == [sys.modules['json']]


def test_waiting_twice_calls_once(late_module):
    seen = []
    for _ in range(2):
        after_import(late_module, lambda module: seen.append(module.__name__))

    import late_room.late  # noqa: F401

    assert seen == [late_module]


def test_around_sees_the_error_of_the_body(late_module, tmp_path):
    (tmp_path / 'late_room/late.py').write_text("raise OSError('libcudart.so')\n")

    def survive(execute, module):
        with pytest.raises(OSError, match='libcudart'):
            execute(module)
        module.value = 'from us'

    around_import(late_module, survive)

    import late_room.late

    assert late_room.late.value == 'from us'


def test_a_missing_module_stays_missing(late_module):
    after_import('late_room.absent', lambda module: None)
    with pytest.raises(ModuleNotFoundError, match=r'late_room\.absent'):
        import late_room.absent  # noqa: F401
