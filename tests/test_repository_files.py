"""Files for GitHub, Read the Docs and Docker name what exists."""

import re
from pathlib import Path

import pytest
import yaml

from avis.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / '.github/workflows').glob('*.yml'))
TEMPLATES = sorted((ROOT / '.github/ISSUE_TEMPLATE').glob('*_*.yml'))


def extras(text: str) -> set[str]:
    return set(re.findall(r'\w+', text))


def exists_as_extra(names: set[str]) -> bool:
    return all((ROOT / f'requirements/{name}.txt').is_file() for name in names)


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_runs_what_anybody_can_run(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text())['jobs']
    commands = [step['run'] for job in jobs.values() for step in job['steps'] if 'run' in step]
    assert 'bash .ci/run' in commands
    assert (ROOT / '.ci/run').is_file()
    called = re.findall(r'avis (\w+)$', '\n'.join(commands), re.MULTILINE)
    assert called
    assert set(called) <= set(COMMANDS)
    versions = jobs['checks']['strategy']['matrix']['python']
    stated = re.search(r'Python 3\.(\d+) to 3\.(\d+)', (ROOT / 'README.md').read_text())
    assert versions == [f'3.{minor}' for minor in range(int(stated[1]), int(stated[2]) + 1)]


@pytest.mark.parametrize('path', TEMPLATES, ids=lambda path: path.stem)
def test_issue_template_has_fields_with_unique_ids(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert form['name']
    assert form['description']
    ids = [field['id'] for field in form['body'] if field['type'] != 'markdown']
    assert ids
    assert len(set(ids)) == len(ids)


def test_read_the_docs_builds_what_make_docs_builds() -> None:
    settings = yaml.safe_load((ROOT / '.readthedocs.yml').read_text())
    assert (ROOT / settings['sphinx']['configuration']).is_file()
    assert settings['sphinx']['fail_on_warning'] is True
    (package,) = settings['python']['install']
    assert 'docs' in package['extra_requirements']
    assert exists_as_extra(set(package['extra_requirements']))
    files = re.findall(r'requirements/\w+\.txt', ' '.join(settings['build']['jobs'].popitem()[1]))
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_image_installs_existing_extras_and_runs_avis() -> None:
    text = (ROOT / 'Dockerfile').read_text()
    arguments = dict(re.findall(r'^ARG (\w+)=(\S+)$', text, re.MULTILINE))
    assert arguments.keys() == {'PYTHON', 'TORCH_INDEX', 'EXTRAS'}
    assert exists_as_extra(extras(arguments['EXTRAS']))
    assert arguments['TORCH_INDEX'].endswith('/cpu')
    assert 'ENTRYPOINT ["avis"]' in text
    for source in re.findall(r'^COPY (\S+)', text, re.MULTILINE):
        assert (ROOT / source).exists()
    ignored = (ROOT / '.dockerignore').read_text().split()
    assert {'.git', '.venv', 'data', 'work_dirs'} <= set(ignored)
