"""The benchmark of the trackers in small: four models of two steps, a row for every combination."""

import runpy
import sys

import pytest

from avis.synthetic.generator import make_dataset
from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'benchmarks' / 'trackers.py'


@pytest.mark.slow
def test_every_combination_is_trained_and_scored(tmp_path, monkeypatch, capsys) -> None:
    data = tmp_path / 'data'
    settings = {'seconds': 4, 'size': (64, 64), 'people_only': True, 'seed': 0}
    make_dataset(layout='aviseg', out=data, videos=4, splits=(2, 1, 1), **settings)
    arguments = ['--iterations', '2', '--data', str(data), '--work-dir', str(tmp_path / 'work')]
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *arguments])
    monkeypatch.syspath_prepend(TOOL.parent)  # as if run from there
    runpy.run_path(str(TOOL), run_name='__main__')
    table = capsys.readouterr().out.split('2 iterations per model, seed 0')[1].splitlines()[2:]
    assert table[0] == '| Frame head | Audio | Tracker | HOTA | AssA | FSLA |'
    rows = [tuple(cell.strip() for cell in line.strip('|').split('|')) for line in table[2:]]
    assert len({row[:3] for row in rows}) == len(rows) == 2 * 2 * 5
    assert all(0 <= float(score) <= 100 for row in rows for score in row[3:])
    names = ['avism_audio', 'avism_muted', 'mask2former_audio', 'mask2former_muted']
    assert sorted(path.parent.name for path in tmp_path.glob('work/*/iter_2.pth')) == names


def test_the_four_models_are_those_that_the_table_names(tmp_path, import_benchmark) -> None:
    benchmark = import_benchmark('trackers')
    for head in benchmark.HEADS:
        for audio in benchmark.AUDIO:
            config = benchmark.variant(head, audio, data=tmp_path, iterations=8, seed=3)
            kind = config.model.frame_head.type
            assert (kind if isinstance(kind, str) else kind.__name__) == f'{head}FrameHead'
            for split in ('train', 'test'):
                dataset = config[f'{split}_dataloader'].dataset
                assert dataset.data_root == str(tmp_path)
                assert ({'type': 'MuteAudio'} in dataset.pipeline.values()) == (audio == 'muted')
            assert (config.train_cfg.max_iters, config.param_scheduler[1].end) == (8, 8)
            assert config.randomness.seed == 3
