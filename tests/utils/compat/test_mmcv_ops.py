import importlib
import sys
from importlib.machinery import PathFinder

import pytest

from avis.utils.compat import mmcv_ops
from tests.helpers.subprocess_python import run_python, write_package

COMPILED = {
    'mmcv/__init__.py': '',
    'mmcv/_ext.py': 'def nms(boxes):\n    return "compiled"\n',
}


def test_without_compiled_ops_only_calls_raise():
    substitute = importlib.import_module('mmcv._ext')
    assert hasattr(substitute, 'ms_deform_attn_forward')
    with pytest.raises(ImportError, match=r"'nms' was called.*avis\.ops.*mim install"):
        substitute.nms(1, iou=2)


def test_substitute_has_no_dunder_attributes():
    substitute = importlib.import_module('mmcv._ext')
    assert not hasattr(substitute, '__path__')
    assert not hasattr(substitute, '__wrapped__')


def test_compiled_mmcv_is_used_when_installed(tmp_path):
    code = 'import avis, mmcv._ext; print(mmcv._ext.nms(1))'
    assert run_python(code, write_package(tmp_path, COMPILED)).strip() == 'compiled'


def test_second_install_adds_no_finder(monkeypatch):
    monkeypatch.setattr(sys, 'meta_path', sys.meta_path[:])
    mmcv_ops.install()
    names = [type(finder).__name__ for finder in sys.meta_path]
    assert names.count('_MissingOpsFinder') == 1
    assert names.index('_MissingOpsFinder') > sys.meta_path.index(PathFinder)


def test_other_missing_modules_of_mmcv_raise():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('mmcv._ext2')
