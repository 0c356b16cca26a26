"""Print parameters, trained parameters and GFLOPs of the parts of a model.

An addition and a multiplication count as two operations; element-wise operations do not count.

Example: python tools/analysis_tools/get_flops.py configs/avs/tpavi/tpavi_r50_s4.py --shape 224 224
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.utils.arguments import (
    add_config_arguments,
    make_parser,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and print the table."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--shape',
        nargs=2,
        type=positive_int,
        default=(224, 224),
        metavar=('H', 'W'),
        help='size of the frames (default 224 224)',
    )
    parser.add_argument(
        '--frames', type=positive_int, default=5, help='frames of the clip (default 5)'
    )
    args = parse_arguments(parser)

    from rich.console import Console

    from avis.apis.config import load_config
    from avis.apis.model_complexity import model_complexity

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options))
    Console().print(model_complexity(cfg, size=tuple(args.shape), num_frames=args.frames))


if __name__ == '__main__':
    run(main)
