"""Test a checkpoint on the test data of a config.

Paths in the config, --work-dir, --out and --show-dir are relative to the current folder.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis and projects/ of this clone

from avis.utils.arguments import add_run_arguments, make_parser, parse_arguments, parse_cfg_options
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and test."""
    parser = make_parser(__doc__)
    add_run_arguments(parser)
    parser.add_argument('checkpoint', help='weights, or "none" to test random ones')
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='write the predictions: .pkl with all data samples, .json with RLEs',
    )
    parser.add_argument('--show-dir', metavar='DIR', help='draw an image and a video per clip')
    args = parse_arguments(parser)
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


if __name__ == '__main__':
    run(main)
