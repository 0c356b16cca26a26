import json
import runpy
import sys

import cv2
import pytest

from avis.cli.main import main
from tests.helpers.painted import CONFIG, paint, passing, write_video
from tests.helpers.subprocess_python import ROOT


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['infer.py', str(CONFIG), *map(str, arguments)])
    runpy.run_path(str(ROOT / 'tools' / 'infer.py'), run_name='__main__')


def test_options_reach_the_model(tmp_path, monkeypatch, capsys):
    video, log = write_video(tmp_path / 'a.mp4', passing(9)), tmp_path / 'log'
    options = ('--cfg-options', f'model.log={log}')
    out = ('--out', tmp_path / 'out', '--no-video', '--fps', '5')
    call(monkeypatch, 'none', video, *out, '--window', '3', '--overlap', '1', *options)
    starts = [json.loads(line)[0] for line in log.read_text().splitlines()]
    assert starts == [0, 1]
    names = {path.name for path in (tmp_path / 'out' / 'a').iterdir()}
    assert {'results.json', 'speakers.csv'} <= names
    assert 'video.mp4' not in names
    assert 'person 1' in capsys.readouterr().out
    out = ('--out', tmp_path / 'part', '--no-video', '--window', '0', '--start', '0.2')
    style = ('--style', 'box', '--opacity', '0.5')
    call(monkeypatch, '--checkpoint', 'none', video, *out, '--end', '0.7', *style, *options)
    assert [json.loads(line)[1][1] for line in log.read_text().splitlines()] == [3, 3, 5]


def test_weights_come_before_the_inputs_or_are_an_option(tmp_path, monkeypatch, capsys):
    video = write_video(tmp_path / 'a.mp4', passing(2))
    with pytest.raises(SystemExit, match=r'error: Checkpoint lost\.pth does not exist'):
        call(monkeypatch, '--out', tmp_path / 'out', '--no-video', 'lost.pth', video)
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, 'none', '--out', tmp_path / 'out')
    assert end.value.code == 2
    assert 'expected a video after the weights' in capsys.readouterr().err


def test_a_model_without_weights_says_where_they_are(tmp_path, monkeypatch):
    video = write_video(tmp_path / 'a.mp4', passing(2))
    with pytest.raises(SystemExit, match=r'error: painted needs weights: train it'):
        call(monkeypatch, video, '--out', tmp_path / 'out')
    words = ['infer', 'tpavi_r50_s4', str(video), '--out', str(tmp_path / 'out')]
    with pytest.raises(ValueError, match=r'needs weights: get those of the authors.*AVSBench'):
        main(words)
    assert not (tmp_path / 'out').exists()


def test_failed_videos_are_listed_at_the_end(tmp_path, monkeypatch):
    write_video(tmp_path / 'b.mp4', passing(1))
    (tmp_path / 'a.mp4').write_bytes(b'broken')
    with pytest.raises(SystemExit, match=r'failed:\n  a: .*a\.mp4: cannot be decoded'):
        call(monkeypatch, 'none', tmp_path, '--out', tmp_path / 'out', '--no-video')


def test_nothing_to_predict_is_exit_status_2(tmp_path, monkeypatch, capsys):
    cv2.imwrite(str(tmp_path / 'photo.png'), paint(passing(1))[0])
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, 'none', tmp_path / 'photo.png', '--out', tmp_path / 'out')
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'photo.png is a single image: give its audio with --audio' in line
    assert not (tmp_path / 'out').exists()
