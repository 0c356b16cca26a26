"""The training tool in several processes, killed and resumed, and its output."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from avis.apis.runner import train
from avis.synthetic.generator import make_dataset
from tests.helpers.processes import finish, start, wait_for
from tests.helpers.runs import ROOT, TINY_CONFIG, loss_curve, own_name, train_tiny
from tests.helpers.warm_python import run_warm

# Loading a clip is slow, so that a kill comes before the end on a busy machine, too.
SLOW = ('--cfg-options', 'train_dataloader.dataset.delay=0.1')


@pytest.fixture(scope='module')
def one_process(tmp_path_factory) -> dict[int, float]:
    """The loss curve of one uninterrupted process with batch 4."""
    work_dir = tmp_path_factory.mktemp('one')
    train_tiny(work_dir)
    return loss_curve(work_dir)


def train_in_two(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the training tool in two processes; see test_scripts for how a script starts them."""
    tool = ROOT / 'tools' / 'train.py'
    return run_warm([tool, *arguments, '--launcher', 'pytorch'], folder, processes=2)


@pytest.mark.slow
def test_two_processes_killed_and_resumed_have_the_curve_of_one(one_process, tmp_path) -> None:
    script = ROOT / 'tools' / 'dist_train.sh'
    options = ['--work-dir', tmp_path / 'run', *SLOW, 'train_dataloader.batch_size=2']
    killed = start([script, TINY_CONFIG, 2, *options], tmp_path)
    wait_for(tmp_path / 'run' / 'epoch_3.pth', killed)
    # Only the launcher is killed: its workers must stop as well.
    os.kill(killed.pid, signal.SIGKILL)
    finish(killed)
    before = set(loss_curve(tmp_path / 'run'))
    assert 12 <= max(before) < 24
    resumed = train_in_two(tmp_path, TINY_CONFIG, *options, '--resume')
    printed = resumed.stdout + resumed.stderr
    assert resumed.returncode == 0, printed
    assert 'Resuming from' in printed
    assert 'Effective batch 4 = 2 per process x 2 process(es) x 1 accumulated' in printed
    assert '(gloo)' in printed or '(nccl)' in printed
    curve = loss_curve(tmp_path / 'run')
    assert curve.keys() == one_process.keys()
    assert max(abs(curve[i] - one_process[i]) for i in curve) < 1e-4
    assert not list((tmp_path / 'run').glob('*.part'))


@pytest.mark.slow
def test_demo_has_the_same_curve_in_one_and_two_processes(tmp_path) -> None:
    make_dataset(
        layout='avsbench_ms3',
        out=tmp_path / 'data' / 'synthetic_ms3',
        videos=10,
        splits=(8, 1, 1),
        size=(64, 64),
        seed=0,
    )
    config = ROOT / 'configs' / 'avs' / 'demo_tpavi_synthetic.py'
    options = {'train_cfg.max_epochs': 2, 'default_hooks.logger.interval': 1}
    options |= {'train_dataloader.num_workers': 0, 'val_dataloader.num_workers': 0}
    words = [f'{key}={value}' for key, value in options.items()]
    words = ['--cfg-options', *words, 'train_dataloader.batch_size=2']
    two = train_in_two(tmp_path, config, '--work-dir', 'two', *words)
    assert two.returncode == 0, two.stderr
    root = str(tmp_path / 'data' / 'synthetic_ms3' / 'Multi-sources')
    options |= {f'{split}_dataloader.dataset.data_root': root for split in ('train', 'val', 'test')}
    options |= {'train_dataloader.batch_size': 4, **own_name()}
    train(config, work_dir=tmp_path / 'one', cfg_options=options)
    one, two = loss_curve(tmp_path / 'one'), loss_curve(tmp_path / 'two')
    assert list(one) == [1, 2, 3, 4]
    assert two == pytest.approx(one, abs=1e-4)


@pytest.mark.slow
def test_nan_in_one_of_two_processes_stops_both(tmp_path) -> None:
    options = ('--cfg-options', 'model.poison=5', 'train_dataloader.batch_size=2')
    done = train_in_two(tmp_path, TINY_CONFIG, '--work-dir', tmp_path / 'run', *options)
    assert done.returncode == 1
    assert 'error: The loss is not finite at iteration' in done.stderr
    assert 'clip/5' in done.stderr
    assert not list(tmp_path.glob('run/*.pth'))


@pytest.mark.slow
def test_one_process_killed_and_resumed_has_the_same_curve(one_process, tmp_path) -> None:
    command = [sys.executable, ROOT / 'tools' / 'train.py', TINY_CONFIG, '--work-dir', 'run', *SLOW]
    killed = start(command, tmp_path)
    wait_for(tmp_path / 'run' / 'epoch_2.pth', killed)
    os.killpg(killed.pid, signal.SIGKILL)
    finish(killed)
    assert len(loss_curve(tmp_path / 'run')) < 24
    train_tiny(tmp_path / 'run', resume='auto')
    curve = loss_curve(tmp_path / 'run')
    assert curve == pytest.approx(one_process, abs=1e-6)


@pytest.mark.parametrize('tool', ['train.py', 'test.py', 'misc/print_config.py'])
def test_help_imports_nothing_heavy(tool: str, tmp_path: Path) -> None:
    code = f"""
import runpy, sys
sys.argv = ['tool', '--help']
try:
    runpy.run_path({str(ROOT / 'tools' / tool)!r}, run_name='__main__')
except SystemExit as end:
    assert end.code == 0
assert not {{'torch', 'mmengine', 'mmdet', 'numpy'}} & set(sys.modules), 'heavy imports'
"""
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert '--cfg-options' in done.stdout


def test_print_config_applies_overrides_and_names_typos(tmp_path: Path) -> None:
    command = [ROOT / 'tools' / 'misc' / 'print_config.py', TINY_CONFIG]
    options = ['--cfg-options', 'train_cfg.max_epochs=77', '--save-path', 'new/full.py']
    assert 'max_epochs=77' in run_warm([*command, *options], tmp_path).stdout
    assert 'max_epochs=77' in (tmp_path / 'new' / 'full.py').read_text()
    wrong = run_warm([*command, '--cfg-options', 'modle=3'], tmp_path)
    assert wrong.returncode == 1
    assert "nothing reads the key 'modle'. Did you mean 'model'?" in wrong.stderr
