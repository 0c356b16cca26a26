"""Write one VGGish embedding per frame for every video of a config; an interrupted run resumes.

Example:
    python tools/dataset_tools/extract_audio_features.py configs/_base_/datasets/aviseg.py \
        --weights checkpoints/vggish.pth --processes 8
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.utils.arguments import (
    add_config_arguments,
    add_splits,
    make_parser,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)
from avis.utils.cli import run


def main() -> int:
    """Extract the features of the data sets of a config; returns the exit status."""
    parser = make_parser(__doc__.splitlines()[0])
    add_config_arguments(parser)
    parser.add_argument('--weights', required=True, help='file of the VGGish network')
    add_splits(parser)
    parser.add_argument(
        '--processes', type=positive_int, default=1, help='videos at a time (default 1)'
    )
    parser.add_argument('--overwrite', action='store_true', help='write complete files again, too')
    args = parse_arguments(parser)

    from avis.apis.audio_features import extract_audio_features
    from avis.apis.config import load_config

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), check_types=False)
    report = extract_audio_features(
        cfg,
        weights=args.weights,
        splits=args.split,
        processes=args.processes,
        overwrite=args.overwrite,
    )
    print(*report.problems, sep='\n', file=sys.stderr)
    print(
        f'{len(report.made)} made, {report.kept} kept, {len(report.silent)} without audio, '
        f'{len(report.problems)} problems'
    )
    return int(bool(report.problems))


if __name__ == '__main__':
    run(main)
