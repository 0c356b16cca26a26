import os
import subprocess

import pytest

from tests.helpers.subprocess_python import ROOT
from tests.helpers.warm_python import run_warm

TOOL = ROOT / 'benchmarks' / 'streaming_memory.py'


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own: the peak of this one includes the tests that ran before."""
    return run_warm([TOOL, *arguments], ROOT, {**os.environ, 'PYTHONPATH': str(ROOT)})


@pytest.mark.slow
def test_benchmark_predicts_the_boxes_and_prints_the_figures():
    done = run('--frames', '12', '--window', '5', '--outputs')
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.splitlines()
    assert head.split()[-3:] == ['masks', 'RLE', 'MB']
    frames, peak, rate, cpu_rate, masks, size = (float(word) for word in row.split())
    assert (frames, masks) == (12, 24)  # both boxes are visible in every frame
    assert 200 < peak < 4000
    assert rate > 0
    assert cpu_rate > 0
    assert size < 0.1


@pytest.mark.slow
def test_benchmark_predicts_with_a_config_of_tpavi():
    done = run('--frames', '12', '--config', 'tpavi_r50_s4')
    assert done.returncode == 0, done.stderr
    frames, peak, *_ = (float(word) for word in done.stdout.splitlines()[1].split())
    assert frames == 12
    assert 200 < peak < 4000
