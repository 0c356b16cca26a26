import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'avs_metrics.py'


def run(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARK), *args]
    return subprocess.run(command, capture_output=True, text=True)


def test_both_sides_agree_and_ours_is_faster() -> None:
    done = run('--videos', '4', '--dense-videos', '4', '--size', '64')
    assert done.returncode == 0, done.stderr
    ratio, difference = re.search(r'ratio +(\S+) +largest difference (\S+)', done.stdout).groups()
    assert float(difference) < 2e-6
    assert float(ratio) > 2  # tiny frames: the real sizes show more


def test_part_of_an_evaluation_batch_cannot_be_compared() -> None:
    done = run('--videos', '4', '--dense-videos', '3')
    assert done.returncode == 2
    assert 'multiple of 4' in done.stderr
