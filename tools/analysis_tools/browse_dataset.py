"""Write clips of a data set as images, videos and a page; the same as ``avis data browse``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.cli.main import run_tool

if __name__ == '__main__':
    run_tool('data browse')
