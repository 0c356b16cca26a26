"""Write clips of a data set, raw and as the model sees them, as images, videos and a page.

The page index.html plays the videos with their audio; ground truth is drawn on a copy of each
frame. Training data are augmented as in a training.
"""

from collections.abc import Sequence

from avis.utils.arguments import (
    ToolParser,
    add_config_arguments,
    add_split,
    natural_int,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)

EXAMPLES = (
    'configs/avs/tpavi/tpavi_r50_s4.py --out browse',
    'configs/avis/avism/avism_r50_in_aviseg.py --split val --indices 0 5 --stages raw --out browse',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    parser.add_argument('--out', required=True, metavar='DIR', help='folder to write to')
    add_split(parser)
    parser.add_argument(
        '--number', type=positive_int, default=8, help='clips, evenly distributed (default 8)'
    )
    parser.add_argument('--indices', nargs='+', type=natural_int, help='these clips instead')
    parser.add_argument(
        '--stages',
        nargs='+',
        choices=('raw', 'input'),
        default=('raw', 'input'),
        help='as in the files, as the model sees it (default: both)',
    )
    parser.add_argument(
        '--max-frames', type=positive_int, default=30, help='of a raw clip (default 30)'
    )


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Write the clips and print the path of the page."""
    args = parse_arguments(parser, words)

    from avis.apis.browsing import browse_dataset
    from avis.apis.config import load_config

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    page = browse_dataset(
        cfg,
        args.out,
        split=args.split,
        indices=args.indices,
        number=args.number,
        stages=args.stages,
        max_frames=args.max_frames,
    )
    print(page)
