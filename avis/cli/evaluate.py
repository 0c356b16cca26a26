"""Score predictions on disk with the official or the corrected protocol of a benchmark."""

import argparse
import ast
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.utils.arguments import ToolParser, positive_int

EXAMPLES = (
    'aviseg --gt test.json --pred results.json --out evaluation',
    'avtrack --gt data/AVTrack --pred ours=a --pred theirs=b --by genre --workers 2',
    'diarization --gt data/AVA-AVD/dataset/rttms --pred results --collar 0.25',
)
NOTES = (
    """layouts:
  avtrack      --gt   avtrack_meta.json and, with gray level = person,
                      Instance_Masks_merged/VIDEO/frame_00000.png
               --pred VIDEO/PERSON/frame_0000.png, if the person has a mask
  aviseg,      --gt   test.json in the format of YouTube-VIS
  youtube_vis  --pred results.json, a list of video_id, category_id, score and
                      segmentations
  avsbench     --gt   gt_masks, or one split of it
               --pred VIDEO/NAME.png, gray level / 255 = probability
  avss         --gt   folder with metadata.csv, or a folder of label maps
               --pred UID/N.png, class indices or colors of the data set
  ava          --gt   csv files of AVA-ActiveSpeaker, a file or a folder
               --pred the same rows with a score
  diarization  --gt, --pred   RTTM files, a file or a folder
  refavs       --gt   folder with metadata.csv and gt_mask
               --pred UID/NAME.png, gray level / 255 = probability
  referring    --gt   JSON file with images and one annotation per image
               --pred JSON list of image_id, segmentation and score
  vggss        --gt   folder with vggss.json and vggss_test.csv
               --pred CLIP.npy, heat maps (H, W), in a folder or an npz file
  flickr_soundnet     the same; folder with Annotations and flickr_test.csv
  davis        --gt, --pred   SEQUENCE/00000.png, pixel = index of the object
  youmvos      --gt   Annotations, VIDEO/00001.png and VIDEO/shot.txt
               --pred VIDEO/00001.png, pixel = index of the person
  vpo          --gt   VPO-SS, VPO-MS or VPO-MSMI, or a folder of NAME.png, class
                      indices, 255 = ignored
               --pred NAME.png, class indices
  mot          --gt   SEQUENCE/gt/gt.txt and SEQUENCE/seqinfo.ini in a folder
                      such as MOT17-train
               --pred SEQUENCE.txt
  --pred of avtrack, aviseg and youtube_vis may be the OUT of avis infer too.""",
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments; options of a benchmark that are not given are omitted."""
    parser.add_argument(
        'benchmark',
        metavar=f'{{{",".join(BENCHMARKS.names())}}}',
        help='or the name of a benchmark of --custom-imports',
    )
    parser.add_argument('--gt', required=True, help='ground truth in the official layout')
    parser.add_argument(
        '--pred',
        required=True,
        action='append',
        metavar='[NAME=]PATH',
        help='predictions; may be given several times to compare methods with the first',
    )
    parser.add_argument('--protocol', choices=('official', 'corrected'), default='official')
    parser.add_argument('--workers', type=positive_int, default=1, help='processes (default: 1)')
    parser.add_argument('--by', metavar='ATTRIBUTE', help='scores by an attribute of the videos')
    parser.add_argument(
        '--diagnose',
        action='store_true',
        help='score lost by each component: who, where, same',
    )
    parser.add_argument(
        '--strict', action='store_true', help='stop if anything is wrong with the files'
    )
    parser.add_argument(
        '--full', action='store_true', help='also every score of each video by class and threshold'
    )
    parser.add_argument('--out', help='folder for metrics.json, per_video.csv and tables.md')
    parser.add_argument(
        '--format',
        choices=('table', 'markdown', 'latex', 'csv', 'json'),
        default='table',
        help='what to print; all but table print problems of the files on stderr (default: table)',
    )
    _add_benchmark_options(parser)


def _add_benchmark_options(parser: ToolParser) -> None:
    """Add the options of single benchmarks, and of benchmarks of the user."""
    omitted = argparse.SUPPRESS
    parser.add_argument(
        '--batch-size',
        type=positive_int,
        default=omitted,
        help='avsbench, official: clips per batch (4)',
    )
    parser.add_argument('--split', default=omitted, help='avss, vpo, vggss: the split (test)')
    parser.add_argument(
        '--no-jf',
        dest='with_jf',
        action='store_false',
        default=omitted,
        help='avtrack: without J&F',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        default=omitted,
        help='ava: score above which a face speaks, for F1 (0.5)',
    )
    _add_diarization_options(parser)
    parser.add_argument(
        '--custom-imports',
        action='append',
        default=[],
        metavar='MODULE',
        help='a module that registers a benchmark of your own; may be given several times',
    )
    parser.add_argument(
        '--eval-options',
        nargs='+',
        type=key_and_value,
        default=[],
        metavar='KEY=VALUE',
        help='further arguments of a benchmark of your own',
    )


def _add_diarization_options(parser: ToolParser) -> None:
    omitted = argparse.SUPPRESS
    parser.add_argument(
        '--collar',
        type=float,
        default=omitted,
        metavar='SECONDS',
        help='diarization: left out on each side of a start or end of the reference (0)',
    )
    parser.add_argument(
        '--skip-overlap',
        action='store_true',
        default=omitted,
        help='diarization: leave out times in which several speakers talk',
    )
    parser.add_argument('--uem', default=omitted, help='diarization: UEM file, the scored regions')
    parser.add_argument(
        '--offsets',
        default=omitted,
        help='diarization: file of seconds per recording, added to its prediction',
    )
    parser.add_argument(
        '--task',
        choices=('semi_supervised', 'unsupervised'),
        default=omitted,
        help='davis: semi_supervised (default) or unsupervised',
    )
    parser.add_argument(
        '--scorer',
        choices=('dscore', 'md_eval', 'pyannote'),
        default=omitted,
        help='diarization, official: published scorer (dscore)',
    )


def main(parser: ToolParser, words: Sequence[str]) -> str | None:
    """Evaluate and print; return the list of problems if they prevent a score."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # worker processes share the cores
    args = parser.parse_args(words)
    sys.path.append(str(Path.cwd()))
    import_modules(args.custom_imports)
    if args.benchmark not in BENCHMARKS.names():
        names = ', '.join(BENCHMARKS.names())
        parser.error(
            f'argument benchmark: invalid choice: {args.benchmark!r} (choose from {names})'
        )
    options = vars(args)
    del options['custom_imports']
    options.update(options.pop('eval_options'))
    form = options.pop('format')

    from rich.console import Console

    from avis.apis import evaluate
    from avis.evaluation.benchmarks.predictions import parse_predictions
    from avis.evaluation.benchmarks.problems import EvaluationStopped
    from avis.evaluation.benchmarks.report import (
        METRICS_FILE,
        format_result,
        print_notes,
        print_result,
    )
    from avis.utils.memory import tune_malloc

    tune_malloc()
    options['pred'] = parse_predictions(options['pred'])
    try:
        result = evaluate(**options)
    except EvaluationStopped as error:
        return f'error: {error}'  # one line per problem
    if form == 'table':
        print_result(result, Console())
    else:
        sys.stdout.write(format_result(result, form))
        print_notes(result, Console(stderr=True))
    if args.out is not None:
        sys.stderr.write(f'wrote {Path(args.out, METRICS_FILE)} and the files beside it\n')
    return None


def import_modules(names: list[str]) -> None:
    """Import modules by name, from the working directory too."""
    try:
        for name in names:
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        sys.exit(f'--custom-imports: {error}; searched {Path.cwd()} and PYTHONPATH')


def key_and_value(text: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is a Python literal, or else text."""
    key, equals, value = text.partition('=')
    if not (key.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f'expected KEY=VALUE, got {text!r}')
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value
