"""Command line arguments that several tools share. Imports nothing heavy: ``--help`` is instant."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

_SPLITS = ('train', 'val', 'test')


def make_parser(description: str, **options: Any) -> 'ToolParser':
    """Make the parser of a tool that is no command of ``avis``."""
    return ToolParser(description=description, **options)


class ToolParser(argparse.ArgumentParser):
    """Parser of a tool or command, with ``--debug``; blocks of help that are indented keep lines.

    Args:
        description: Docstring of the tool.
        options: Arguments of :class:`argparse.ArgumentParser`.

    Attributes:
        intermixed: Options may stand between positional arguments of one kind.
    """

    def __init__(self, *, description: str | None = None, **options: Any) -> None:
        options.setdefault('formatter_class', _HelpFormatter)
        super().__init__(description=description, **options)
        self.intermixed = False
        self._checkpoint: argparse.Action | None = None
        self.add_argument(
            '--debug',
            action=_SetDebug,
            nargs=0,
            dest=argparse.SUPPRESS,
            default=argparse.SUPPRESS,
            help='show the traceback of errors, as AVIS_DEBUG=1 does',
        )

    def add_checkpoint(self) -> None:
        """Add the checkpoint, as a positional argument or as ``--checkpoint FILE``."""
        self._checkpoint = self.add_argument(
            'checkpoint', help='weights, or "none" for random ones; not with --checkpoint'
        )
        self.add_argument(
            '--checkpoint', dest='checkpoint_file', metavar='FILE', help='the same, as an option'
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse without the positional checkpoint where ``--checkpoint`` is given."""
        if self.intermixed:
            self.intermixed = False  # the method of argparse calls this one
            try:
                return self.parse_known_intermixed_args(args, namespace)
            finally:
                self.intermixed = True
        words = sys.argv[1:] if args is None else list(args)
        if self._checkpoint is not None:
            given = any(word.partition('=')[0] == '--checkpoint' for word in words)
            self._checkpoint.nargs = 0 if given else None
        known, rest = super().parse_known_args(words, namespace)
        if self._checkpoint is not None:
            file = known.checkpoint_file
            del known.checkpoint_file
            known.checkpoint = known.checkpoint if file is None else file
        return known, rest


class _HelpFormatter(argparse.HelpFormatter):
    """Fill the paragraphs of a text; those with an indented line, such as commands, keep lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return '\n\n'.join(
            paragraph
            if re.search('^ ', paragraph, re.MULTILINE)
            else super(_HelpFormatter, self)._fill_text(paragraph, width, indent)
            for paragraph in text.strip().split('\n\n')
        )


class _SetDebug(argparse.Action):
    """Set ``AVIS_DEBUG``, which worker processes inherit; see :func:`avis.utils.cli.run`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        os.environ['AVIS_DEBUG'] = '1'


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config file and its overrides."""
    parser.add_argument('config', help='config file, or name of a config of avis')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='override settings of the config, e.g. train_cfg.max_epochs=5 key="[a,b]" '
        'key="[(a,b),(c,d)]"; a type is a full dotted path',
    )


def add_splits(parser: argparse.ArgumentParser) -> None:
    """Add ``--split``, which takes several."""
    parser.add_argument('--split', nargs='+', choices=_SPLITS, help='default: all')


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add ``--split``, which takes one."""
    parser.add_argument('--split', choices=_SPLITS, default='train', help='default: train')


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what training and testing share: config, work folder, launcher, trust."""
    add_config_arguments(parser)
    parser.add_argument(
        '--work-dir', help='folder of logs and checkpoints (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='who starts the processes of a distributed run',
    )
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='set by launchers that do not set LOCAL_RANK',
    )
    add_trust_checkpoint(parser, 'checkpoints: only for files you made yourself')


def add_trust_checkpoint(parser: argparse.ArgumentParser, files: str) -> None:
    """Add ``--trust-checkpoint``, which allows pickled code in ``files``, words for the help."""
    parser.add_argument(
        '--trust-checkpoint', action='store_true', help=f'allow pickled code in {files}'
    )


def parse_arguments(
    parser: argparse.ArgumentParser, words: Sequence[str] | None = None
) -> argparse.Namespace:
    """Parse the command line and report on stderr that slow imports follow.

    The first process of a distributed run reports alone.

    Args:
        parser: Parser of the tool.
        words: The command line; default: that of the process.
    """
    args = parser.parse_args(words)
    if os.environ.get('RANK', '0') == '0':
        sys.stderr.write(f'{parser.prog}: importing PyTorch and mmdet ...\n')
        sys.stderr.flush()
    return args


def parse_cfg_options(options: Sequence[str]) -> dict[str, Any]:
    """Parse ``key=value`` words as the ``--cfg-options`` of all OpenMMLab tools.

    Raises:
        ValueError: A word without ``=``, or a value with brackets that do not match.
    """
    for option in options:
        if '=' not in option or option.startswith('='):
            raise ValueError(f'--cfg-options: expected key=value, got {option!r}')
    if not options:
        return {}
    from mmengine.config import DictAction  # half a second

    parsed = {}
    for option in options:
        key, _, value = option.partition('=')
        try:
            _check_brackets(value)
            parsed[key] = DictAction._parse_iterable(value)
        except (AssertionError, ValueError, IndexError) as error:
            raise ValueError(f'--cfg-options {option[:80]!r}: {error}') from error
        except RecursionError as error:
            raise ValueError(f'--cfg-options {option[:80]!r}: is nested too deeply') from error
    return parsed


def _check_brackets(value: str) -> None:
    """Refuse text beside a bracket with commas: mmengine would parse it without end."""
    text = ''.join(char for char in value if char not in '\'" ')
    groups: list[tuple[int, bool]] = []  # start of an open bracket, whether it contains a comma
    for index, char in enumerate(text):
        if char in '([':
            groups.append((index, False))
        elif char == ',' and groups:
            groups[-1] = (groups[-1][0], True)
        elif char in ')]' and groups:
            start, has_comma = groups.pop()
            beside = text[start - 1 : start] + text[index + 1 : index + 2]
            if has_comma and any(neighbor not in ',()[]' for neighbor in beside):
                raise ValueError(f'expected a comma or an end beside {text[start : index + 1]}')
            if has_comma and groups:
                groups[-1] = (groups[-1][0], True)


def positive_int(text: str) -> int:
    """Type of an argument that counts from 1, such as ``--processes``."""
    return _int_from(text, 1)


def natural_int(text: str) -> int:
    """Type of an argument that may be 0, such as ``--workers``."""
    return _int_from(text, 0)


def _int_from(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f'expected a whole number from {least} on, got {text!r}')
    return value
