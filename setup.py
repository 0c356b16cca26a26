"""Packaging of avis: ``pip install -e .``; needs neither torch nor network access of its own."""

import re
import site
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
EXTRAS = ('all', 'speech', 'speechbrain', 'modelscope', 'vlm', 'offline', 'tests', 'docs')


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
        include_package_data=True,
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
