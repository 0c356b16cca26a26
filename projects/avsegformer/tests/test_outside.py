"""A copy of the project outside the checkout trains and is scored."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_copy_of_the_project_trains_one_iteration(tmp_path: Path) -> None:
    copy = tmp_path / 'method'
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns('__pycache__', 'data'))
    make_dataset(
        layout='avsbench_ms3', out=tmp_path / 'data', videos=3, splits=(1, 1, 1), size=(32, 32)
    )
    root = tmp_path / 'data' / 'Multi-sources'
    options = []
    for split in ('train', 'val', 'test'):
        loader = f'{split}_dataloader'
        options += [f'{loader}.dataset.data_root={root}', f'{loader}.num_workers=0']
        options.append(f'{loader}.persistent_workers=False')
    options += [
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'train_dataloader.batch_size=1',
    ]
    tool = configs_root() / 'tools' / 'train.py'
    command = [sys.executable, str(tool), 'method/configs/avsegformer_small_synthetic.py']
    paths = [str(copy), *filter(None, [os.environ.get('PYTHONPATH')])]
    done = subprocess.run(
        [*command, '--work-dir', 'run', '--cfg-options', *options],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert any('loss_mix' in row for row in rows)
    assert any('avs/miou' in row for row in rows)
