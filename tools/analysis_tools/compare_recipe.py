"""Print the recipes of configs side by side: data, model, losses, optimization, evaluation.

Defaults and multipliers are resolved: values are those that a run uses. Reads no weights or data.
Example: python tools/analysis_tools/compare_recipe.py tpavi_r50_s4 tpavi_r50_avss --format latex
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis of this clone

from avis.utils.arguments import make_parser, parse_arguments
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and print the table."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='config file, or the name of a config of avis'
    )
    parser.add_argument('--format', choices=('plain', 'markdown', 'latex'), default='plain')
    parser.add_argument(
        '--differences', action='store_true', help='only the rows in which the configs differ'
    )
    parser.add_argument('--out', metavar='FILE', help='write the table to a file instead')
    args = parse_arguments(parser)

    from avis.apis.recipe import compare_recipes
    from avis.utils.atomic import write_atomic

    text = compare_recipes(args.configs, style=args.format, only_differences=args.differences)
    if args.out:
        write_atomic(Path(args.out), text)
    else:
        print(text, end='')


if __name__ == '__main__':
    run(main)
