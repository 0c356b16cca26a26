"""Generate a synthetic audio-visual data set in the on-disk layout of a real one."""

import argparse
from collections.abc import Sequence

from avis.synthetic.recipe import CHALLENGES, LAYOUTS, Recipe
from avis.utils.arguments import ToolParser, positive_int

EXAMPLES = (
    '--layout avsbench_ms3 --videos 40 --out data/synthetic',
    '--layout avtrack --videos 8 --out data/talks --challenge camera_motion_change=0.5 --with-mp4',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument('--layout', required=True, choices=LAYOUTS)
    parser.add_argument('--out', required=True, help='data root, without this data set')
    parser.add_argument('--videos', type=int, default=12, help='of all splits (default 12)')
    parser.add_argument(
        '--splits',
        type=int,
        nargs=3,
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='videos of each split, instead of --videos',
    )
    parser.add_argument('--seconds', type=int, help='length of a video (default: as the real set)')
    parser.add_argument('--size', type=_size, default=(224, 224), metavar='HxW')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--identities', type=int, default=8, help='size of the pool of sources (default 8)'
    )
    parser.add_argument('--people-only', action='store_true', help='only people, no objects')
    parser.add_argument(
        '--challenge',
        type=_challenge,
        action='append',
        default=[],
        metavar='NAME[=STRENGTH]',
        help=f'may be repeated; strength 0..1, default 1; names: {", ".join(CHALLENGES)}, all',
    )
    parser.add_argument(
        '--in-turn', action='store_true', help='each video has one of the challenges, in turn'
    )
    parser.add_argument('--with-mp4', action='store_true', help='also one MP4 with audio per video')
    parser.add_argument('--video-fps', type=int, default=25, help='of the MP4 files (default 25)')
    parser.add_argument('--processes', type=positive_int, default=1)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition('x')
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f'expected HxW such as 224x224, got {text!r}')
    return int(height), int(width)


def _challenge(text: str) -> dict[str, float]:
    name, _, strength = text.partition('=')
    try:
        return dict.fromkeys(CHALLENGES if name == 'all' else [name], float(strength or 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected NAME or NAME=0..1, got {text!r}') from None


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Make the data set."""
    args = parser.parse_args(words)
    splits = tuple(args.splits) if args.splits else None
    options = {
        'layout': args.layout,
        'videos': sum(splits) if splits else args.videos,
        'splits': splits,
        'seconds': args.seconds,
        'size': args.size,
        'seed': args.seed,
        'identities': args.identities,
        'people_only': args.people_only,
        'challenges': {name: s for given in args.challenge for name, s in given.items()},
        'in_turn': args.in_turn,
        'with_mp4': args.with_mp4,
        'video_fps': args.video_fps,
    }
    Recipe(**options)  # check the options before NumPy and the generator are imported
    from avis.synthetic.generator import make_dataset

    report = make_dataset(out=args.out, processes=args.processes, progress=True, **options)
    counts = ', '.join(f'{count} {split}' for split, count in report.videos.items())
    print(f'{report.root}: {counts} videos, {report.frames} frames')
