"""Use copies of the projects in empty folders, by the command ``avis``.

``python -m tests.helpers.project_copies [PROJECT ...]`` does so with an installed avis: it builds a
wheel, installs it into a new environment, and trains, tests and infers with each small config of
each project. The checkout is on no path. It needs no network.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(path.parent for path in ROOT.glob('projects/*/README.md'))

# Run ``avis WORDS`` in a folder, with another folder on PYTHONPATH; raise if it fails.
Avis = Callable[[Sequence[str | Path], Path, Path], None]

_LOADER = ('num_workers=0', 'persistent_workers=False')
_SPLITS = ('--splits', '2', '1', '1', '--size', '64x64', '--seed', '0')
DATA = {
    'synthetic_aviseg': ('aviseg', '--seconds', '4', '--people-only', '--with-mp4'),
    'synthetic_ms3': ('avsbench_ms3', '--with-mp4'),
    'synthetic_vggss': ('vggss', '--seconds', '3'),
}


def small_configs(project: Path) -> list[Path]:
    """The configs of a project that train on synthetic data."""
    return sorted(project.glob('configs/*synthetic*.py'))


def make_data(folder: Path, avis: Avis, *names: str) -> None:
    """Make data sets of the small configs, as MP4 files too, in the folder ``data``."""
    for name in names:
        layout, *options = DATA[name]
        words = ('data', 'make', '--layout', layout, '--out', f'data/{name}', *_SPLITS, *options)
        avis(words, folder, folder)


def by_epoch(config: Path) -> bool:
    """Whether a small config counts epochs; else it counts iterations."""
    return 'adam_linear_9e' in config.read_text()


def data_name(config: Path) -> str:
    """Folder of the data of a small config, a key of DATA."""
    if 'synthetic_vggss' in config.read_text():
        return 'synthetic_vggss'
    return 'synthetic_ms3' if by_epoch(config) else 'synthetic_aviseg'


def short_options(config: Path) -> list[str]:
    """Overrides for one epoch or two iterations of two clips each, with one process."""
    unit, length = ('epochs', 1) if by_epoch(config) else ('iters', 2)
    options = [
        f'train_cfg.max_{unit}={length}',
        f'train_cfg.val_interval={length}',
        f'default_hooks.checkpoint.interval={length}',
        'default_hooks.logger.interval=1',
        'train_dataloader.batch_size=2',
        'load_from=None',  # of the model that is trained before
    ]
    for split in ('train', 'val', 'test'):
        options += [f'{split}_dataloader.{key}' for key in _LOADER]
    return options


def copy_project(project: Path, folder: Path) -> Path:
    """Copy a project without its tests; returns the copy."""
    ignored = shutil.ignore_patterns('__pycache__', 'tests')
    return Path(shutil.copytree(project, folder / f'my_{project.name}', ignore=ignored))


def use_config(config: Path, folder: Path, avis: Avis) -> str:
    """Train, test and infer with a small config whose data :func:`make_data` made in the folder.

    A model that localizes audio in single frames is not used to infer.

    Returns:
        The logged losses and scores of the training.
    """
    copy, options = config.parents[1], ['--cfg-options', *short_options(config)]
    work_dir = folder / config.stem
    avis(('train', config, '--work-dir', work_dir / 'train', *options), folder, copy)
    (checkpoint,) = work_dir.glob('train/[ei]*_[12].pth')
    avis(('test', config, checkpoint, '--work-dir', work_dir / 'test', *options), folder, copy)
    assert list(work_dir.glob('test/*/*.json')), f'{config.name}: test wrote no scores'
    video = min(folder.glob(f'data/{data_name(config)}/**/*.mp4'), default=None)
    if video is not None:
        words = ('infer', config, checkpoint, video, '--out', work_dir / 'infer', '--fps', '1')
        avis(words, folder, copy)
        assert list(work_dir.glob('infer/*/results.json')), f'{config.name}: infer wrote no results'
    (scalars,) = work_dir.glob('train/*/vis_data/scalars.json')
    return scalars.read_text()


def install_wheel(folder: Path) -> Path:
    """Build a wheel of avis and install it into a new environment; returns its Python.

    Other packages are those of the environment that runs this.
    """
    ignored = shutil.ignore_patterns('.*', 'build', 'data', 'work_dirs', 'projects', '*.egg-info')
    source = shutil.copytree(ROOT, folder / 'source', ignore=ignored)
    pip = (sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check')
    build = ('wheel', source, '--no-deps', '--no-build-isolation', '--wheel-dir', folder)
    subprocess.run([*pip, *build], check=True)
    shutil.rmtree(source)
    venv.create(folder / 'environment')
    python = folder / 'environment' / 'bin' / 'python'
    (wheel,) = folder.glob('*.whl')
    install = ('--python', python, 'install', '--no-deps', '--no-index', wheel)
    subprocess.run([*pip, *install], check=True)
    (packages,) = (folder / 'environment').glob('lib/python*/site-packages')
    # A .pth file in a folder that is added so, as of an editable avis, is not read.
    (packages / 'others.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return python


def installed_avis(python: Path) -> Avis:
    """The command ``avis`` beside a Python; it prints each call and how long it took."""

    def run(words: Sequence[str | Path], folder: Path, path: Path) -> None:
        start = time.monotonic()
        done = subprocess.run(
            [python.with_name('avis'), *words],
            cwd=folder,
            env={**_environment(), 'PYTHONPATH': str(path)},
            capture_output=True,
            text=True,
        )
        seconds = time.monotonic() - start
        sys.stdout.write(f'  avis {words[0]}: status {done.returncode}, {seconds:.0f} s\n')
        sys.stdout.flush()
        if done.returncode:
            raise AssertionError(f'avis {" ".join(map(str, words))}:\n{done.stderr[-3000:]}')

    return run


def _environment() -> dict[str, str]:
    """The environment without the settings of this Python."""
    return {key: value for key, value in os.environ.items() if not key.startswith('PYTHON')}


def check_origin(python: Path, folder: Path) -> None:
    """Assert that avis comes from the environment of a Python and the checkout is on no path."""
    code = 'import avis, sys; print(avis.__file__, *sys.path, sep="\\n")'
    printed = subprocess.check_output(
        [python, '-c', code], cwd=folder, env=_environment(), text=True
    )
    origin, *paths = printed.splitlines()
    assert Path(origin).is_relative_to(python.parents[1]), f'avis comes from {origin}'
    assert str(ROOT) not in paths
    sys.stdout.write(f'avis is {origin}\n')


def main() -> None:
    """Use the named projects, or all."""
    names = sys.argv[1:] or [project.name for project in PROJECTS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = install_wheel(folder)
        check_origin(python, folder)
        avis = installed_avis(python)
        make_data(folder, avis, *DATA)
        for project in names:
            empty = folder / 'runs' / project
            shutil.copytree(folder / 'data', empty / 'data')
            for config in small_configs(copy_project(ROOT / 'projects' / project, empty)):
                sys.stdout.write(f'{project}: {config.name}\n')
                use_config(config, empty, avis)


if __name__ == '__main__':
    main()
