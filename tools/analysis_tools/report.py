"""Write a report of evaluations; the same as ``avis report``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # avis of this clone

from avis.cli.main import run_tool

if __name__ == '__main__':
    run_tool('report')
