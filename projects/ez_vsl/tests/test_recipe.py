"""The recipe table of the README states the settings of the configs."""

from pathlib import Path

from tests.helpers.readme_recipe import differences, read_rows

PROJECT = Path(__file__).resolve().parents[1]


def test_configs_have_the_recipe_of_the_readme() -> None:
    assert len(read_rows(PROJECT / 'README.md')) > 9
    assert list(differences(PROJECT)) == []
