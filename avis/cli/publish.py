"""Make a checkpoint of a training run ready to share.

Optimizer, schedulers and the second set of weights of an EMA are dropped. The first digits of the
SHA-256 are added to the name. The file still contains the config of the run: look for private paths
in it.
"""

from collections.abc import Sequence

from avis.utils.arguments import ToolParser, add_trust_checkpoint, parse_arguments

EXAMPLES = ('work_dirs/avism_r50/epoch_12.pth avism_r50.pth',)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument('src', help='checkpoint of a training run')
    parser.add_argument('dst', help='file to write; -<hash> is added to its name')
    add_trust_checkpoint(parser, 'SRC: only for files you made yourself')


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Write the file and print its path and sizes."""
    args = parse_arguments(parser, words)

    from contextlib import nullcontext
    from pathlib import Path

    from avis.apis.publishing import publish_checkpoint
    from avis.utils.compat.checkpoint_loading import trusted_checkpoints

    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        path = publish_checkpoint(args.src, args.dst)
    before, after = (file.stat().st_size / 1e6 for file in (Path(args.src), path))
    print(f'{path}: {after:.1f} MB, {before:.1f} MB before')
