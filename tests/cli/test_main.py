"""The command ``avis``: every command describes itself, and imports nothing heavy for it."""

import subprocess
import sys

import pytest

from avis.cli.commands import COMMANDS, GROUPS
from avis.cli.main import SHELLS, command_parser, main
from avis.evaluation.benchmarks.registry import BENCHMARKS
from tests.helpers.subprocess_python import ROOT, run_python


def help_of(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_describes_itself_with_examples(name: str, capsys) -> None:
    text = help_of(capsys, *name.split(), '--help')
    assert text.startswith(f'usage: avis {name} ')
    assert f'\nexamples:\n  avis {name} ' in text
    assert '--debug' in text


def test_examples_of_all_commands_parse() -> None:
    for name in COMMANDS:
        parser = command_parser(name)
        lines = parser.format_help().partition('examples:\n')[2].partition('\n\n')[0]
        for line in lines.splitlines():
            parser.parse_args(line.split()[1:])


def test_overview_lists_every_command_and_group(capsys) -> None:
    main([])
    text = capsys.readouterr().out
    assert text == help_of(capsys, '--help')
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(' ')
        listed = help_of(capsys, group) if group else text
        assert f' {last} ' in listed
        assert command.summary in ' '.join(listed.split())
    assert {name.split()[0] for name in COMMANDS if ' ' in name} == set(GROUPS)


def test_unknown_command_is_named(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(['trian'])
    assert end.value.code == 2
    assert "invalid choice: 'trian'" in capsys.readouterr().err


def test_help_of_evaluate_names_the_layout_of_every_benchmark(capsys) -> None:
    layouts = help_of(capsys, 'evaluate', '--help').partition('layouts:\n')[2]
    assert all(f'  {name}' in layouts for name in BENCHMARKS.names()[:5])
    assert max(map(len, layouts.splitlines())) <= 80


def test_parsers_of_all_commands_import_nothing_heavy() -> None:
    code = 'import sys; from avis.cli.main import overview_parser; overview_parser(complete=True)'
    printed = run_python(f'{code}; print(*sys.modules)')
    heavy = {'torch', 'mmengine', 'mmdet', 'numpy', 'rich', 'av', 'cv2', 'scipy'}
    assert not heavy & set(printed.split())


@pytest.mark.parametrize('shell', SHELLS)
def test_completion_knows_commands_options_and_files(shell: str, capsys) -> None:
    assert main(['--print-completion', shell]) is None
    script = capsys.readouterr().out
    for word in ('evaluate', 'no-jf', 'make', 'convert'):
        assert word in script
    if shell == 'bash':
        assert subprocess.run(['bash', '-n'], input=script, text=True).returncode == 0
        assert '_shtab_avis_train_pos_0_COMPGEN=_shtab_compgen_files' in script
        assert '_shtab_avis_test___show_dir_COMPGEN=_shtab_compgen_dirs' in script
        assert '_shtab_avis_train___cfg_options_COMPGEN' not in script


def test_python_runs_the_package_as_a_program() -> None:
    words = [sys.executable, '-m', 'avis', 'data', 'make', '--layout', 'avtrack', '--out', '.']
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr.startswith('error: . exists and is not empty')
