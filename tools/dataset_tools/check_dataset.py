"""Say what of a data set is there, missing or broken, file by file; exit status 1 on problems.

Example: python tools/dataset_tools/check_dataset.py configs/_base_/datasets/avsbench_s4.py
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this clone, and its projects/

from avis.utils.arguments import add_config_arguments, parse_arguments, parse_cfg_options


def main() -> int:
    """Check the data sets of a config; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_config_arguments(parser)
    parser.add_argument('--split', nargs='+', choices=('train', 'val', 'test'), help='default: all')
    parser.add_argument('--workers', type=int, help='reading threads (default: one per core)')
    args = parse_arguments(parser)

    from avis.apis.config import load_config
    from avis.datasets.checking import check_dataset

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    return int(check_dataset(cfg, splits=args.split, workers=args.workers) > 0)


if __name__ == '__main__':
    sys.exit(main())
