"""Strategies that shard weights or the optimizer follow the loss curve of one process."""

import os

import pytest
import torch

from avis.utils.compat.checkpoint_loading import load_file
from tests.helpers.runs import ROOT, loss_curve, train_tiny
from tests.helpers.train_sharded import OPTIONS, STRATEGIES
from tests.helpers.warm_python import run_warm

pytest.importorskip('torch.distributed.tensor', reason='fully_shard needs PyTorch 2.6')


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Folder of the runs of all strategies in two processes, and of ``one`` process."""
    folder = tmp_path_factory.mktemp('runs')
    train_tiny(folder / 'one', options=OPTIONS)
    script = ROOT / 'tests' / 'helpers' / 'train_sharded.py'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    done = run_warm([script, folder], ROOT, environment, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_strategy_has_the_curve_of_one_process(runs):
    expected = loss_curve(runs / 'one')
    assert list(expected) == list(range(1, 9))
    assert expected[8] < expected[1] - 0.01
    for name in STRATEGIES:
        curve = loss_curve(runs / name)
        assert list(curve) == list(expected)
        assert max(abs(curve[i] - expected[i]) for i in curve) < 1e-5, name


@pytest.mark.slow
def test_sharded_runs_resume(runs):
    expected = loss_curve(runs / 'one')
    for name in ('fsdp', 'zero'):
        curve = loss_curve(runs / f'resumed_{name}')
        assert list(curve) == [5, 6, 7, 8]
        assert max(abs(curve[i] - expected[i]) for i in curve) < 1e-5, name


@pytest.mark.slow
@pytest.mark.parametrize('name', ['fsdp', 'zero'])
def test_one_process_resumes_a_sharded_run(name, runs, tmp_path):
    one, sharded = (load_file(runs / run / 'epoch_1.pth') for run in ('one', name))
    for key, weight in one['state_dict'].items():
        torch.testing.assert_close(sharded['state_dict'][key], weight, rtol=1e-4, atol=1e-6)
    assert sharded['optimizer']['state'].keys() == one['optimizer']['state'].keys()
    train_tiny(tmp_path, options=OPTIONS, resume=runs / name / 'epoch_1.pth')
    curve, expected = loss_curve(tmp_path), loss_curve(runs / 'one')
    assert max(abs(curve[i] - expected[i]) for i in curve) < 1e-5
