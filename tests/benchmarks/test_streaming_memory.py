import runpy
import sys

import pytest

from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'benchmarks' / 'streaming_memory.py'


@pytest.mark.slow
def test_benchmark_predicts_the_boxes_and_prints_the_figures(monkeypatch, capsys):
    monkeypatch.setattr(
        sys, 'argv', [str(TOOL), '--frames', '12', '--window', '5', '--write-video']
    )
    runpy.run_path(str(TOOL), run_name='__main__')
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ['masks', 'RLE', 'MB']
    frames, peak, rate, cpu_rate, masks, size = (float(word) for word in row.split())
    assert (frames, masks) == (12, 24)  # both boxes are visible in every frame
    assert 200 < peak < 4000
    assert rate > 0
    assert cpu_rate > 0
    assert size < 0.1
