"""No worker process of a data loader outlives the run that started it."""

import multiprocessing
from pathlib import Path

import pytest

from avis.apis import runner
from tests.helpers.runs import TINY_CONFIG, own_name, train_tiny

WORKERS = {
    f'{split}_dataloader.{key}': value
    for split in ('train', 'val', 'test')
    for key, value in (('num_workers', 1), ('persistent_workers', True))
}
BY_ITERATION = {
    'train_cfg': {
        '_delete_': True,
        'type': 'IterBasedTrainLoop',
        'max_iters': 2,
        'val_interval': 2,
    },
    'train_dataloader.sampler.type': 'InfiniteSampler',
    'train_dataloader.persistent_workers': False,
}


@pytest.mark.parametrize('options', [{'train_cfg.max_epochs': 1}, BY_ITERATION])
def test_workers_end_with_the_training(options, tmp_path: Path) -> None:
    trained = train_tiny(tmp_path, options=WORKERS | options)
    assert not multiprocessing.active_children()
    assert trained.val()  # starts workers again
    assert not multiprocessing.active_children()


def test_workers_end_with_the_test(tmp_path: Path) -> None:
    assert runner.test(TINY_CONFIG, None, work_dir=tmp_path, cfg_options=WORKERS | own_name())
    assert not multiprocessing.active_children()
