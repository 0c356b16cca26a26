"""Print the time of the stages of AVTracker per minute of video, and their peak memory.

Stages that were read from the cache are not counted.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis of this clone

from avis.utils.arguments import make_parser
from avis.utils.cli import run


def main() -> None:
    """Parse the arguments and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('record_dir', help="folder of the records, AVTracker's record_dir")
    args = parser.parse_args()

    from avis.apis.stage_times import stage_times

    print(stage_times(args.record_dir))


if __name__ == '__main__':
    run(main)
