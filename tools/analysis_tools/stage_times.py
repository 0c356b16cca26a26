"""Print how long the stages of AVTracker took per minute of video, and their peak memory.

Stages that were read from disk are not counted.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this clone


def main() -> None:
    """Parse the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('record_dir', help="folder of the records, AVTracker's record_dir")
    args = parser.parse_args()

    from avis.apis.stage_times import stage_times

    print(stage_times(args.record_dir))


if __name__ == '__main__':
    main()
