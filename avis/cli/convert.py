"""Convert a checkpoint of another project to one that avis loads strictly."""

import sys
from collections.abc import Sequence
from pathlib import Path

from avis.utils.arguments import ToolParser, add_trust_checkpoint, parse_arguments

EXAMPLES = (
    'vggish vggish-10086976.pth data/pretrained/vggish.pth',
    'avsbench S4_pvt_best.pth data/pretrained/tpavi_pvtv2b5_s4.pth',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        'kind',
        help='project the file comes from: avism, avsbench, mask2former, pvt_v2, swin, '
        'torchvision_resnet, vggish, or a converter that --custom-imports registers',
    )
    parser.add_argument('src', help='checkpoint of that project')
    parser.add_argument('dst', help='file to write')
    add_trust_checkpoint(parser, 'SRC: only for files you made yourself')
    parser.add_argument(
        '--custom-imports',
        nargs='+',
        default=[],
        metavar='MODULE',
        help='modules that register converters of your own, found from the current directory',
    )


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Convert one file and list the dropped entries."""
    args = parse_arguments(parser, words)

    from contextlib import nullcontext

    from mmengine.utils import import_modules_from_strings

    from avis.apis import convert_checkpoint
    from avis.apis.checkpoint import available_converters
    from avis.utils.compat.checkpoint_loading import trusted_checkpoints

    sys.path.append(str(Path.cwd()))
    import_modules_from_strings(args.custom_imports)
    kinds = available_converters()
    if args.kind not in kinds:
        parser.error(f'argument kind: invalid choice: {args.kind!r} (choose from {kinds})')
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        dropped = convert_checkpoint(args.kind, args.src, args.dst)
    print(f'{args.dst} written; {len(dropped)} entries of the published file are never executed')
    for name in dropped:
        print(f'  dropped {name}')
