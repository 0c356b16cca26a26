"""Report missing, broken and unexpected files of a data set; exit status 1 on problems."""

from collections.abc import Sequence

from avis.utils.arguments import (
    ToolParser,
    add_config_arguments,
    add_splits,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)

EXAMPLES = (
    'configs/_base_/datasets/avsbench_s4.py',
    'configs/_base_/datasets/aviseg.py --split test --workers 8',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    add_splits(parser)
    parser.add_argument(
        '--workers', type=positive_int, help='reading threads (default: one per core)'
    )


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Check the data sets of a config; returns the exit status."""
    args = parse_arguments(parser, words)

    from avis.apis.config import load_config
    from avis.datasets.checking import check_dataset

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    return int(check_dataset(cfg, splits=args.split, workers=args.workers) > 0)
