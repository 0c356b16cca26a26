"""``avis doctor`` tries every part, and an error of one part does not end it."""

import importlib.util
import json

import pytest

from avis.cli import health_checks
from avis.cli.health_checks import CHECKS, Check, run_check
from avis.cli.main import main

MACHINE = ('GPU', 'disk')  # depend on the machine, not on what is installed
INSTALLED = [
    check
    for check in CHECKS
    if check.name not in MACHINE and all(map(importlib.util.find_spec, check.packages))
]


@pytest.mark.parametrize('check', INSTALLED, ids=lambda check: check.name)
def test_part_that_is_installed_works(check: Check, capfd) -> None:
    finding = run_check(check)
    assert (finding.status, finding.remedy) == ('ok', ''), finding.detail
    assert len(finding.versions) >= len(check.packages)
    assert capfd.readouterr().out == ''


def fail() -> str:
    raise OSError('no library\nlibx.so')


@pytest.fixture
def checks(monkeypatch) -> None:
    three = (
        Check('fine', ('pytest',), lambda: 'works', 'nothing'),
        Check('broken', (), fail, 'repair it'),
        Check('absent', ('no_such_package',), fail, 'pip install it'),
    )
    monkeypatch.setattr(health_checks, 'CHECKS', three)


def test_json_lists_versions_details_and_remedies(checks, capsys) -> None:
    assert main(['doctor', '--json']) == 1
    report = json.loads(capsys.readouterr().out)
    assert report['ok'] is False
    found = {check.pop('name'): check for check in report['checks']}
    assert found['fine'] == {
        'status': 'ok',
        'versions': {'pytest': pytest.__version__},
        'detail': 'works',
        'remedy': '',
    }
    assert found['broken']['status'] == 'problem'
    assert found['broken']['detail'] == 'OSError: no library libx.so'
    assert found['absent']['status'] == 'not installed'
    assert found['absent']['remedy'] == 'pip install it'


def test_text_says_what_to_do(checks, capsys) -> None:
    main(['doctor'])
    lines = [' '.join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert 'problem broken: OSError: no library libx.so' in lines
    assert '-> repair it' in lines
    assert lines[-1] == '1 problem'


def test_optional_part_that_is_missing_is_no_problem(checks, monkeypatch, capsys) -> None:
    monkeypatch.setattr(health_checks, 'CHECKS', health_checks.CHECKS[::2])
    assert main(['doctor']) == 0
    assert capsys.readouterr().out.endswith('\nno problems\n')


def test_required_part_that_is_missing_is_a_problem() -> None:
    check = Check('core', ('no_such_package',), fail, 'install it', required=True)
    assert run_check(check)[1:] == ('problem', {}, 'without no_such_package', 'install it')


def test_full_disk_is_a_problem(monkeypatch) -> None:
    disk = next(check for check in CHECKS if check.name == 'disk')
    monkeypatch.setattr(health_checks, 'MIN_FREE_GB', 1e9)
    assert run_check(disk).status == 'problem'
