"""Packaging of avis: ``pip install -e .``; needs neither torch nor network access of its own."""

import re
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Included in a wheel as avis/.mim, as all packages of OpenMMLab do it.
MIM_FOLDERS = ('configs', 'tools')
EXTRAS = (
    *('all', 'speech', 'speechbrain', 'modelscope', 'vlm', 'offline', 'report', 'app', 'encoders'),
    *('a2d', 'shards', 'tests', 'docs'),
)


def read_requirements(name: str) -> list[str]:
    """Lines of ``requirements/<name>.txt`` without comments and blank lines."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    stripped = (line.split('#')[0].strip() for line in lines)
    return [line for line in stripped if line]


def environment_folders() -> list[str]:
    """Folders that hold the packages of the environment avis is being installed into.

    pip builds in isolation: the site-packages of the environment are taken off ``sys.path``, but
    ``sysconfig`` still knows them.
    """
    folders = {*sys.path, sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
    if sys.prefix == sys.base_prefix:  # outside a virtual environment pip may use the user's folder
        folders.add(site.getusersitepackages())
    return sorted(folders)


def mmcv_requirement(folders: Iterable[str]) -> list[str]:
    """What to require so that ``import mmcv`` works and no mmcv of the user is overwritten.

    Both distributions install the package ``mmcv``: one over the other would mix their files.

    Args:
        folders: Folders to look for installed distributions in.

    Returns:
        Nothing when mmcv (compiled or not) is there, else the pinned mmcv-lite.
    """
    names = {(dist.metadata['Name'] or '').lower() for dist in distributions(path=list(folders))}
    return [] if names & {'mmcv', 'mmcv-full'} else ['mmcv-lite==2.1.0']


def read_version() -> str:
    """The version written in ``avis/__init__.py``, without importing it."""
    text = (ROOT / 'avis' / '__init__.py').read_text(encoding='utf-8')
    found = re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)
    if found is None:
        raise ValueError('avis/__init__.py does not define __version__ on a line of its own')
    return found.group(1)


class BuildWithConfigs(build_py):
    """Copy configs and tools into the package; an editable install uses those of the clone."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._mim_files():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                shutil.copymode(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(target) for _, target in self._mim_files()]
        return [*super().get_outputs(include_bytecode), *copied]

    def _mim_files(self) -> list[tuple[Path, Path]]:
        mim = Path(self.build_lib) / 'avis' / '.mim'
        files = (path for name in MIM_FOLDERS for path in sorted((ROOT / name).rglob('*')))
        return [
            (path, mim / path.relative_to(ROOT))
            for path in files
            if path.is_file() and '__pycache__' not in path.parts
        ]


if __name__ == '__main__':
    setup(
        name='avis',
        version=read_version(),
        description='A modular toolbox for audio-visual segmentation and speaker tracking',
        long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        author='The avis contributors',
        license='Apache-2.0',
        keywords='audio-visual segmentation, speaker tracking, computer vision, OpenMMLab',
        packages=find_packages(include=['avis', 'avis.*']),
        # With it an editable install adds the clone to sys.path by a .pth file. The finder that
        # setuptools installs otherwise comes after sys.path: a script beside the clone would find
        # the folder of the clone as an empty namespace package instead.
        package_dir={'': '.'},
        cmdclass={'build_py': BuildWithConfigs},
        package_data={'': ['*.txt', '*.pyi'], 'avis.report': ['templates/*']},
        entry_points={'console_scripts': ['avis = avis.cli.main:run_avis']},
        python_requires='>=3.10',
        install_requires=read_requirements('runtime') + mmcv_requirement(environment_folders()),
        extras_require={name: read_requirements(name) for name in EXTRAS},
        classifiers=[
            'Development Status :: 3 - Alpha',
            'Intended Audience :: Science/Research',
            'Operating System :: OS Independent',
            *[f'Programming Language :: Python :: 3.{minor}' for minor in (10, 11, 12, 13)],
            'Topic :: Scientific/Engineering :: Artificial Intelligence',
        ],
    )
