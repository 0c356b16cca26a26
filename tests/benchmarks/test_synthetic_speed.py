import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'synthetic_speed.py'


def test_it_prints_frames_per_second() -> None:
    command = [sys.executable, str(BENCHMARK), '--videos', '2', '--size', '64']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'avsbench_ms3: 10 frames of 64 x 64' in done.stdout
    seconds, speed = re.search(r'processor time +(\S+) s +(\S+) frames/s', done.stdout).groups()
    assert float(speed) * float(seconds) == pytest.approx(10, rel=0.2)
