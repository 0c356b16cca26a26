import json
import runpy
import sys

import pytest

from tests.helpers.painted import CONFIG, passing, write_video
from tests.helpers.subprocess_python import ROOT


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['infer.py', str(CONFIG), 'none', *map(str, arguments)])
    runpy.run_path(str(ROOT / 'tools' / 'infer.py'), run_name='__main__')


def test_options_reach_the_model(tmp_path, monkeypatch):
    video, log = write_video(tmp_path / 'a.mp4', passing(9)), tmp_path / 'log'
    options = ('--cfg-options', f'model.log={log}')
    out = ('--out', tmp_path / 'out', '--no-video', '--fps', '5')
    call(monkeypatch, video, *out, '--window', '3', '--overlap', '1', *options)
    starts = [json.loads(line)[0] for line in log.read_text().splitlines()]
    assert starts == [0, 1]
    assert [path.name for path in (tmp_path / 'out' / 'a').iterdir()] == ['results.json']
    call(monkeypatch, video, '--out', tmp_path / 'whole', '--no-video', '--window', '0', *options)
    assert [json.loads(line)[1][1] for line in log.read_text().splitlines()] == [3, 3, 9]


def test_failed_videos_are_listed_at_the_end(tmp_path, monkeypatch):
    (tmp_path / 'a.mp4').write_bytes(b'broken')
    with pytest.raises(SystemExit, match=r'failed:\n  a: .*a\.mp4: cannot be decoded'):
        call(monkeypatch, tmp_path / 'a.mp4', '--out', tmp_path / 'out')
