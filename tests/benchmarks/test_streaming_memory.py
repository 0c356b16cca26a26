import os
import subprocess
import sys

import pytest

from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'benchmarks' / 'streaming_memory.py'


@pytest.mark.slow
def test_benchmark_predicts_the_boxes_and_prints_the_figures():
    # In a process of its own: the peak of this one includes the tests that ran before.
    done = subprocess.run(
        [sys.executable, TOOL, '--frames', '12', '--window', '5', '--outputs'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
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
    words = ('--frames', '12', '--config', 'tpavi_r50_s4')
    done = subprocess.run(
        [sys.executable, TOOL, *words],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    frames, peak, *_ = (float(word) for word in done.stdout.splitlines()[1].split())
    assert frames == 12
    assert 200 < peak < 4000
