"""A small AVISM, interrupted and resumed in two processes, has the curve of one run."""

import os
import subprocess
from pathlib import Path

import pytest

from avis.apis.runner import train
from avis.synthetic.generator import make_dataset
from tests.helpers.runs import ROOT, loss_curve, own_name
from tests.helpers.warm_python import run_warm

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


def run_part(call: str, options: dict, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a call in two processes, with the launcher, config and options for ``{options}``."""
    settings = f'config=Path({str(CONFIG)!r}), options={options!r}, launcher="pytorch"'
    code = 'from pathlib import Path\nfrom tests.helpers.runs import cut_off, train_tiny\n'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    call = call.format(options=settings)
    return run_warm(['-c', code + call], folder, environment, processes=2)


@pytest.mark.slow
def test_two_processes_interrupted_and_resumed_have_the_curve_of_one(data, tmp_path) -> None:
    roots = {f'{split}_dataloader.dataset.data_root': data for split in ('train', 'val', 'test')}
    options = {**OPTIONS, **{key: str(value) for key, value in roots.items()}, **own_name()}
    options['train_dataloader.batch_size'] = 2
    # Interrupted before iteration 4 is logged; the last checkpoint is that of iteration 2.
    interrupted = run_part('cut_off(Path("run"), 4, {options})', options, tmp_path)
    assert interrupted.returncode == 0, interrupted.stderr
    assert max(loss_curve(tmp_path / 'run')) == 3
    resumed = run_part('train_tiny(Path("run"), {options}, resume="auto")', options, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert 'Resuming from' in resumed.stdout + resumed.stderr

    options |= {'train_dataloader.batch_size': 4, **own_name()}
    train(CONFIG, work_dir=tmp_path / 'one', cfg_options=options)
    one, two = loss_curve(tmp_path / 'one'), loss_curve(tmp_path / 'run')
    assert list(one) == list(range(1, 7))
    assert two == pytest.approx(one, abs=1e-4)
