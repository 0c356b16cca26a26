"""A config key that nothing reads and a value of a wrong kind raise errors that name them."""

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
depth = 18
model = dict(type=ResNet, depth=depth, norm_cfg=dict(type='BN', requires_grad=True))
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


def test_valid_config_loads_with_overrides(write) -> None:
    cfg = load_config(write('model.depth = 34\n'), {'train_cfg.max_epochs': 5})
    assert (cfg.model.depth, cfg.train_cfg.max_epochs) == (34, 5)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('modle = 1', r"leaf\.py: nothing reads the key 'modle'\. Did you mean 'model'"),
        ('model.dpth = 18', r"leaf\.py: model\.dpth: ResNet has no argument 'dpth'.*'depth'"),
        ('model.neck.depth = 18', r"leaf\.py:7: .*'neck'.*misspelled"),
        ("model.type = 'ResNett'", r"leaf\.py: model\.type: no class 'ResNett'.*'ResNet'"),
        ('optim_wrapper.optimizer.rl = 1', r'optim_wrapper\.optimizer\.rl: Adam has no argument'),
        ('optim_wrapper.amp = 1', r'optim_wrapper\.amp: OptimWrapper has no argument'),
        ('train_dataloader.bach_size = 1', r"train_dataloader\.bach_size: .*'batch_size'"),
        ('train_dataloader.sampler.shufle = 1', r"sampler\.shufle: .*'shuffle'"),
        ('default_hooks.checkpoint.intervall = 1', r"checkpoint\.intervall: .*'interval'"),
        ('from avis.apis import nothing\nmodel.type = nothing', r'leaf\.py: model: .*nothing'),
        (
            'from avis.models import AddFuson\nmodel.type = AddFuson',
            r"AddFuson from avis\.models in .*leaf\.py, line 7\. Did you mean 'AddFusion'",
        ),
        (
            'from no_such_package import Thing\nmodel.type = Thing',
            r'leaf\.py: model: .*no_such_package in .*leaf\.py, line 7',
        ),
        ('model.depth = undefined', r"leaf\.py:7: NameError: name 'undefined'"),
        ('model.depth = (', r'leaf\.py.*SyntaxError'),
        ('depth = 34', r"'depth' has no effect.* keys made from it instead: model\.depth\."),
    ],
)
def test_key_that_nothing_reads_is_named(write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(write(text + '\n'))


@pytest.mark.parametrize('key', ['model.dpth', 'modle', 'train_dataloader.bach_size'])
def test_typo_on_the_command_line_is_named(write, key: str) -> None:
    with pytest.raises(ValueError, match=key.split('.')[-1]):
        load_config(write(''), {key: 1})


def test_strings_and_classes_are_checked_alike(write) -> None:
    text = "model = dict(type='ResNet', dpth=18)\n"
    with pytest.raises(ValueError, match=r"model\.dpth: ResNet has no argument 'dpth'"):
        load_config(write(text))


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('optim_wrapper.optimizer.lr', 'abc', r'optim_wrapper\.optimizer\.lr: expected a number'),
        ('model.depth', 'deep', r"model\.depth: expected a number, got 'deep' \(now 18\)"),
        ('train_cfg.by_epoch', 'yes', r"train_cfg\.by_epoch: expected True or False, got 'yes'"),
        ('model.depth.value', 3, r'--cfg-options model\.depth\.value: .*'),
        ('depth', 34, r"'depth' has no effect.* instead: model\.depth\."),
    ],
)
def test_wrong_value_on_the_command_line_is_named(write, key, value, message) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(write(''), {key: value})


def test_override_of_a_type_keeps_arguments_unless_deleted(write) -> None:
    options = {'optim_wrapper.optimizer.type': 'torch.optim.LBFGS'}
    path = write('optim_wrapper.optimizer.weight_decay = 0.1\n')
    with pytest.raises(ValueError, match=r"no argument 'weight_decay'.*keeps the other arguments"):
        load_config(path, options)
    with pytest.raises(ValueError, match=r'add optim_wrapper\.optimizer\._delete_=True'):
        load_config(path, options)
    options |= {'optim_wrapper.optimizer._delete_': True, 'optim_wrapper.optimizer.lr': 0.5}
    assert load_config(path, options).optim_wrapper.optimizer == {
        'type': 'torch.optim.LBFGS',
        'lr': 0.5,
    }


def test_override_below_none_replaces_it(write) -> None:
    options = {'param_scheduler.type': 'MultiStepLR', 'param_scheduler.milestones': [3]}
    config = load_config(write('param_scheduler = None\n'), options)
    assert config.param_scheduler == {'type': 'MultiStepLR', 'milestones': [3]}


def test_missing_base_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'leaf.py'
    path.write_text(LEAF)
    with pytest.raises(ValueError, match=r'leaf\.py:5: the base file .*base\.py does not exist'):
        load_config(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'no_such_config\.py'):
        load_config(tmp_path / 'no_such_config.py')
