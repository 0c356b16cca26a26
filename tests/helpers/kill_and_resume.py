"""Kill training runs of the small configs of projects and resume them.

``python -m tests.helpers.kill_and_resume [CONFIG ...]`` compares, for each config, the weights and
the state of the optimizer after a resumed run with those after a run without interruption.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avis.synthetic.generator import make_dataset
from tests.helpers.project_copies import PROJECTS, by_epoch, data_name, small_configs
from tests.helpers.runs import train_tiny

LENGTH = 6  # iterations, or epochs of one iteration
KILLED_AT = 3  # between the checkpoints of 2 and 4


def make_training_data(folder: Path) -> None:
    """Make the data sets of the small configs: four training clips, one of each other split."""
    settings = {'videos': 6, 'splits': (4, 1, 1), 'size': (64, 64), 'seed': 0}
    make_dataset(
        layout='aviseg', out=folder / 'synthetic_aviseg', seconds=4, people_only=True, **settings
    )
    make_dataset(layout='avsbench_ms3', out=folder / 'synthetic_ms3', **settings)
    make_dataset(layout='vggss', out=folder / 'synthetic_vggss', seconds=3, **settings)


def largest_difference(config: Path, data: Path, folder: Path) -> float:
    """Train with and without a kill; returns the largest difference of any stored number.

    Args:
        config: A small config, on synthetic data.
        data: Folder of ``make_training_data``.
        folder: Empty folder for the runs.
    """
    options = _options(config, data)
    hook = {'type': 'tests.helpers.tiny.CutOffHook', 'iteration': KILLED_AT, 'kill': True}
    whole, broken = folder / 'whole', folder / 'broken'
    assert _train(whole, config, options) == 0
    assert _train(broken, config, options | {'custom_hooks': [hook]}) == -signal.SIGKILL
    name = f'{"epoch" if by_epoch(config) else "iter"}_{{}}.pth'
    assert [path.name for path in broken.glob('*.pth')] == [name.format(2)]
    assert _train(broken, config, options, resume='auto') == 0
    states = [stored_tensors(path / name.format(LENGTH)) for path in (whole, broken)]
    assert states[0].keys() == states[1].keys()
    return max(
        (value.double() - states[1][key].double()).abs().max().item()
        for key, value in states[0].items()
        if value.numel()
    )


def _options(config: Path, data: Path) -> dict[str, Any]:
    """Overrides of a run of LENGTH iterations."""
    length = 'epochs' if by_epoch(config) else 'iters'
    name = data_name(config)
    root = data / ('synthetic_ms3/Multi-sources' if name == 'synthetic_ms3' else name)
    return {
        f'train_cfg.max_{length}': LENGTH,
        'train_cfg.val_interval': 2 * LENGTH,
        'default_hooks.checkpoint.interval': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'load_from': None,
        **{
            f'{split}_dataloader.dataset.data_root': str(root) for split in ('train', 'val', 'test')
        },
    }


def _train(work_dir: Path, config: Path, options: dict[str, Any], **flags: Any) -> int:
    """Train in a process of its own; returns how it ended."""
    arguments = {'work_dir': work_dir, 'config': config, 'options': options, **flags}
    process = multiprocessing.get_context('fork').Process(target=_run_quietly, kwargs=arguments)
    process.start()
    process.join(600)
    assert process.exitcode is not None
    return process.exitcode


def _run_quietly(**arguments: Any) -> None:
    """Train without output on the terminal; the log is in the folder of the run."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    train_tiny(**arguments)


def stored_tensors(path: Path) -> dict[str, Tensor]:
    """The weights and, if stored, the state of the optimizer in a checkpoint, by name."""
    content = torch.load(path, map_location='cpu', weights_only=False)
    found = dict(content['state_dict'])
    for index, state in content.get('optimizer', {}).get('state', {}).items():
        found |= {f'optimizer/{index}/{key}': torch.as_tensor(v) for key, v in state.items()}
    return found


def main() -> None:
    """Print the difference of each config."""
    sys.path[:0] = [str(project) for project in PROJECTS]
    every = [config for project in PROJECTS for config in small_configs(project)]
    configs = [Path(word).resolve() for word in sys.argv[1:]] or every
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_training_data(folder / 'data')
        for config in configs:
            difference = largest_difference(config, folder / 'data', folder / config.stem)
            sys.stdout.write(f'{config.stem}: {difference:.3g}\n')
            sys.stdout.flush()


if __name__ == '__main__':
    main()
