"""Every project is complete, builds from avis, and depends on no other project."""

import re
from pathlib import Path

import pytest
import yaml
from mmengine.registry import init_default_scope

from avis.apis import load_config
from avis.apis.config_files import list_configs
from tests.helpers.model_zoo import PAGE, insert_table, model_entries
from tests.helpers.small_configs import build_without_memory

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = sorted(path.parent for path in ROOT.glob('projects/*/README.md'))
CONFIGS = [path for project in PROJECTS for path in sorted((project / 'configs').glob('*.py'))]
LEVELS = ('builds', 'runs', 'equals golden', 'equals released weights', 're-measured')


def packages(project: Path) -> set[str]:
    """Names that a project can be imported by."""
    modules = {path.stem for path in project.glob('*.py')}
    return modules | {path.parent.name for path in project.glob('*/__init__.py')}


def imported(folder: Path) -> set[str]:
    """First parts of the names of all modules that the files of a folder import."""
    statement = re.compile(r'^\s*(?:from|import) (\w+)', re.M)
    return {name for path in folder.rglob('*.py') for name in statement.findall(path.read_text())}


def test_every_folder_is_a_project() -> None:
    folders = {path for path in (ROOT / 'projects').iterdir() if any(path.glob('**/*.py'))}
    assert folders == set(PROJECTS)


@pytest.mark.parametrize('project', PROJECTS, ids=lambda path: path.name)
def test_project_is_complete(project: Path, pytestconfig: pytest.Config) -> None:
    assert packages(project)
    assert list((project / 'configs').glob('*.py'))
    assert list((project / 'tests').glob('test_*.py'))  # run by the suite, see testpaths
    assert project in pytestconfig.getini('pythonpath')


@pytest.mark.parametrize('project', PROJECTS, ids=lambda path: path.name)
def test_metafile_lists_every_config_with_sources_and_level(project: Path) -> None:
    content = yaml.safe_load((project / 'metafile.yml').read_text())
    collections = {entry['Name']: entry for entry in content['Collections']}
    for collection in collections.values():
        assert collection['Paper']['URL'].startswith('https://')
        assert all((ROOT / collection[key]).is_file() for key in ('README', 'Code'))
    listed = {ROOT / model['Config'] for model in content['Models']}
    configs = set((project / 'configs').glob('*.py'))
    assert {path for path in configs if not path.stem.startswith('demo_')} <= listed <= configs
    for model in content['Models']:
        assert Path(model['Config']).stem == model['Name']
        metadata = collections[model['In Collection']]['Metadata'] | model.get('Metadata', {})
        assert metadata['Verified'].startswith(LEVELS), model['Name']
        for result in model.get('Results', ()):
            assert len(result['Source']) > 8
            assert all(isinstance(value, int | float) for value in result['Metrics'].values())


def test_projects_import_no_other_project_and_avis_none() -> None:
    names = {project: packages(project) for project in PROJECTS}
    everything = set().union(*names.values())
    assert len(everything) == sum(map(len, names.values()))
    for project, own in names.items():
        assert not imported(project) & (everything - own), project.name
    for folder in ('avis', 'configs', 'tools'):
        assert not imported(ROOT / folder) & everything, folder


def test_names_of_configs_are_unique() -> None:
    names = [path.stem for path in (*CONFIGS, *list_configs())]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_config_builds(config: Path) -> None:
    init_default_scope('avis')
    model = build_without_memory(load_config(config).model)
    assert sum(weight.numel() for weight in model.parameters()) > 10_000


def test_page_of_the_model_zoo_has_a_row_for_each_published_result() -> None:
    rows = [line for line in insert_table(PAGE.read_text()).splitlines() if '| no |' in line]
    results = [
        (model['Name'], result)
        for _, model in model_entries()
        for result in model.get('Results', ())
    ]
    assert len(rows) == len(results) > 20
    assert all(f'`{name}`' in row for row, (name, _) in zip(rows, results, strict=True))
