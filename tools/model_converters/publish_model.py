"""Make a checkpoint of a training run ready to share; the same as ``avis publish``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis and projects/ of this clone

from avis.cli.main import run_tool

if __name__ == '__main__':
    run_tool('publish')
