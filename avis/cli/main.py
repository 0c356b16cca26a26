"""Command line of avis: ``avis COMMAND`` and ``python -m avis COMMAND``.

``avis COMMAND --help`` describes a command. The scripts in ``tools/`` are the same commands.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import avis
from avis.cli.commands import COMMANDS, GROUPS
from avis.utils.arguments import ToolParser
from avis.utils.cli import run

SHELLS = ('bash', 'zsh', 'tcsh')


def run_avis() -> None:
    """Run the command that ``sys.argv`` names, as the console script does."""
    sys.path.append(str(Path.cwd()))  # modules of the user, as python -m avis finds them
    run(lambda: main(sys.argv[1:]))


def run_tool(name: str) -> None:
    """Run a command as a script of its own, with the arguments of ``sys.argv``."""
    run(lambda: _module(name).main(command_parser(name), sys.argv[1:]))


def main(words: Sequence[str]) -> int | str | None:
    """Run a command line.

    Args:
        words: All words after ``avis``.

    Returns:
        As the functions that :func:`avis.utils.cli.run` calls.
    """
    for length in (2, 1):
        name = ' '.join(words[:length])
        if name in COMMANDS:
            return _module(name).main(command_parser(name, prog=f'avis {name}'), words[length:])
    parser = overview_parser()
    args = parser.parse_args(words)
    if args.print_completion:
        from avis.cli.completion import completion_script

        print(completion_script(overview_parser(complete=True), args.print_completion))
    elif words and words[0] in GROUPS:
        parser.parse_args([words[0], '--help'])
    else:
        parser.print_help()
    return None


def command_parser(
    name: str, *, prog: str | None = None, parser: ToolParser | None = None
) -> ToolParser:
    """Make the parser of a command.

    Args:
        name: Key of ``COMMANDS``.
        prog: Name of the program in its messages; default: that of the running script.
        parser: Parser to extend instead of making one.
    """
    module = _module(name)
    parser = ToolParser(prog=prog) if parser is None else parser
    parser.description = module.__doc__
    if module.EXAMPLES:
        lines = '\n'.join(f'  %(prog)s {line}' for line in module.EXAMPLES)
        parser.epilog = '\n\n'.join([f'examples:\n{lines}', *getattr(module, 'NOTES', ())])
    module.add_arguments(parser)
    return parser


def overview_parser(*, complete: bool = False) -> argparse.ArgumentParser:
    """Make the parser of ``avis`` itself.

    Args:
        complete: With the arguments of all commands, which imports their modules.
    """
    parser = argparse.ArgumentParser(
        'avis',
        description='Audio-visual segmentation and speaker tracking.',
        epilog='avis COMMAND --help describes a command.',
    )
    parser.add_argument('--version', action='version', version=f'avis {avis.__version__}')
    parser.add_argument(
        '--print-completion',
        choices=SHELLS,
        metavar='SHELL',
        help=f'print a completion script: {", ".join(SHELLS)}',
    )
    commands = parser.add_subparsers(metavar='COMMAND', title='commands', parser_class=ToolParser)
    groups: dict[str, Any] = {'': commands}
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(' ')
        if group not in groups:
            summary = GROUPS[group]
            groups[group] = commands.add_parser(
                group, help=summary, description=summary
            ).add_subparsers(metavar='COMMAND', title='commands')
        added = groups[group].add_parser(last, help=command.summary)
        if complete:
            command_parser(name, parser=added)
    return parser


def _module(name: str) -> ModuleType:
    return importlib.import_module(f'avis.cli.{COMMANDS[name].module}')
