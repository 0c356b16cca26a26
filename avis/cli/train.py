"""Train a config.

Paths in the config and --work-dir are relative to the current folder.
"""

import os
from collections.abc import Sequence

from avis.utils.arguments import ToolParser, add_run_arguments, parse_arguments, parse_cfg_options

EXAMPLES = (
    'configs/avs/demo_tpavi_synthetic.py',
    'configs/avs/demo_tpavi_synthetic.py --resume --cfg-options train_cfg.max_epochs=5',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
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


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Parse the arguments and train."""
    args = parse_arguments(parser, words)
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
