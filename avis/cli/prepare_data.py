"""Prepare a data set from raw videos: frames, wav files, log-mel examples and VGGish features.

For a benchmark, --out is the folder with its annotation files and masks; what is missing there is
cut from the videos. custom makes a data set of own videos and labels, and a config that trains on
it. A run that was interrupted resumes; broken and missing videos are listed at the end, and make
the exit status 1.
"""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from avis.utils.arguments import ToolParser, positive_int

EXAMPLES = (
    'avsbench --videos raw_videos --out data/avsbench_data --processes 8',
    'aviseg --videos raw_videos --out data/AVISeg --phase 0.5 --vggish checkpoints/vggish.pth',
    'custom --videos clips --out data/mine --fps 2',
    'custom --videos clips --out data/mine --fps 2 --labels labels.xml --config mine.py',
)
NAMES = ('avsbench', 'avss', 'aviseg', 'avtrack', 'vggss', 'ava', 'custom')


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument('dataset', choices=NAMES)
    parser.add_argument('--videos', required=True, metavar='DIR', help='folder of raw videos')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the data set')
    parser.add_argument('--processes', type=positive_int, default=1, help='clips at a time')
    parser.add_argument(
        '--phase',
        type=float,
        help='aviseg and avtrack: moment of its second that a frame shows, 0 to 1; not published',
    )
    parser.add_argument('--vggish', metavar='FILE', help='weights: write features, too')
    own = parser.add_argument_group('custom')
    own.add_argument('--labels', metavar='PATH', help='of LabelMe, CVAT, COCO or YouTube-VIS')
    own.add_argument('--config', metavar='FILE', help='config to write')
    own.add_argument(
        '--model',
        choices=('small', 'r50'),
        help='of the config: a small AVISM (default), or AVISM with ResNet-50',
    )
    own.add_argument('--fps', type=float, help='frames per second (1)')
    own.add_argument(
        '--shares',
        type=float,
        nargs=3,
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='of the videos (0.7 0.15 0.15)',
    )
    own.add_argument('--seed', type=int, help='of the splits (0)')


def _check(parser: ToolParser, args: Namespace, settings: dict[str, Any]) -> None:
    """Refuse arguments that do not belong together."""
    own = {'labels': args.labels, 'config': args.config, 'model': args.model}
    given = [*settings, *(name for name, value in own.items() if value is not None)]
    if args.dataset != 'custom' and given:
        parser.error(f'--{given[0]} is for custom only')
    if args.phase is not None and args.dataset not in ('aviseg', 'avtrack'):
        parser.error('--phase is for aviseg and avtrack only')
    if args.vggish is not None and args.dataset not in ('aviseg', 'avtrack', 'custom'):
        parser.error('--vggish is for aviseg, avtrack and custom only')
    if args.config is not None and args.labels is None:
        parser.error('--config needs --labels, which name the classes')
    if args.model == 'r50' and args.vggish is None:
        parser.error('--model r50 needs --vggish, as it reads features of VGGish')


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Prepare the data set; returns the exit status."""
    args = parser.parse_args(words)
    settings = {
        name: getattr(args, name)
        for name in ('fps', 'shares', 'seed')
        if getattr(args, name) is not None
    }
    _check(parser, args, settings)
    common = {'vggish': args.vggish, 'processes': args.processes}

    from avis.apis.preparation import prepare_benchmark, prepare_custom, write_custom_config

    if args.dataset == 'custom':
        from avis.datasets.preparation.custom import CustomSettings

        chosen = CustomSettings(**settings)
        report = prepare_custom(
            args.videos, args.out, labels=args.labels, settings=chosen, **common
        )
        if args.config is not None:
            write_custom_config(args.config, args.out, model=args.model or 'small')
    else:
        report = prepare_benchmark(args.dataset, args.videos, args.out, phase=args.phase, **common)
    for name in report.missing:
        print(f'{name}: no video')
    for name, reason in report.broken.items():
        print(f'{name}: {reason}')
    print(*report.features, sep='\n', end='\n' if report.features else '')
    print(
        f'{args.out}: {len(report.made)} made, {report.kept} kept, {len(report.missing)} missing, '
        f'{len(report.broken)} broken'
    )
    return int(report.problems > 0)
