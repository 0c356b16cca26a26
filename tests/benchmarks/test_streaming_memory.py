import runpy
import sys

import pytest

from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'benchmarks' / 'streaming_memory.py'


@pytest.mark.slow
def test_it_finds_the_boxes_and_prints_the_figures(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), '--frames', '12', '--window', '5', '--video'])
    runpy.run_path(str(TOOL), run_name='__main__')
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ['masks', 'RLE', 'MB']
    frames, peak, pace, pace_of_cpu, masks, size = (float(word) for word in row.split())
    assert (frames, masks) == (12, 24)  # both boxes are there in every frame
    assert 200 < peak < 4000
    assert pace > 0
    assert pace_of_cpu > 0
    assert size < 0.1
