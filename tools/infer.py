"""Track sounding instances in videos: an annotated video and the tracks of each.

Writes OUT/NAME/video.mp4 and OUT/NAME/results.json for every video. Videos may have any length;
memory depends on the window. Videos with results from the same settings are skipped: start an
interrupted run again with the same command.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis and projects/ of this clone

from avis.utils.arguments import (
    add_config_arguments,
    make_parser,
    natural_int,
    parse_arguments,
    parse_cfg_options,
)
from avis.utils.cli import run


def main() -> str | None:
    """Parse the arguments and predict; returns the videos that failed."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='weights, or "none" for random ones')
    parser.add_argument(
        'inputs', nargs='+', help='video files, folders of frames, folders of video files'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the results')
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
        help='frames per second to predict, as in training (AVISeg: 1); default: all frames of a '
        'video file',
    )
    parser.add_argument(
        '--window', type=natural_int, default=60, help='frames per window; 0 for whole videos (60)'
    )
    parser.add_argument(
        '--overlap',
        type=natural_int,
        help='frames that neighboring windows share (a tenth of a window); 0 for trackers that '
        'work frame by frame',
    )
    parser.add_argument('--no-video', action='store_true', help='write results.json only')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1, ... (cpu)')
    parser.add_argument(
        '--workers', type=natural_int, default=0, help='processes that decode ahead (0)'
    )
    args = parse_arguments(parser)

    from avis.apis import infer

    failed = infer(
        args.config,
        None if args.checkpoint.lower() == 'none' else args.checkpoint,
        args.inputs,
        args.out,
        audio=args.audio,
        audio_track=args.audio_track,
        fps=args.fps,
        size=args.window or None,
        overlap=args.overlap,
        video=not args.no_video,
        device=args.device,
        num_workers=args.workers,
        cfg_options=parse_cfg_options(args.cfg_options),
    )
    lines = [f'  {name}: {reason}' for name, reason in failed.items()]
    return '\n'.join(['failed:', *lines]) if failed else None


if __name__ == '__main__':
    run(main)
