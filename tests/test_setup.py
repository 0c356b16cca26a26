import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import avis
from avis.cli.main import run_avis

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def setup():
    spec = importlib.util.spec_from_file_location('avis_setup', ROOT / 'setup.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install(folder: Path, name: str, version: str = '2.1.0') -> None:
    """Write the metadata of an installed distribution."""
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


@pytest.mark.parametrize('name', ['mmcv', 'mmcv-full', 'MMCV'])
@pytest.mark.parametrize('version', ['2.0.1', '2.1.0+cu121', '9.0'])
def test_installed_mmcv_of_any_version_is_kept(setup, tmp_path, name, version):
    install(tmp_path / 'platlib', name, version)
    assert setup.mmcv_requirement([str(tmp_path / 'purelib'), str(tmp_path / 'platlib')]) == []


@pytest.mark.parametrize('others', [[], ['mmcv-lite'], ['mmengine', 'mmcv-extras']])
def test_mmcv_lite_is_required_where_mmcv_is_missing(setup, tmp_path, others):
    for name in others:
        install(tmp_path, name)
    assert setup.mmcv_requirement([str(tmp_path)]) == ['mmcv-lite==2.1.0']


def test_isolated_build_searches_site_packages(setup, monkeypatch):
    monkeypatch.setattr(sys, 'path', ['isolated'])
    folders = setup.environment_folders()
    assert {'isolated', sysconfig.get_path('purelib'), sysconfig.get_path('platlib')} <= {*folders}


def test_requirements_have_lower_bounds_only(setup):
    for name in ('runtime', *setup.EXTRAS):
        for line in setup.read_requirements(name):
            assert re.fullmatch(r'[a-z0-9-]+(\[[a-z,-]+\])?>=[0-9.]+', line), f'{name}: {line}'


def test_constraints_pin_every_requirement_without_local_paths(setup):
    lines = setup.read_requirements('constraints')
    pinned = {line.split('==')[0] for line in lines}
    for name in ('runtime', 'all', 'tests', 'docs'):
        assert {line.split('>=')[0] for line in setup.read_requirements(name)} <= pinned
    assert {'torch', 'mmcv-lite'} <= pinned
    assert all(re.match(r'[a-z0-9-]+==[0-9][\w.]*; python_version >= "3.11"$', x) for x in lines)


def test_version_equals_that_of_the_package(setup):
    assert setup.read_version() == avis.__version__
    assert f'\nversion: {avis.__version__}\n' in (ROOT / 'CITATION.cff').read_text()


def test_setup_needs_setuptools_only(setup, tmp_path):
    code = f"""
import runpy, sys
for name in ('torch', 'numpy', 'avis'):
    sys.modules[name] = None  # importing it fails
sys.argv = ['setup.py', '-q', 'egg_info', '--egg-base', {str(tmp_path)!r}]
runpy.run_path('setup.py', run_name='__main__')
"""
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
    programs = (tmp_path / 'avis.egg-info/entry_points.txt').read_text().split('\n')
    assert programs[:2] == ['[console_scripts]', 'avis = avis.cli.main:run_avis']
    assert callable(run_avis)
    lines = (tmp_path / 'avis.egg-info/requires.txt').read_text().splitlines()
    assert {f'[{name}]' for name in setup.EXTRAS} <= {*lines}
    base = setup.mmcv_requirement(setup.environment_folders()) + setup.read_requirements('runtime')
    assert sorted(lines[: lines.index('')]) == sorted(base)


def test_build_contains_configs_tools_and_package_data(tmp_path):
    code = ['setup.py', '-q', 'build_py', '--build-lib', str(tmp_path)]
    subprocess.run([sys.executable, *code], cwd=ROOT, check=True)
    tracked = subprocess.run(
        ['git', 'ls-files', 'configs', 'tools', 'avis'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    if not tracked:
        pytest.skip('not a git clone')
    present = (name for name in tracked if (ROOT / name).is_file())
    expected = {name if name.startswith('avis/') else f'avis/.mim/{name}' for name in present}
    built = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file()}
    assert {
        name for name in expected if (ROOT / name.removeprefix('avis/.mim/')).is_file()
    } <= built
    assert os.access(tmp_path / 'avis/.mim/tools/dist_train.sh', os.X_OK)


def test_script_beside_an_editable_clone_imports_the_package(tmp_path):
    clone = tmp_path / 'avis'
    clone.mkdir()
    for name in ('setup.py', 'pyproject.toml', 'README.md'):
        shutil.copy(ROOT / name, clone)
    for name in ('requirements', 'avis/utils'):
        shutil.copytree(ROOT / name, clone / name)
    shutil.copy(ROOT / 'avis/__init__.py', clone / 'avis')
    build = [sys.executable, 'setup.py', '-q', 'editable_wheel', '--dist-dir', tmp_path / 'dist']
    subprocess.run(build, cwd=clone, check=True)
    (wheel,) = (tmp_path / 'dist').glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / 'site')
    script = tmp_path / 'script.py'
    script.write_text(
        'import site, sys; site.addsitedir(sys.argv[1]); import avis; print(avis.__file__)'
    )
    printed = subprocess.run(
        # -S: without the site-packages, where this clone may be installed as well.
        [sys.executable, '-S', script, tmp_path / 'site'],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != 'PYTHONPATH'},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == str(clone / 'avis/__init__.py')
