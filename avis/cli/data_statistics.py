"""Count what the data sets of a config contain, and find videos that several splits share.

Frames are not decoded, except for --duplicates, which compares five frames and the audio of each
video with those of the other splits; the exit status is then 1 if there are any.
"""

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
    'configs/_base_/datasets/aviseg.py',
    'configs/_base_/datasets/avss.py --duplicates --processes 8 --json stats.json --plots plots',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    add_splits(parser)
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument('--plots', metavar='DIR', help='write charts as PNG files')
    parser.add_argument('--duplicates', action='store_true', help='compare the splits')
    parser.add_argument(
        '--processes', type=positive_int, default=1, help='videos to compare at a time'
    )


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Print the statistics; returns the exit status."""
    args = parse_arguments(parser, words)

    import json

    from rich.console import Console

    from avis.apis.config import load_config
    from avis.apis.data_statistics import (
        build_splits,
        count_splits,
        find_duplicates,
        statistics_table,
        to_json,
        write_plots,
    )
    from avis.utils.atomic import write_atomic

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    datasets = build_splits(cfg, args.split)
    statistics = count_splits(datasets)
    Console().print(statistics_table(statistics))
    duplicates = None
    if args.duplicates:
        duplicates = find_duplicates(datasets, processes=args.processes)
        for each in duplicates:
            print(
                f'{each.kind}: {each.split} {each.video} and {each.other_split} {each.other_video}'
            )
        print(f'{len(duplicates) or "No"} duplicates found')
    if args.json is not None:
        write_atomic(args.json, json.dumps(to_json(statistics, duplicates), indent=2) + '\n')
    if args.plots is not None:
        write_plots(statistics, args.plots)
    return int(bool(duplicates))
