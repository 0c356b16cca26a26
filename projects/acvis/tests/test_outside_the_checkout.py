"""A copy of the project in an empty folder trains, tests and converts with the tools of avis."""

import json
import os
import shutil
from pathlib import Path

import pytest

from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root
from tests.helpers.warm_python import run_warm

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = 'my_acvis/configs/demo_acvis_synthetic.py'


@pytest.mark.slow
def test_copy_trains_and_tests(tmp_path: Path) -> None:
    shutil.copytree(
        PROJECT, tmp_path / 'my_acvis', ignore=shutil.ignore_patterns('__pycache__', 'tests')
    )
    settings = {'seconds': 4, 'size': (64, 64), 'people_only': True, 'seed': 0}
    data = tmp_path / 'data' / 'synthetic_aviseg'
    make_dataset(layout='aviseg', out=data, videos=4, splits=(2, 1, 1), **settings)
    workers = [f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')]
    workers += []

    def run(tool: str, *arguments: str) -> None:
        paths = os.pathsep.join([str(tmp_path / 'my_acvis'), str(configs_root())])
        done = run_warm(
            [configs_root() / 'tools' / tool, CONFIG, *arguments, '--cfg-options', *workers, *more],
            tmp_path,
            {**os.environ, 'PYTHONPATH': paths},
        )
        assert done.returncode == 0, done.stderr[-2000:]

    more = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2']
    more += ['default_hooks.checkpoint.interval=2', 'default_hooks.logger.interval=1']
    run('train.py', '--work-dir', 'run')
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert all('loss_instance_cnt' in row for row in rows if 'loss' in row)
    assert any('aviseg_corrected/HOTA' in row for row in rows)
    more = []
    run('test.py', 'run/iter_2.pth', '--work-dir', 'tested')
    assert list((tmp_path / 'tested').glob('*/*.json'))
