"""Predict videos with any model; the same as ``avis infer``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis and projects/ of this clone

from avis.cli.main import run_tool

if __name__ == '__main__':
    run_tool('infer')
