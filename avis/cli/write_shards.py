"""Write the clips of a config as WebDataset shards, which ShardedClips reads."""

from collections.abc import Sequence

from avis.utils.arguments import (
    ToolParser,
    add_config_arguments,
    add_split,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)

EXAMPLES = (
    'configs/_base_/datasets/avsbench_ms3.py --out data/ms3_shards',
    'configs/_base_/datasets/vpo.py --out data/vpo_shards --clips 500',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    parser.add_argument('--out', required=True, help='folder to create')
    add_split(parser)
    parser.add_argument(
        '--clips', type=positive_int, default=1000, help='clips of a shard (default 1000)'
    )


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Write the shards; returns the exit status."""
    args = parse_arguments(parser, words)

    from avis.apis.config import load_config
    from avis.datasets.av_dataset import AVDataset
    from avis.datasets.shards import write_shards
    from avis.registry import DATASETS

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    loader = cfg.get(f'{args.split}_dataloader')
    dataset = DATASETS.build(loader.dataset) if loader else None
    if not isinstance(dataset, AVDataset):
        parser.error(f'{args.config}: expected one data set of split {args.split!r}')
    count = write_shards(dataset, args.out, clips_per_shard=args.clips)
    print(f'{args.out}: {len(dataset)} clips in {count} shards')
    return 0
