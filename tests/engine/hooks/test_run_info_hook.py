"""A log contains what is needed to repeat the run."""

import subprocess
from pathlib import Path

import avis
from avis.engine.hooks.run_info_hook import git_commit, package_versions


def git(folder: Path, *arguments: str) -> None:
    identity = ('-c', 'user.name=x', '-c', 'user.email=x@example.org')
    subprocess.run(['git', '-C', str(folder), *identity, *arguments], check=True)


def test_versions_list_avis_and_its_dependencies() -> None:
    versions = package_versions()
    assert versions['avis'].startswith(avis.__version__)
    assert {'torch', 'mmengine', 'mmdet'} <= set(versions)
    assert all(type(version) is str for version in versions.values())


def test_commit_is_that_of_the_package_and_marks_changes(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git(tmp_path, 'init', '-q')
    package = tmp_path / 'package'
    package.mkdir()
    (package / '__init__.py').write_text('')
    assert git_commit(package) is None  # inside a repository that does not track it
    git(tmp_path, 'add', '.')
    git(tmp_path, 'commit', '-q', '-m', 'x')
    commit = git_commit(package)
    assert commit is not None
    assert len(commit) >= 7
    (package / '__init__.py').write_text('changed = True')
    assert git_commit(package) == f'{commit}-dirty'
