import importlib.util
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import avis

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def setup():
    spec = importlib.util.spec_from_file_location('avis_setup', ROOT / 'setup.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install(folder: Path, name: str, version: str = '2.1.0') -> None:
    """Leave the trace that pip leaves of an installed distribution."""
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


@pytest.mark.parametrize('name', ['mmcv', 'mmcv-full', 'MMCV'])
@pytest.mark.parametrize('version', ['2.0.1', '2.1.0+cu121', '9.0'])
def test_an_installed_mmcv_is_kept_whatever_its_version(setup, tmp_path, name, version):
    install(tmp_path / 'platlib', name, version)
    assert setup.mmcv_requirement([str(tmp_path / 'purelib'), str(tmp_path / 'platlib')]) == []


@pytest.mark.parametrize('others', [[], ['mmcv-lite'], ['mmengine', 'mmcv-extras']])
def test_without_mmcv_the_lite_one_is_required(setup, tmp_path, others):
    for name in others:
        install(tmp_path, name)
    assert setup.mmcv_requirement([str(tmp_path)]) == ['mmcv-lite==2.1.0']


def test_site_packages_are_looked_at_though_the_build_is_isolated(setup, monkeypatch):
    monkeypatch.setattr(sys, 'path', ['isolated'])
    folders = setup.environment_folders()
    assert {'isolated', sysconfig.get_path('purelib'), sysconfig.get_path('platlib')} <= {*folders}


def test_requirements_have_lower_bounds_and_no_upper_ones(setup):
    for name in ('runtime', *setup.EXTRAS):
        for line in setup.read_requirements(name):
            assert re.fullmatch(r'[a-z0-9-]+(\[[a-z,-]+\])?>=[0-9.]+', line), f'{name}: {line}'


def test_constraints_pin_every_requirement_without_places_of_one_machine(setup):
    lines = setup.read_requirements('constraints')
    pinned = {line.split('==')[0] for line in lines}
    for name in ('runtime', 'all', 'tests', 'docs'):
        assert {line.split('>=')[0] for line in setup.read_requirements(name)} <= pinned
    assert {'torch', 'mmcv-lite'} <= pinned
    assert all(re.match(r'[a-z0-9-]+==[0-9][\w.]*; python_version >= "3.11"$', x) for x in lines)


def test_the_version_is_that_of_the_package(setup):
    assert setup.read_version() == avis.__version__
    assert f'\nversion: {avis.__version__}\n' in (ROOT / 'CITATION.cff').read_text()


def test_setup_needs_nothing_but_setuptools(setup, tmp_path):
    code = f"""
import runpy, sys
for name in ('torch', 'numpy', 'avis'):
    sys.modules[name] = None  # importing it fails
sys.argv = ['setup.py', '-q', 'egg_info', '--egg-base', {str(tmp_path)!r}]
runpy.run_path('setup.py', run_name='__main__')
"""
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
    lines = (tmp_path / 'avis.egg-info/requires.txt').read_text().splitlines()
    assert {f'[{name}]' for name in setup.EXTRAS} <= {*lines}
    base = setup.mmcv_requirement(setup.environment_folders()) + setup.read_requirements('runtime')
    assert sorted(lines[: lines.index('')]) == sorted(base)
