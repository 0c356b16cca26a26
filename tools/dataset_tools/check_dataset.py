"""Report missing, broken and unexpected files of a data set; exit status 1 on problems.

Example: python tools/dataset_tools/check_dataset.py configs/_base_/datasets/avsbench_s4.py
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


def main() -> int:
    """Check the data sets of a config; returns the exit status."""
    parser = make_parser(__doc__.splitlines()[0])
    add_config_arguments(parser)
    parser.add_argument('--split', nargs='+', choices=('train', 'val', 'test'), help='default: all')
    parser.add_argument(
        '--workers', type=positive_int, help='reading threads (default: one per core)'
    )
    args = parse_arguments(parser)

    from avis.apis.config import load_config
    from avis.datasets.checking import check_dataset

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    return int(check_dataset(cfg, splits=args.split, workers=args.workers) > 0)


if __name__ == '__main__':
    run(main)
