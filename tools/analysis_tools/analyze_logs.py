"""Plot curves of one or several runs, and print their last and best values.

A run is a work folder, one of its dated folders, or a scalars.json. A resumed run is one curve.

Example: python tools/analysis_tools/analyze_logs.py work_dirs/a work_dirs/b --keys loss avs/miou \
    --out curves.pdf
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis of this clone

from avis.utils.arguments import make_parser
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments, print the table and plot."""
    parser = make_parser(__doc__)
    parser.add_argument('runs', nargs='+', help='work folders or scalars.json files')
    parser.add_argument(
        '--keys', nargs='+', default=['loss'], metavar='NAME', help='curves (default: loss)'
    )
    parser.add_argument('--names', nargs='+', help='names of the runs (default: their paths)')
    parser.add_argument('--out', metavar='FILE', help='plot the curves: .png, .pdf or .svg')
    parser.add_argument('--list', action='store_true', help='print the names of all curves')
    args = parser.parse_args()
    names = args.names or args.runs
    if len(names) != len(args.runs):
        parser.error(f'argument --names: expected {len(args.runs)} names, got {len(names)}')
    if args.out and Path(args.out).suffix not in ('.png', '.pdf', '.svg'):
        parser.error(f'argument --out: expected .png, .pdf or .svg, got {args.out!r}')

    from rich.console import Console

    from avis.apis.training_logs import plot_curves, read_curves, summarize_curves

    curves = {name: read_curves(path) for name, path in zip(names, args.runs, strict=True)}
    if args.list:
        print('\n'.join(dict.fromkeys(name for run in curves.values() for name in run)))
        return
    Console().print(summarize_curves(curves, args.keys))
    if args.out:
        plot_curves(curves, args.keys, args.out)


if __name__ == '__main__':
    run(main)
