"""Write one VGGish embedding per frame for every video of a config; a stopped run goes on.

Example:
    python tools/dataset_tools/extract_audio_features.py configs/_base_/datasets/aviseg.py \
        --weights checkpoints/vggish.pth --processes 8
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this clone, and its projects/

from avis.utils.arguments import add_config_arguments, parse_arguments, parse_cfg_options


def main() -> int:
    """Extract the features of the data sets of a config; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_config_arguments(parser)
    parser.add_argument('--weights', required=True, help='file of the VGGish network')
    parser.add_argument('--split', nargs='+', choices=('train', 'val', 'test'), help='default: all')
    parser.add_argument('--processes', type=int, default=1, help='videos at a time (default 1)')
    parser.add_argument('--overwrite', action='store_true', help='also what is there and whole')
    args = parse_arguments(parser)

    from avis.apis.audio_features import extract_audio_features
    from avis.apis.config import load_config

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    try:
        report = extract_audio_features(
            cfg,
            weights=args.weights,
            splits=args.split,
            processes=args.processes,
            overwrite=args.overwrite,
        )
    except (ValueError, FileNotFoundError) as error:
        print(f'extract_audio_features: {error}', file=sys.stderr)
        return 2
    print(*report.problems, sep='\n', file=sys.stderr)
    print(
        f'{len(report.made)} made, {report.kept} kept, {len(report.silent)} without sound, '
        f'{len(report.problems)} problems'
    )
    return int(bool(report.problems))


if __name__ == '__main__':
    sys.exit(main())
