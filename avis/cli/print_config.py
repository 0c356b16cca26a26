"""Print a config with everything it inherits, after overrides; unknown keys are an error."""

from collections.abc import Sequence
from pathlib import Path

from avis.utils.arguments import ToolParser, add_config_arguments, parse_cfg_options

EXAMPLES = ('configs/avs/tpavi/tpavi_r50_s4.py --check',)


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        '--check', action='store_true', help='also import every class and check its arguments'
    )
    parser.add_argument('--save-path', metavar='FILE', help='also write it (.py or .json)')


def main(parser: ToolParser, words: Sequence[str]) -> None:
    """Load, print and optionally save."""
    args = parser.parse_args(words)
    if args.save_path and not args.save_path.endswith(('.py', '.json')):
        parser.error(f'argument --save-path: expected .py or .json, got {args.save_path!r}')

    from avis.apis.config import load_config

    options = parse_cfg_options(args.cfg_options)
    cfg = load_config(args.config, options, check_types=args.check)
    print(cfg.pretty_text)
    if args.save_path:
        path = Path(args.save_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        cfg.dump(path)
