"""Open a web page on which a model predicts an uploaded or recorded video.

The page shows the annotated video and a timeline, and offers the result files. It needs no network,
accepts files of the visitor only, and deletes them when the page is closed. It is reachable from
this machine only, unless --host says otherwise: it has no passwords.
"""

from collections.abc import Sequence

from avis.utils.arguments import ToolParser, positive_int

EXAMPLES = (
    '',
    'configs/avis/demo_avism_synthetic.py --checkpoint best.pth',
    '--max-megabytes 500 --max-seconds 600 --port 8000',
)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        'config', nargs='?', help='model to offer first: config file, or name of a config of avis'
    )
    parser.add_argument('--checkpoint', metavar='FILE', help='its weights')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ... (auto)')
    parser.add_argument(
        '--host', default='127.0.0.1', metavar='ADDRESS', help='address to listen on (127.0.0.1)'
    )
    parser.add_argument(
        '--port', type=positive_int, metavar='N', help='default: the first free one from 7860 on'
    )
    parser.add_argument(
        '--max-megabytes', type=positive_int, default=200, help='largest upload (200)'
    )
    parser.add_argument('--max-seconds', type=positive_int, default=300, help='longest video (300)')


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Serve the page until Ctrl+C."""
    args = parser.parse_args(words)
    if args.checkpoint is not None and args.config is None:
        parser.error('--checkpoint needs the config of its model')

    import importlib.util
    import sys
    from pathlib import Path

    if importlib.util.find_spec('gradio') is None:
        raise ImportError("avis app needs Gradio; install it: pip install 'avis[app]'")
    if args.checkpoint is not None and not Path(args.checkpoint).is_file():
        raise FileNotFoundError(f'Checkpoint {args.checkpoint} does not exist.')
    sys.stderr.write(f'{parser.prog}: importing PyTorch, mmdet and Gradio ...\n')
    sys.stderr.flush()

    from avis.app.prediction import Models, OwnModel
    from avis.app.server import run_server
    from avis.app.uploads import UploadLimits

    own = None if args.config is None else OwnModel(args.config, args.checkpoint)
    limits = UploadLimits(args.max_megabytes, args.max_seconds)
    run_server(Models(own, args.device), limits, host=args.host, port=args.port)
