"""Configs and overrides that cannot work end in one line with file, key and value."""

import shutil
from pathlib import Path

import pytest

from avis.apis.config import load_config
from avis.apis.config_values import fits
from avis.utils.arguments import natural_int, parse_cfg_options, positive_int
from tests.helpers.runs import ROOT, TINY_CONFIG, train_tiny

BASE = 'from mmengine.config import read_base\n\nwith read_base():\n    from .{} import *\n\n'


@pytest.fixture
def write(tmp_path: Path):
    """Write a config beside a copy of the tiny one."""
    shutil.copytree(ROOT / 'configs/_base_', tmp_path / 'configs/_base_')
    folder = tmp_path / 'tests/configs'
    folder.mkdir(parents=True)
    shutil.copy(TINY_CONFIG, folder)

    def write(content: str | bytes, name: str = 'broken.py') -> Path:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        return folder / name

    return write


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        ('model = dict(\n', ":1: SyntaxError: '\\(' was never closed"),
        (BASE.format('nope'), r':4: the base file .*nope\.py does not exist'),
        (BASE.format('broken'), ':4: the config inherits from itself'),
        (BASE.format('other'), r'other\.py:4: the config inherits from itself'),
        (b'\xef\xbb\xbfmodel = dict()\n', ':1: .* without a byte order mark'),
        (b'a = 1\n# \xe9\n', ':2: expected text in UTF-8, got byte 0xe9'),
        ('x = ' + '[' * 5000, 'nested|too many'),
        (b'a = 1\0', 'null'),
        (BASE.format('tiny') + 'param_scheduler[9].milestones = [1]\n', ':6: IndexError'),
    ],
)
def test_file_and_line_are_named(write, content, problem: str) -> None:
    write(BASE.format('broken'), 'other.py')
    path = write(content)
    with pytest.raises(ValueError, match=problem) as caught:
        load_config(path, check_types=False)
    assert str(path.parent) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        ("train_cfg.max_epochs = 'five'", "train_cfg.max_epochs: expected int, got 'five'"),
        ('train_cfg.max_epochs = 1.5', 'train_cfg.max_epochs: expected int, got 1.5'),
        ("optim_wrapper.optimizer.lr = 'fast'", "optimizer.lr: expected float.*, got 'fast'"),
        ("optim_wrapper.optimizer.betas = 'ab'", "optimizer.betas: expected .*, got 'ab'"),
        ('model.dropout = [0.5]', r'model.dropout: expected float, got \[0.5\]'),
        ('model.type = None', 'model.type: expected a class or its name, got None'),
        ('model = 5', 'model: expected .*, got 5'),
        ('model.type = 5', 'model.type: expected a class or its name, got 5'),
        ("default_hooks.logger = 'x'", "default_hooks.logger: expected a dict with a type .*'x'"),
        ("custom_hooks = ['x']", "custom_hooks.0: expected a dict with a type or None, got 'x'"),
        (
            'train_dataloader.sampler = None',
            'train_dataloader.sampler: expected a dict',
        ),
        ('val_dataloader.dataset = dict()', r'val_dataloader.dataset: .* with a type, got \{\}'),
        ("train_dataloader.batch_size = 'two'", "batch_size: expected .*int.*, got 'two'"),
        ("log_level = ['x']", 'log_level: expected .*str'),
    ],
)
def test_key_and_value_are_named(write, line: str, problem: str) -> None:
    path = write(f'{BASE.format("tiny")}{line}\n')
    with pytest.raises(ValueError, match=problem) as caught:
        load_config(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ('option', 'problem'),
    [
        ('model.dropout=', "model.dropout: expected a number, got ''"),
        ('model.dropout.x=5', "'model.dropout' is 0.0, which has no keys"),
        ('model..x=5', 'expected a name between the dots'),
        ('model=5', 'model: expected .*, got 5'),
        ('model=[1,2', r"'model=\[1,2': Imbalanced brackets"),
        ('=5', "expected key=value, got '=5'"),
        ('param_scheduler.9.gamma=1', "an index below 1 after 'param_scheduler', got '9'"),
        ('param_scheduler.x.gamma=1', "an index below 1 after 'param_scheduler', got 'x'"),
        ('model.dropout=' + '[' * 3000 + ']' * 3000, 'nested too deeply'),
    ],
)
def test_override_is_named(option: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        load_config(TINY_CONFIG, parse_cfg_options([option]))


@pytest.mark.parametrize(
    ('options', 'problem'),
    [
        ({'model': None}, "tiny.py: expected the key 'model'"),
        ({'train_dataloader.dataset.length': 0}, 'TinyDataset: expected at least one clip'),
        ({'train_cfg.max_epochs': 0.5}, 'train_cfg.max_epochs: expected int'),
        ({'param_scheduler.0.milestones': 5}, 'param_scheduler'),
    ],
)
def test_errors_of_components_are_one_line(options: dict, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=problem):
        train_tiny(tmp_path, options=options)


@pytest.mark.parametrize(
    ('value', 'hint', 'expected'),
    [
        (1, float, True),
        (2.0, int, True),
        (True, bool, True),
        ('x', int | None, False),
        ([1], tuple[int, ...], True),
        ('x', list[str], False),
        ({'type': 'x'}, Path, True),
        (5, str, False),
        ('a', object, True),
    ],
)
def test_only_values_that_cannot_work_are_refused(value, hint, expected: bool) -> None:
    assert fits(value, hint) is expected


def test_counts_of_the_command_line_are_checked() -> None:
    assert (positive_int('3'), natural_int('0')) == (3, 0)
    for text in ('0', '-1', 'x', '1.5'):
        with pytest.raises(Exception, match=f'from 1 on, got {text!r}'):
            positive_int(text)
