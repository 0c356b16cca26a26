"""Predict videos with any model: an annotated video, a timeline and result files for each.

Inputs are video files, folders of frames (with --fps), folders of video files, an image with
--audio, patterns such as '*.mp4', and YAML lists. A video whose results are complete is skipped:
start an interrupted run again with the same command. The exit status is 1 if a video failed, 2 if
none of the inputs can be predicted.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avis.utils.arguments import (
    ToolParser,
    add_config_arguments,
    natural_int,
    parse_cfg_options,
    positive_int,
)

if TYPE_CHECKING:
    from avis.apis.media_inputs import FoundInputs
    from avis.apis.models import ModelInfo

NO_WEIGHTS = 'none'
WEIGHTS_SUFFIXES = ('.pth', '.pt', '.ckpt', '.bin', '.pkl')

EXAMPLES = (
    'avtracker_offline meeting.mp4 talks/ --out results',
    "tpavi_r50_s4 --checkpoint tpavi_r50_s4.pth 'clips/*.mp4' --out results --fps 1",
    'configs/avis/demo_avism_synthetic.py best.pth list.yml --out results --start 10 --end 25',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    parser.intermixed = True
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='input',
        help='videos, see above; before them the weights, unless the model needs none or '
        '--checkpoint names them, or "none" for random ones',
    )
    parser.add_argument('--checkpoint', metavar='FILE', help='weights of the model')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the results')
    _add_reading(parser)
    _add_writing(parser)
    parser.add_argument(
        '--window', type=natural_int, default=60, help='frames per window; 0 for whole videos (60)'
    )
    parser.add_argument(
        '--overlap',
        type=natural_int,
        help='frames that neighboring windows share (a tenth of a window); 0 for trackers that '
        'work frame by frame',
    )
    parser.add_argument(
        '--batch-size', type=positive_int, default=1, help='clips at once, for AVS and AVSS (1)'
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: layers compute in bfloat16'
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ... (auto)')
    parser.add_argument(
        '--workers', type=natural_int, default=0, help='processes that decode ahead (0)'
    )
    parser.add_argument(
        '--shard',
        type=_shard,
        metavar='I/N',
        help='predict part I of N, from 1/N on, whose files are about as large as those of the '
        'others: for processes that share the inputs and --out',
    )


def _shard(text: str) -> tuple[int, int]:
    """Parse ``--shard``."""
    match = re.fullmatch(r'([0-9]+)/([0-9]+)', text)
    shard, shards = map(int, match.groups()) if match else (0, 0)
    if not 1 <= shard <= shards:
        raise argparse.ArgumentTypeError(f'expected I/N with I from 1 to N, got {text!r}')
    return shard, shards


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--audio', metavar='FILE', help='audio of the only input, or .npy with its features'
    )
    parser.add_argument(
        '--audio-track',
        type=int,
        metavar='N',
        help='audio track of the files, from 0; default: the default track of each file',
    )
    parser.add_argument(
        '--fps',
        type=float,
        help='frames per second to predict, as in training (AVISeg, AVSBench: 1); default: all '
        'frames of a video file',
    )
    parser.add_argument('--start', type=float, metavar='S', help='second at which to start')
    parser.add_argument('--end', type=float, metavar='S', help='second at which to end')
    parser.add_argument(
        '--expression', metavar='TEXT', help='the object to segment, for models that read text'
    )


def _add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--export',
        nargs='+',
        action='extend',
        default=[],
        metavar='FORMAT',
        help='more result files; an unknown name lists the formats',
    )
    parser.add_argument(
        '--style', choices=['mask', 'outline', 'box'], default='mask', help='of masks (mask)'
    )
    parser.add_argument(
        '--opacity', type=float, default=0.2, help='strength of the tint of masks, 0 to 1 (0.2)'
    )
    parser.add_argument(
        '--follow',
        metavar='ASPECT',
        help='write a video cropped to the speaker too, such as 9:16 or 1:1',
    )
    parser.add_argument(
        '--no-video', action='store_true', help='write no annotated video and no timeline'
    )
    parser.add_argument('--no-results', action='store_true', help='write no result files')


def main(parser: ToolParser, words: Sequence[str]) -> int | str | None:
    """Parse the arguments and predict; returns the videos that failed."""
    args = parser.parse_args(words)
    cfg_options = parse_cfg_options(args.cfg_options)
    weights = _take_weights(args)
    if not args.inputs:
        parser.error('expected a video after the weights')
    if weights is not None and weights.lower() != NO_WEIGHTS and not Path(weights).is_file():
        raise FileNotFoundError(f'Checkpoint {weights} does not exist.')
    from avis.apis.media_inputs import check_inputs, sentences
    from avis.apis.models import find_model

    model = find_model(args.config)
    found = _find_videos(args)
    if not found.videos:
        sys.stderr.write(f'{parser.prog}: fewer videos than shards, none is left for this one\n')
        return None
    checked = check_inputs(found.videos)
    for line in sentences(checked, found.skipped):
        sys.stderr.write(f'{line}\n')
    if len(checked.problems) == len(found.videos):
        return 2
    sys.stderr.write(f'{parser.prog}: importing PyTorch and mmdet ...\n')
    sys.stderr.flush()
    if weights is None:
        weights = _published_weights(model, cfg_options)
    checkpoint = None if weights.lower() == NO_WEIGHTS else weights
    return _predict(args, str(model.config), checkpoint, found, cfg_options)


def _find_videos(args: argparse.Namespace) -> 'FoundInputs':
    """Find the videos that the user names, or those of one shard."""
    from avis.apis.media_inputs import find_inputs, take_shard

    found = find_inputs(
        args.inputs,
        audio=None if args.audio is None else Path(args.audio),
        audio_track=args.audio_track,
        fps=args.fps,
        start=args.start,
        end=args.end,
        expression=args.expression,
    )
    return found if args.shard is None else take_shard(found, *args.shard)


def _take_weights(args: argparse.Namespace) -> str | None:
    """Return the weights that the user names, and take them from the inputs."""
    if args.checkpoint is None and _names_weights(args.inputs[0]):
        return str(args.inputs.pop(0))
    return args.checkpoint


def _names_weights(word: str) -> bool:
    path = Path(word)
    if word.lower() == NO_WEIGHTS or path.suffix.lower() in WEIGHTS_SUFFIXES:
        return True
    if not path.is_file():
        return False
    with path.open('rb') as file:
        return file.read(2) in (b'PK', b'\x80\x02')  # as torch.save writes them


def _published_weights(model: 'ModelInfo', cfg_options: dict[str, Any]) -> str:
    """Return the weights of a model for which the user names none.

    Raises:
        ValueError: It needs some, and they are not here; the message says where they are.
    """
    from avis.apis.checkpoint import needs_checkpoint
    from avis.apis.config import load_config

    if not needs_checkpoint(load_config(model.config, cfg_options)):
        return NO_WEIGHTS
    if model.weights is None or not Path(model.weights).is_file():
        raise ValueError(f'{model.weights_hint()} "none" before the inputs takes random weights.')
    return model.weights


def _predict(
    args: argparse.Namespace,
    config: str,
    checkpoint: str | None,
    found: 'FoundInputs',
    cfg_options: dict[str, Any],
) -> str | None:
    """Predict the videos and print who sounds how long."""
    from rich.console import Console

    from avis.apis import infer
    from avis.apis.inference_summary import InferenceSummary

    summary = InferenceSummary()
    failed = infer(
        config,
        checkpoint,
        found,
        args.out,
        size=args.window or None,
        overlap=args.overlap,
        batch_size=args.batch_size,
        video=not args.no_video,
        results=not args.no_results,
        export=args.export,
        style=args.style,
        opacity=args.opacity,
        follow=args.follow,
        device=args.device,
        num_workers=args.workers,
        amp=args.amp,
        cfg_options=cfg_options,
        summary=summary,
    )
    summary.print(Console())
    lines = [f'  {name}: {reason}' for name, reason in failed.items()]
    return '\n'.join(['failed:', *lines]) if failed else None
