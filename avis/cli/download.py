"""Fetch weights that configs start from, and convert them.

Without a name the files are listed: name, size, whether they are here, and where they come from. A
name is one of this list, or a config whose files are fetched. An interrupted download continues.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avis.utils.arguments import ToolParser, add_trust_checkpoint

if TYPE_CHECKING:
    from avis.apis.weights import WeightFile

EXAMPLES = ('', 'vggish resnet50', 'tpavi_r50_s4')


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        'names', nargs='*', metavar='NAME', help='file of the list, or config that reads it'
    )
    parser.add_argument(
        '--root', default='.', metavar='DIR', help='folder that contains data/ (current folder)'
    )
    add_trust_checkpoint(parser, 'the files of the authors')


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """List the files, or fetch some; returns 1 if one could not be fetched."""
    args = parser.parse_args(words)

    from avis.apis.weights import list_weights, weights_of

    if not args.names:
        for each in list_weights():
            here = 'here' if (Path(args.root) / each.file).is_file() else '-'
            size = f'{each.size / 1e6:.0f} MB' if each.size else '-'
            print(f'{each.name:18} {here:5} {size:>7}  {each.file}  <-  {each.url or each.page}')
        return 0
    failed = [each for each in weights_of(args.names) if not _fetch(each, args)]
    return int(bool(failed))


def _fetch(weights: 'WeightFile', args: argparse.Namespace) -> bool:
    """Fetch one file and print its path or the problem; returns whether it worked."""
    from avis.apis.weights import fetch_weights

    try:
        path = fetch_weights(
            weights,
            args.root,
            trust_checkpoint=args.trust_checkpoint,
            progress=_show_progress if sys.stderr.isatty() else None,
        )
    except (OSError, ValueError) as error:
        print(f'error: {weights.name}: {error}', file=sys.stderr)
        return False
    print(path)
    return True


def _show_progress(there: int, total: int | None) -> None:
    of_all = f' of {total / 1e6:.0f}' if total else ''
    end = '\n' if there == total else ''
    sys.stderr.write(f'\r{there / 1e6:.0f}{of_all} MB{end}')
