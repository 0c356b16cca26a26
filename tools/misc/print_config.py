"""Print a config with all it inherits, after overrides; unknown top-level keys are an error."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this clone, and its projects/

from avis.utils.arguments import add_config_arguments, parse_cfg_options


def main() -> None:
    """Load, print and perhaps save."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--check', action='store_true', help='import every class and check its arguments, too'
    )
    parser.add_argument('--save-path', metavar='FILE', help='also write it (.py, .json or .yml)')
    args = parser.parse_args()

    from avis.apis.config import load_config

    options = parse_cfg_options(args.cfg_options)
    cfg = load_config(args.config, options, check_types=args.check)
    print(cfg.pretty_text)
    if args.save_path:
        path = Path(args.save_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        cfg.dump(path)


if __name__ == '__main__':
    main()
