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


def test_without_compiled_ops_the_import_works_and_the_call_explains():
    stand_in = importlib.import_module('mmcv._ext')
    assert hasattr(stand_in, 'ms_deform_attn_forward')
    with pytest.raises(ImportError, match=r"'nms' was called.*avis\.ops.*mim install"):
        stand_in.nms(1, iou=2)


def test_the_stand_in_does_not_pretend_dunder_names():
    stand_in = importlib.import_module('mmcv._ext')
    assert not hasattr(stand_in, '__path__')
    assert not hasattr(stand_in, '__wrapped__')


def test_a_compiled_mmcv_is_used_when_installed(tmp_path):
    code = 'import avis, mmcv._ext; print(mmcv._ext.nms(1))'
    assert run_python(code, write_package(tmp_path, COMPILED)).strip() == 'compiled'


def test_installing_twice_adds_one_finder(monkeypatch):
    monkeypatch.setattr(sys, 'meta_path', sys.meta_path[:])
    mmcv_ops.install()
    names = [type(finder).__name__ for finder in sys.meta_path]
    assert names.count('_MissingOpsFinder') == 1
    assert names.index('_MissingOpsFinder') > sys.meta_path.index(PathFinder)


def test_other_missing_modules_of_mmcv_stay_missing():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('mmcv._ext2')
