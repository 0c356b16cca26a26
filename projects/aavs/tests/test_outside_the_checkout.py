"""A copy of the project in an empty folder trains and tests with the tools of avis."""

import os
import shutil
from pathlib import Path

import pytest

from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root
from tests.helpers.warm_python import run_warm

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = 'my_aavs/configs/demo_aavs_synthetic.py'


@pytest.mark.slow
def test_copy_trains_and_tests(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns('__pycache__', 'tests')
    shutil.copytree(PROJECT, tmp_path / 'my_aavs', ignore=ignored)
    data = tmp_path / 'data' / 'synthetic_ms3'
    make_dataset(layout='avsbench_ms3', out=data, videos=4, splits=(2, 1, 1), size=(96, 96), seed=0)
    paths = os.pathsep.join([str(tmp_path / 'my_aavs'), str(configs_root())])
    options = [
        'train_dataloader.batch_size=2',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
    ]
    for split in ('train', 'val', 'test'):
        options.append(f'{split}_dataloader.num_workers=0')
        options.append(f'{split}_dataloader.persistent_workers=False')

    def run(tool: str, *arguments: str) -> None:
        done = run_warm(
            [configs_root() / 'tools' / tool, CONFIG, *arguments, '--cfg-options', *options],
            tmp_path,
            {**os.environ, 'PYTHONPATH': paths},
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run('train.py', '--work-dir', 'run')
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    assert 'avs/miou' in scalars.read_text()
    run('test.py', 'run/epoch_1.pth', '--work-dir', 'tested')
    assert list((tmp_path / 'tested').glob('*/*.json'))
