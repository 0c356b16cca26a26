"""Bars and a table on a terminal; tests/apis/test_runner.py has the plain lines."""

import io
import logging
import re
import sys
from pathlib import Path

from avis.engine.hooks.progress_hook import _ProgressBars
from tests.helpers.runs import train_tiny


def test_terminal_shows_bars_and_a_table(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv('FORCE_COLOR', '1')  # rich treats the captured output as a terminal
    monkeypatch.setenv('COLUMNS', '120')
    train_tiny(tmp_path, options={'train_cfg.max_epochs': 1})
    printed = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', capsys.readouterr().out)
    assert re.search(r'train ━+.* 4/4 .*epoch 1/1  loss 0\.\d{4}', printed)
    assert re.search(r'val ━+.* 3/3', printed)
    assert re.search(r'│ iterations +│ 4 of 4 +│', printed)
    assert 'Training summary' not in printed
    assert 'Epoch(train) [1][4/4]' in printed  # log lines pass above the bars
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'Training summary\n  epochs: 1 of 1' in log
    assert '━' not in log


def test_stream_of_the_logger_is_restored(monkeypatch) -> None:
    stdout = io.StringIO()
    monkeypatch.setattr(sys, 'stdout', stdout)
    monkeypatch.setenv('FORCE_COLOR', '1')
    handler = logging.StreamHandler(stdout)
    logger = logging.getLogger('test of bars')
    monkeypatch.setattr(logger, 'handlers', [handler])
    bars = _ProgressBars(logger)
    assert sys.stdout is not stdout
    assert handler.stream is sys.stdout
    bars.show('train', 1, 3, 'text')
    bars.close()
    bars.close()  # once more at the exit of the interpreter
    assert handler.stream is stdout
    assert sys.stdout is stdout
