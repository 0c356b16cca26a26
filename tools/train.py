"""Train a config.

Paths in the config and --work-dir are relative to the current folder.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis and projects/ of this clone

from avis.utils.arguments import add_run_arguments, make_parser, parse_arguments, parse_cfg_options
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and train."""
    parser = make_parser(__doc__)
    add_run_arguments(parser)
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 with loss scaling on GPUs, bfloat16 on CPUs',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by batch size / auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from a checkpoint; without a path, from the newest one in the work folder',
    )
    args = parse_arguments(parser)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))

    from avis.apis.runner import train

    train(
        args.config,
        work_dir=args.work_dir,
        resume=args.resume,
        amp=args.amp,
        auto_scale_lr=args.auto_scale_lr,
        cfg_options=parse_cfg_options(args.cfg_options),
        launcher=args.launcher,
        trust_checkpoint=args.trust_checkpoint,
    )


if __name__ == '__main__':
    run(main)
