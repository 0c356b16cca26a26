from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from avis.cli.main import main
from avis.report.figures import write_figures
from avis.report.results import MethodResult

CHARTS = ('methods', 'distribution', 'conditions_conditions', 'diagnosis', 'errors', 'thresholds')


def test_every_chart_is_a_pdf_and_a_png(methods: list[MethodResult], tmp_path: Path) -> None:
    odd = replace(methods[1], name='$x^2 & _y_')  # not a formula
    paths = write_figures([methods[0], odd], tmp_path / 'new')
    assert {path.stem for path in paths} >= {*CHARTS}
    for path in paths:
        if path.suffix == '.pdf':
            assert path.read_bytes().startswith(b'%PDF')
        else:
            image = cv2.imread(str(path))
            assert image.shape == (540, 960, 3)
            assert len(set(image.reshape(-1, 3)[:, 0].tolist())) > 5  # something is drawn


def test_scores_alone_give_two_charts(tmp_path: Path) -> None:
    scores = {
        'benchmark': 'avss',
        'protocol': 'official',
        'summary': {'miou': 50.0},
        'per_video': {'a': {'miou': 40.0}, 'b': {'miou': None}},
    }
    paths = write_figures([MethodResult('a', scores)], tmp_path)
    assert [path.name for path in paths] == [
        'methods.pdf',
        'methods.png',
        'distribution.pdf',
        'distribution.png',
    ]


def test_command_writes_page_and_figures(results_folder: Path, tmp_path: Path, capsys) -> None:
    out, figures = tmp_path / 'report.html', tmp_path / 'figures'
    main(['report', str(results_folder), '--out', str(out), '--title', 'Ours'])
    assert '<title>Ours</title>' in out.read_text()
    assert capsys.readouterr().out == f'wrote {out}\n'
    with pytest.raises(SystemExit):
        main(['report', str(results_folder)])
    assert 'expected --out, --figures or both' in capsys.readouterr().err
    assert not figures.exists()
