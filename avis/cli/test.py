"""Test a checkpoint on the test data of a config.

Paths in the config, --work-dir, --out and --show-dir are relative to the current folder.
"""

import os
from collections.abc import Sequence

from avis.utils.arguments import ToolParser, add_run_arguments, parse_arguments, parse_cfg_options

EXAMPLES = (
    'configs/avs/demo_tpavi_synthetic.py --checkpoint epoch_20.pth --show-dir images',
    'configs/avis/avtracker/avtracker_offline.py none',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_run_arguments(parser)
    parser.add_checkpoint()
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='write the predictions: .pkl with all data samples, .json with RLEs',
    )
    parser.add_argument('--show-dir', metavar='DIR', help='draw an image and a video per clip')


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Parse the arguments and test."""
    args = parse_arguments(parser, words)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))

    from avis.apis.runner import test

    test(
        args.config,
        None if args.checkpoint.lower() == 'none' else args.checkpoint,
        work_dir=args.work_dir,
        out=args.out,
        show_dir=args.show_dir,
        cfg_options=parse_cfg_options(args.cfg_options),
        launcher=args.launcher,
        trust_checkpoint=args.trust_checkpoint,
    )
