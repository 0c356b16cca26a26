"""Settings of optimizer and schedule that change between a checkpoint and a resumed run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from avis.engine.changed_settings import changed_settings
from avis.engine.resume import check_training_state
from avis.utils.compat.checkpoint_loading import load_file
from tests.helpers.runs import train_tiny


def schedule(cosine_epochs: int) -> list[dict[str, Any]]:
    """A warm-up by iteration, and a cosine by epoch."""
    return [
        {'type': 'mmengine.optim.LinearLR', 'start_factor': 0.1, 'end': 5, 'by_epoch': False},
        {'type': 'mmengine.optim.CosineAnnealingLR', 'T_max': cosine_epochs, 'by_epoch': True},
    ]


OLD: dict[str, Any] = {
    'param_scheduler': schedule(9),
    'val_cfg': None,
    'val_dataloader': None,
    'val_evaluator': None,
}
NEW = {**OLD, 'optim_wrapper.optimizer.lr': 0.05, 'param_scheduler': schedule(4)}


@pytest.fixture(scope='module')
def two_epochs(tmp_path_factory) -> Path:
    """A work folder with the checkpoints of two epochs."""
    work_dir = tmp_path_factory.mktemp('two')
    train_tiny(work_dir, options={**OLD, 'train_cfg.max_epochs': 2})
    return work_dir / 'epoch_2.pth'


def resume(checkpoint: Path, work_dir: Path, options: dict[str, Any]) -> tuple[dict, str]:
    """The learning rates of epochs 3 and 4 by step, and the log."""
    options = {**options, 'train_cfg.max_epochs': 4}
    train_tiny(work_dir, options=options, resume=checkpoint)
    return rates(work_dir), next(work_dir.glob('*/*.log')).read_text()


def rates(work_dir: Path) -> dict[int, float]:
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    rows = map(json.loads, path.read_text().splitlines())
    return {row['step']: row['lr'] for row in rows if 'lr' in row and row['step'] > 8}


def test_new_learning_rate_and_schedule_count(two_epochs: Path, tmp_path: Path) -> None:
    train_tiny(tmp_path / 'fresh', options={**NEW, 'train_cfg.max_epochs': 4})
    resumed, log = resume(two_epochs, tmp_path / 'resumed', NEW)
    assert len(resumed) == 8
    assert resumed == pytest.approx(rates(tmp_path / 'fresh'), rel=1e-6)
    assert 'optim_wrapper.optimizer.lr: 0.1 -> 0.05' in log
    assert 'param_scheduler.1.T_max: 9 -> 4' in log


def test_another_optimizer_starts_without_moments(two_epochs: Path, tmp_path: Path) -> None:
    optimizer = {'_delete_': True, 'type': 'torch.optim.SGD', 'lr': 0.2}
    resumed, log = resume(two_epochs, tmp_path, {**OLD, 'optim_wrapper.optimizer': optimizer})
    assert len(resumed) == 8
    assert 'SGD starts without the moments of the checkpoint' in log
    assert 'optim_wrapper.optimizer.type: ' in log


def test_seed_and_initial_weights_are_named(two_epochs: Path, tmp_path: Path) -> None:
    options = {**OLD, 'randomness.seed': 7, 'load_from': 'start.pth'}
    log = resume(two_epochs, tmp_path, options)[1]
    assert 'randomness.seed=7 replaces the seed 123 of the checkpoint' in log
    assert 'load_from=start.pth is not read' in log
    assert 'Seed 7, 1 process(es)' in log
    assert 'settings' not in log.split('Resuming from')[1].split('\n')[0]


@pytest.mark.parametrize(
    ('key', 'value', 'problem'),
    [
        ('meta.epoch', 'two', "expected int as meta.epoch, got 'two'"),
        ('meta.iter', -1, 'meta.iter, got -1'),
        ('meta.iter', True, 'meta.iter, got True'),
        ('meta.seed', 'x', 'meta.seed'),
        ('meta.config', 'import os', 'expected no entry meta.config'),
        ('optimizer', None, 'as optimizer, got None'),
        ('optimizer.param_groups', {}, 'optimizer.param_groups'),
        ('message_hub', [], 'message_hub'),
        ('message_hub.runtime_info', None, 'runtime_info'),
        ('state_dict', 5, 'state_dict, got 5'),
        ('param_schedulers', 'x', 'param_schedulers'),
        ('meta', [], 'as meta, got'),
    ],
)
def test_wrong_contents_are_named(two_epochs: Path, key: str, value: Any, problem: str) -> None:
    content = load_file(two_epochs)
    assert check_training_state(content, 'c.pth')['epoch'] == 2
    holder = content
    *above, last = key.split('.')
    for name in above:
        holder = holder[name]
    holder[last] = value
    with pytest.raises(ValueError, match=rf'Checkpoint c\.pth.*{problem}'):
        check_training_state(content, 'c.pth')


@pytest.mark.parametrize('content', [[], 5, None, torch.zeros(2)])
def test_checkpoint_that_is_no_dict_is_named(content: Any) -> None:
    with pytest.raises(ValueError, match=r'c\.pth: expected a dict, got'):
        check_training_state(content, 'c.pth')


def test_damaged_state_of_the_optimizer_is_one_error(two_epochs: Path, tmp_path: Path) -> None:
    content = load_file(two_epochs)
    content['optimizer']['param_groups'] = [5]
    torch.save(content, tmp_path / 'c.pth')
    with pytest.raises(ValueError, match=r'c\.pth cannot be resumed \(TypeError.*load_from='):
        train_tiny(tmp_path / 'run', options=OLD, resume=tmp_path / 'c.pth')


def test_texts_are_compared_without_running_them(tmp_path: Path) -> None:
    one = Config({'optim_wrapper': {'optimizer': {'lr': 0.1, 'betas': (0.9, 0.99)}}}).pretty_text
    assert changed_settings(one, one) == []
    two = one.replace('0.1', '0.2') + f"\nopen({str(tmp_path / 'run')!r}, 'w')\n"
    assert [str(change) for change in changed_settings(one, two)] == [
        'optim_wrapper.optimizer.lr: 0.1 -> 0.2'
    ]
    added = one + '\nparam_scheduler = [dict(gamma=0.5, type=open("x"))]\n'
    assert [str(change) for change in changed_settings(one, added)] == [
        'param_scheduler.0.gamma: not set -> 0.5',
        'param_scheduler.0.type: not set -> "open(\'x\')"',
    ]
    assert changed_settings('(' * 10_000, two) == []
    assert not (tmp_path / 'run').exists()
