"""Use a copy of a project in an empty folder, as someone outside of this repository does."""

import os
import shutil
from pathlib import Path

from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root
from tests.helpers.warm_python import run_warm


def train_and_test_copy(
    project: Path, config: str, folder: Path, *, instances: bool = False
) -> str:
    """Train the copy for an iteration or two and test it, both on synthetic data.

    Args:
        project: Folder of the project.
        config: Name of one of its configs, whose data are those of synthetic_ms3.py, or of
            synthetic_aviseg.py.
        folder: An empty folder.
        instances: Use the data of synthetic_aviseg.py.

    Returns:
        The logged losses and scores of the training.
    """
    ignored = shutil.ignore_patterns('__pycache__', 'tests')
    shutil.copytree(project, folder / 'method', ignore=ignored)
    make_data = _make_instances if instances else _make_clips
    options = ['train_dataloader.batch_size=2', *make_data(folder / 'data')]
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
    (checkpoint,) = (folder / 'run').glob('[ei]*.pth')
    run('test.py', str(checkpoint), '--work-dir', 'tested')
    assert list((folder / 'tested').glob('*/*.json'))
    (scalars,) = (folder / 'run').glob('*/vis_data/scalars.json')
    return scalars.read_text()


def _make_clips(data: Path) -> list[str]:
    """Make clips of MS3; returns the overrides for an epoch."""
    out = data / 'synthetic_ms3'
    make_dataset(layout='avsbench_ms3', out=out, videos=4, splits=(2, 1, 1), size=(96, 96), seed=0)
    return ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']


def _make_instances(data: Path) -> list[str]:
    """Make videos of people; returns the overrides for two iterations."""
    settings = {'seconds': 4, 'size': (64, 64), 'people_only': True, 'seed': 0}
    out = data / 'synthetic_aviseg'
    make_dataset(layout='aviseg', out=out, videos=4, splits=(2, 1, 1), **settings)
    lengths = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    hooks = ['checkpoint.interval=2', 'logger.interval=1']
    return [*lengths, *(f'default_hooks.{hook}' for hook in hooks)]
