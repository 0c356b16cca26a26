"""Convert labels of instances between LabelMe, CVAT, COCO and YouTube-VIS.

The format of the given labels is found by itself: a folder of LabelMe, XML of CVAT, or JSON.
"""

from collections.abc import Sequence

from avis.utils.arguments import ToolParser

EXAMPLES = (
    'labelme_folder train.json --to youtube-vis',
    'train.json cvat_folder --to cvat-video',
)
LABEL_FORMATS = ('labelme', 'cvat-video', 'cvat-images', 'coco', 'youtube-vis')


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument('labels', help='labels to read')
    parser.add_argument('out', help='file to write; a folder for labelme and cvat-video')
    parser.add_argument('--to', required=True, choices=LABEL_FORMATS, help='format to write')


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Convert the labels."""
    args = parser.parse_args(words)

    from avis.datasets.label_formats.formats import read_labels, save_labels

    videos = read_labels(args.labels)
    save_labels(videos, args.out, form=args.to)
    instances = sum(len(video.tracks) for video in videos)
    print(f'{args.out}: {len(videos)} videos, {instances} instances')
