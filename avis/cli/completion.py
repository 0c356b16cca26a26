"""Completion of ``avis`` in a shell, by shtab."""

import argparse

FOLDERS = {'DIR'}
"""Metavars of arguments that name a folder."""
TEXTS = {'KEY=VALUE', 'MODULE', 'ATTRIBUTE', 'NAME', 'NAME[=STRENGTH]'}
"""Metavars of arguments that name no file."""


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write the completion script of ``avis``.

    Commands, options and choices are completed; other values as names of files or folders.

    Args:
        parser: Parser with the arguments of all commands.
        shell: One of ``avis.cli.main.SHELLS``.

    Raises:
        ImportError: shtab is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise ImportError('completion needs shtab; install it: pip install shtab') from error

    for action in _actions(parser):
        words = action.choices is not None or action.metavar in TEXTS
        if not words and action.nargs != 0 and action.type is None:
            kind = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments of a parser and of all its commands."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found += _actions(command)
        else:
            found.append(action)
    return found
