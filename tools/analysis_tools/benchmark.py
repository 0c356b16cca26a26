"""Measure speed and peak memory of loading, a training step, or inference of a config.

Each mode is a call of its own, so that the peaks of memory do not mix. Training and inference
repeat one batch, with random weights.

Example: python tools/analysis_tools/benchmark.py configs/avs/tpavi/tpavi_r50_s4.py --mode training
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.utils.arguments import (
    add_config_arguments,
    make_parser,
    natural_int,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and print one line."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--mode',
        choices=('loading', 'training', 'inference'),
        default='inference',
        help='what to measure (default: inference)',
    )
    parser.add_argument(
        '--iterations', type=positive_int, default=20, help='measured iterations (default 20)'
    )
    parser.add_argument(
        '--warmup', type=natural_int, default=3, help='iterations before them (default 3)'
    )
    parser.add_argument('--device', default='cpu', help='device of the model (default: cpu)')
    args = parse_arguments(parser)

    from avis.apis.config import load_config
    from avis.apis.speed_benchmark import measure_speed

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options))
    result = measure_speed(
        cfg, args.mode, iterations=args.iterations, warmup=args.warmup, device=args.device
    )
    print(result)


if __name__ == '__main__':
    run(main)
