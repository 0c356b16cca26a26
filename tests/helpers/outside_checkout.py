"""Use a copy of a project in an empty folder, as someone outside of this repository does."""

import os
import shutil
from pathlib import Path

from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root
from tests.helpers.warm_python import run_warm


def train_and_test_copy(project: Path, config: str, folder: Path) -> str:
    """Train the copy for an epoch and test it, with the tools of avis, on synthetic clips of MS3.

    Args:
        project: Folder of the project.
        config: Name of one of its configs, whose data are those of synthetic_ms3.py.
        folder: An empty folder.

    Returns:
        The logged losses and scores of the training.
    """
    ignored = shutil.ignore_patterns('__pycache__', 'tests')
    shutil.copytree(project, folder / 'method', ignore=ignored)
    data = folder / 'data' / 'synthetic_ms3'
    make_dataset(layout='avsbench_ms3', out=data, videos=4, splits=(2, 1, 1), size=(96, 96), seed=0)
    options = [
        'train_dataloader.batch_size=2',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
    ]
    for split in ('train', 'val', 'test'):
        options.append(f'{split}_dataloader.num_workers=0')
        options.append(f'{split}_dataloader.persistent_workers=False')
    paths = os.pathsep.join([str(folder / 'method'), str(configs_root())])

    def run(tool: str, *arguments: str) -> None:
        done = run_warm(
            [
                *(configs_root() / 'tools' / tool, f'method/configs/{config}.py'),
                *(*arguments, '--cfg-options', *options),
            ],
            folder,
            {**os.environ, 'PYTHONPATH': paths},
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run('train.py', '--work-dir', 'run')
    run('test.py', 'run/epoch_1.pth', '--work-dir', 'tested')
    assert list((folder / 'tested').glob('*/*.json'))
    (scalars,) = (folder / 'run').glob('*/vis_data/scalars.json')
    return scalars.read_text()
