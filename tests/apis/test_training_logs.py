import json
import sys
from pathlib import Path

import pytest

from avis.apis.training_logs import plot_curves, read_curves, summarize_curves
from avis.utils.cli import run as run_main
from tools.analysis_tools import analyze_logs


def write_run(root: Path, *starts: list[dict]) -> Path:
    for number, rows in enumerate(starts):
        folder = root / f'2026_{number}' / 'vis_data'
        folder.mkdir(parents=True)
        text = '\n'.join(json.dumps(row) for row in rows)
        (folder / 'scalars.json').write_text(text + '\n')
    return root


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two starts: the second resumes after step 2 and repeats step 3."""
    first = [{'loss': 3.0 - step, 'lr': 0.1, 'epoch': 1, 'step': step} for step in (1, 2, 3)]
    second = [{'loss': 0.5, 'step': 3}, {'loss': 0.7, 'step': 4}]
    scores = [
        {'avs/miou': 0.4, 'step': 1},
        {'avs/miou': 0.6, 'step': 2},
        {'avs/miou': 0.5, 'step': 3},
    ]
    return write_run(tmp_path / 'run', first + scores[:1], second + scores[1:])


def test_resumed_run_is_one_curve(run: Path) -> None:
    curves = read_curves(run)
    assert curves['loss'] == [(1, 2.0), (2, 1.0), (3, 0.5), (4, 0.7)]
    assert list(curves) == ['loss', 'lr', 'avs/miou']
    one = run / '2026_0' / 'vis_data' / 'scalars.json'
    assert read_curves(one)['loss'][-1] == (3, 0.0)


def test_table_has_last_and_best_values(run: Path) -> None:
    curves = {'a': read_curves(run), 'b': {}}
    table = summarize_curves(curves, ['loss', 'avs/miou'])
    cells = [list(column.cells) for column in table.columns]
    assert list(zip(*cells, strict=True)) == [
        ('a', 'loss', '0.7', '4', '0.5', '3'),
        ('a', 'avs/miou', '0.5', '3', '0.6', '2'),
    ]
    with pytest.raises(ValueError, match="one of loss, lr, avs/miou, got 'accuracy'"):
        summarize_curves(curves, ['accuracy'])


def test_cut_off_last_line_is_left_out_and_another_is_an_error(run: Path) -> None:
    file = run / '2026_1' / 'vis_data' / 'scalars.json'
    text = file.read_text()
    file.write_text(text[:-4])
    assert read_curves(run)['avs/miou'] == [(1, 0.4), (2, 0.6)]
    file.write_text('cut\n' + text)
    with pytest.raises(ValueError, match=r'scalars\.json: line 1: expected a JSON object'):
        read_curves(run)
    with pytest.raises(FileNotFoundError, match=r'none: expected a scalars\.json'):
        read_curves(run / 'none')


@pytest.mark.parametrize(('suffix', 'magic'), [('.png', b'\x89PNG'), ('.pdf', b'%PDF')])
def test_curves_of_several_runs_are_plotted(run: Path, tmp_path: Path, suffix, magic) -> None:
    path = tmp_path / 'new' / f'curves{suffix}'
    runs = {'a': read_curves(run), 'b': {'loss': [(1, 5.0)]}}
    plot_curves(runs, ['loss', 'avs/miou'], path)
    assert path.read_bytes().startswith(magic)


def test_tool_prints_a_table_and_plots(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    path = tmp_path / 'curves.svg'
    words = [str(run), '--names', 'mine', '--keys', 'avs/miou', '--out', str(path)]
    monkeypatch.setattr(sys, 'argv', ['analyze_logs.py', *words])
    run_main(analyze_logs.main)
    printed = capsys.readouterr().out
    assert 'mine' in printed
    assert '0.6' in printed
    assert path.is_file()
    monkeypatch.setattr(sys, 'argv', ['analyze_logs.py', str(run), '--list'])
    run_main(analyze_logs.main)
    assert capsys.readouterr().out.split() == ['loss', 'lr', 'avs/miou']
