"""The benchmark of avtracker_offline on two small videos."""

import runpy
import sys

import pytest

from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'benchmarks' / 'offline_speakers.py'


@pytest.mark.slow
def test_prints_the_tables_of_own_and_exchanged_audio(tmp_path, monkeypatch, capsys) -> None:
    arguments = ['--strengths', '0.5', '--videos', '2', '--seconds', '4', '--seed', '3']
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *arguments, '--work-dir', str(tmp_path)])
    monkeypatch.setattr(sys, 'path', [*sys.path])
    runpy.run_path(str(TOOL), run_name='__main__')
    lines = capsys.readouterr().out.splitlines()
    start = lines.index('| challenges | own audio | exchanged | difference |')
    assert lines[start + 2].startswith('| strength 0.5 |')
    start = next(n for n, line in enumerate(lines) if line.startswith('| challenge | videos |'))
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')] for line in lines[start + 2 :][:3]
    ]
    assert [row[:2] for row in rows] == [
        ['all', '2'],
        ['relative position change', '1'],
        ['visual occlusion', '1'],
    ]
    assert all(0 <= float(cell) <= 100 for row in rows for cell in row[2:4])
    assert [line.split()[0] for line in lines[start + 6 :]] == [
        'stage',
        'speech',
        'vision',
        'local',
        'global',
    ]
    own, exchanged = (
        {path.name: path.read_bytes() for path in (folder / 'Audios').iterdir()}
        for folder in sorted((tmp_path / 'data').iterdir())
    )
    assert len(own) == 2
    assert set(own) == set(exchanged)
    assert all(own[name] != exchanged[name] for name in own)
    assert sorted(own.values()) == sorted(exchanged.values())
