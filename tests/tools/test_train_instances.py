"""Instances in several processes: a small AVISM, killed and resumed, has the curve of one run."""

import os
import signal
from pathlib import Path

import pytest

from avis.apis.runner import train
from avis.synthetic.generator import make_dataset
from tests.helpers.processes import finish, start, wait_for
from tests.helpers.runs import ROOT, loss_curve, own_name

CONFIG = ROOT / 'configs' / 'avis' / 'demo_avism_synthetic.py'
OPTIONS = {
    'train_cfg.max_iters': 6,
    'train_cfg.val_interval': 99,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1,
    'train_dataloader.num_workers': 0,
    # A gate with weights: its mean over all matched queries is that of the whole batch, too.
    'model.sounding_gate.source': 'similarity',
    'model.sounding_gate.query_dim': 64,
    'model.sounding_gate.audio_dim': 64,
}


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    """Videos of people who talk."""
    root = tmp_path_factory.mktemp('people') / 'aviseg'
    settings = {'seconds': 6, 'size': (64, 64), 'people_only': True, 'seed': 0}
    make_dataset(layout='aviseg', out=root, videos=10, splits=(8, 1, 1), **settings)
    return root


@pytest.mark.slow
def test_two_processes_killed_and_resumed_have_the_curve_of_one(data, tmp_path) -> None:
    roots = {f'{split}_dataloader.dataset.data_root': data for split in ('train', 'val', 'test')}
    options = {**OPTIONS, **{key: str(value) for key, value in roots.items()}}
    words = [f'{key}={value}' for key, value in options.items()]
    command = [
        *(ROOT / 'tools' / 'dist_train.sh', CONFIG, 2, '--work-dir', tmp_path / 'run'),
        *('--cfg-options', *words, 'train_dataloader.batch_size=2'),
    ]
    killed = start(command, tmp_path)
    wait_for(tmp_path / 'run' / 'iter_2.pth', killed)
    os.kill(killed.pid, signal.SIGKILL)
    finish(killed)
    assert 2 <= max(loss_curve(tmp_path / 'run')) < 6
    resumed = start([*command, '--resume'], tmp_path)
    printed = finish(resumed)
    assert resumed.returncode == 0, printed
    assert 'Resuming from' in printed

    options |= {'train_dataloader.batch_size': 4, **own_name()}
    train(CONFIG, work_dir=tmp_path / 'one', cfg_options=options)
    one, two = loss_curve(tmp_path / 'one'), loss_curve(tmp_path / 'run')
    assert list(one) == list(range(1, 7))
    assert two == pytest.approx(one, abs=1e-4)
