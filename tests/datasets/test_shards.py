"""Clips from WebDataset shards: the samples of the data set, each once, in shuffled order."""

import shutil
import tarfile

import pytest
import torch
from mmengine.runner import Runner
from torch import distributed

from avis.cli.main import main
from avis.datasets import ShardedClips, write_shards
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms.clip import worker_random
from avis.registry import DATASETS
from tests.helpers.tiny_sets import data_config, write_s4, write_vpo
from tests.helpers.two_processes import run_in_two_processes

pytest.importorskip('webdataset')


@pytest.fixture(scope='module')
def s4(tmp_path_factory):
    root = write_s4(tmp_path_factory.mktemp('s4'), {'train': 5, 'val': 1, 'test': 1})
    return build('avsbench_s4', root)


@pytest.fixture(scope='module')
def shards(s4, tmp_path_factory):
    folder = tmp_path_factory.mktemp('shards') / 's4'
    assert write_shards(s4, folder, clips_per_shard=2) == 3
    return str(folder)


def build(name, root):
    return DATASETS.build(data_config(name, root).train_dataloader.dataset)


def assert_equal_samples(dataset, sharded):
    clips = iter(sharded)
    for index in range(len(dataset)):
        worker_random().seed(index)
        expected = dataset[index]
        worker_random().seed(index)
        found = next(clips)
        for name, values in expected['inputs'].items():
            assert torch.equal(found['inputs'][name], values), name
        sample, other = found['data_samples'], expected['data_samples']
        assert torch.equal(sample.gt_sem_seg.sem_seg, other.gt_sem_seg.sem_seg)
        assert str(sample.metainfo) == str(other.metainfo)
    assert next(clips, None) is None


def test_samples_equal_those_of_the_files(s4, shards) -> None:
    assert_equal_samples(s4, ShardedClips(dataset=s4, shards=shards, buffer=0))


def test_mixed_audio_comes_from_shards_too(tmp_path) -> None:
    dataset = build('vpo', write_vpo(tmp_path / 'vpo'))
    write_shards(dataset, tmp_path / 'shards')
    for path in (tmp_path / 'vpo').rglob('*'):
        if path.suffix in ('.jpg', '.png', '.wav'):
            path.rename(path.with_name(f'{path.name}.moved'))
    sharded = ShardedClips(dataset=dataset, shards=str(tmp_path / 'shards'), buffer=0)
    found = list(sharded)
    for path in (tmp_path / 'vpo').rglob('*.moved'):
        path.rename(path.with_suffix(''))
    assert len(found) == len(dataset) == 2
    assert_equal_samples(dataset, sharded)


def test_loader_of_mmengine_reads_each_clip_once_in_other_orders(s4, shards) -> None:
    sharded = ShardedClips(dataset=s4, shards=shards, buffer=10)
    loader = Runner.build_dataloader(
        {
            'dataset': sharded,
            'sampler': None,
            'batch_size': 1,
            'num_workers': 0,
        },
        seed=0,
    )
    assert len(loader) == 5
    epochs = [[batch['data_samples'][0].video_name for batch in loader] for _ in range(4)]
    assert all(sorted(names) == [f'train{n}' for n in range(5)] for names in epochs)
    assert len({tuple(names) for names in epochs}) > 1


def test_workers_share_the_shards(s4, shards, monkeypatch) -> None:
    sharded = ShardedClips(dataset=s4, shards=shards, buffer=0)
    monkeypatch.setattr('avis.datasets.shards.get_world_size', lambda: 2)
    names = []
    for rank in range(2):
        monkeypatch.setattr('avis.datasets.shards.get_rank', lambda rank=rank: rank)
        names += [sample['data_samples'].video_name for sample in sharded]
    assert sorted(names) == [f'train{n}' for n in range(5)]
    monkeypatch.setattr('avis.datasets.shards.get_world_size', lambda: 4)
    with pytest.raises(ValueError, match=r'at least one shard for each of 4 workers, got 3'):
        next(iter(sharded))


def test_workers_of_two_processes_read_each_clip_once_per_epoch(s4, tmp_path) -> None:
    folder = tmp_path / 'shards'
    write_shards(s4, folder, clips_per_shard=1)

    def read(rank: int) -> list[list[list[str]]]:
        loader = Runner.build_dataloader(
            {
                'dataset': ShardedClips(dataset=s4, shards=str(folder), buffer=10),
                'sampler': None,
                'batch_size': 1,
                'num_workers': 2,
                'persistent_workers': True,
            },
            seed=0,
        )
        epochs = []
        for _ in range(2):
            own = [batch['data_samples'][0].video_name for batch in loader]
            names: list[list[str]] = [[], []]
            distributed.all_gather_object(names, own)
            epochs.append(names)
        return epochs

    for first, second in run_in_two_processes(read, tmp_path):
        assert (len(first), len(second)) == (3, 2)
        assert sorted(first + second) == [f'train{n}' for n in range(5)]


def test_shards_of_another_data_set_are_refused(s4, shards, tmp_path) -> None:
    other = build('avsbench_s4', write_s4(tmp_path, {'train': 1, 'val': 1, 'test': 1}))
    with pytest.raises(BrokenDataError, match=r"has 'train1' with 7 files as clip 1, which"):
        list(ShardedClips(dataset=other, shards=shards, buffer=0))


class Records(list):
    """A data set of given records."""

    def record(self, index):
        return self[index]


def test_either_audio_or_its_features_may_be_missing(s4, tmp_path) -> None:
    record = s4.record(0)
    other = {**record, 'audio': str(tmp_path / 'gone.wav')}
    write_shards(Records([{**other, 'features': record['audio']}]), tmp_path / 'shards')
    with tarfile.open(tmp_path / 'shards' / '000000.tar') as archive:
        # The description, five frames, a mask and the features.
        assert len(archive.getnames()) == 8
    with pytest.raises(FileNotFoundError, match=r'gone\.wav'):
        write_shards(Records([other]), tmp_path / 'none')


def test_missing_shards_and_files_are_named(s4, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'expected shards such as 000000.tar'):
        ShardedClips(dataset=s4, shards=str(tmp_path))
    copy = shutil.copytree(s4.data_root, tmp_path / 'copy')
    gone = next((copy / 's4_data/visual_frames/train').rglob('*_3.png'))
    gone.unlink()
    with pytest.raises(FileNotFoundError, match=gone.name):
        write_shards(build('avsbench_s4', copy), tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_command_writes_the_split_of_a_config(s4, tmp_path, capsys) -> None:
    out = tmp_path / 'shards'
    options = f'val_dataloader.dataset.data_root={s4.data_root}'
    config = 'configs/_base_/datasets/avsbench_s4.py'
    words = ['data', 'shards', config, '--out', str(out), '--split', 'val']
    main([*words, '--cfg-options', options])
    assert f'{out}: 1 clips in 1 shards' in capsys.readouterr().out
