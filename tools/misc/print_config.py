"""Print a config with everything it inherits, after overrides; unknown keys are an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.utils.arguments import add_config_arguments, make_parser, parse_cfg_options
from avis.utils.cli import run


def main() -> None:
    """Load, print and optionally save."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--check', action='store_true', help='also import every class and check its arguments'
    )
    parser.add_argument('--save-path', metavar='FILE', help='also write it (.py or .json)')
    args = parser.parse_args()
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


if __name__ == '__main__':
    run(main)
