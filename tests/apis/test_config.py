"""A config key that nobody reads is an error that names file and key."""

from pathlib import Path

import pytest

from avis.apis import load_config

BASE = """
from mmengine.dataset import DefaultSampler
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper
from torch.optim import Adam
from mmdet.models.backbones import ResNet

size = (224, 224)
model = dict(type=ResNet, depth=18, norm_cfg=dict(type='BN', requires_grad=True))
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=Adam, lr=1e-4), paramwise_cfg=dict())
train_cfg = dict(by_epoch=True, max_epochs=2)
train_dataloader = dict(batch_size=2, sampler=dict(type=DefaultSampler, seed=size[0]))
default_hooks = dict(checkpoint=dict(type=CheckpointHook, interval=1, priority='LOW'))
default_scope = 'avis'
"""
LEAF = """
from mmengine.config import read_base

with read_base():
    from ._base_.base import *

"""


@pytest.fixture
def write(tmp_path: Path):
    def write_leaf(text: str) -> Path:
        (tmp_path / '_base_').mkdir(exist_ok=True)
        (tmp_path / '_base_' / 'base.py').write_text(BASE)
        path = tmp_path / 'leaf.py'
        path.write_text(LEAF + text)
        return path

    return write_leaf


def test_a_right_config_loads_with_overrides(write) -> None:
    cfg = load_config(write('model.depth = 34\n'), {'train_cfg.max_epochs': 5})
    assert (cfg.model.depth, cfg.train_cfg.max_epochs) == (34, 5)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('modle = 1', r"leaf\.py: nobody reads the key 'modle'\. Did you mean 'model'"),
        ('model.dpth = 18', r"leaf\.py: model\.dpth: ResNet has no argument 'dpth'.*'depth'"),
        ('model.neck.depth = 18', r"leaf\.py: .*'neck'"),
        ("model.type = 'ResNett'", r"leaf\.py: model\.type: no class 'ResNett'.*'ResNet'"),
        ('optim_wrapper.optimizer.rl = 1', r'optim_wrapper\.optimizer\.rl: Adam has no argument'),
        ('optim_wrapper.optimizer = 1', r'optim_wrapper\.optimizer: OptimWrapper has no argument'),
        ('train_dataloader.bach_size = 1', r"train_dataloader\.bach_size: .*'batch_size'"),
        ('train_dataloader.sampler.shufle = 1', r"sampler\.shufle: .*'shuffle'"),
        ('default_hooks.checkpoint.intervall = 1', r"checkpoint\.intervall: .*'interval'"),
        ('from avis.apis import nothing\nmodel.type = nothing', r'leaf\.py: model: .*nothing'),
    ],
)
def test_a_key_nobody_reads_is_named(write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(write(text + '\n'))


@pytest.mark.parametrize('key', ['model.dpth', 'modle', 'train_dataloader.bach_size'])
def test_a_typo_on_the_command_line_is_named(write, key: str) -> None:
    with pytest.raises(ValueError, match=key.split('.')[-1]):
        load_config(write(''), {key: 1})


def test_strings_and_classes_are_checked_alike(write) -> None:
    text = "model = dict(type='ResNet', dpth=18)\n"
    with pytest.raises(ValueError, match=r"model\.dpth: ResNet has no argument 'dpth'"):
        load_config(write(text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'no_such_config\.py'):
        load_config(tmp_path / 'no_such_config.py')
