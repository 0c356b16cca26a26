"""Write a report of evaluations: a page that needs no network, and figures for a paper.

Evaluate with --diagnose for who, where, same and the timelines of the videos, and with --by for the
scores of conditions.
"""

from collections.abc import Sequence

from avis.utils.arguments import ToolParser

EXAMPLES = (
    'evaluation --out report.html',
    'ours theirs --out report.html --figures figures --media videos',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        'results',
        nargs='+',
        metavar='RESULTS',
        help='folder that evaluate has written with --out, or its metrics.json',
    )
    parser.add_argument('--out', metavar='FILE', help='the HTML file')
    parser.add_argument('--figures', metavar='DIR', help='folder for the charts as PDF and PNG')
    parser.add_argument('--title', default='Evaluation report', help='heading of the page')
    parser.add_argument(
        '--media',
        metavar='DIR',
        help='folder with NAME.mp4, NAME/video.mp4 or frames in NAME/ for the videos (default: '
        'folder of the report)',
    )


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Read the results, and write the page and the figures."""
    args = parser.parse_args(words)
    if args.out is None and args.figures is None:
        parser.error('expected --out, --figures or both')

    from avis.report.figures import write_figures
    from avis.report.page import write_report
    from avis.report.results import load_results

    methods = load_results(args.results)
    if args.out is not None:
        write_report(methods, args.out, title=args.title, media=args.media)
        print(f'wrote {args.out}')
    if args.figures is not None:
        paths = write_figures(methods, args.figures)
        print(f'wrote {len(paths)} files in {args.figures}')
