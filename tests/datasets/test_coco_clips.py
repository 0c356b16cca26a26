"""Images of COCO as clips, mixed with videos."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avis.datasets.coco_clips import CocoClips
from avis.datasets.mixed_dataset import MixedDataset, parts_of
from avis.datasets.samplers.mixed_sampler import MixedSampler
from avis.datasets.transforms import (
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomRotation,
    SampleAroundReference,
)
from avis.engine.randomness import SeededDataset, SeededSampler
from avis.engine.runner import AVRunner
from avis.registry import DATASETS

PIPELINE = {
    'sample_frames': {'type': SampleAroundReference, 'num_frames': 3},
    'load_frames': {'type': LoadFrames},
    'rotate': {'type': RandomRotation},
    'load_labels': {'type': LoadTracks, 'form': 'dense'},
    'pack': {'type': PackAVInputs},
}
BOX = [[8.0, 8.0, 24.0, 8.0, 24.0, 24.0, 8.0, 24.0]]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Image 1: a dog (18) and a crowd; 2: a cup (47), which no video set has; 3: a person (1)."""
    (tmp_path / 'train2017').mkdir()
    (tmp_path / 'annotations').mkdir()
    images = [{'id': i, 'file_name': f'{i}.jpg', 'height': 32, 'width': 40} for i in (1, 2, 3)]
    for entry in images:
        Image.new('RGB', (40, 32)).save(tmp_path / 'train2017' / entry['file_name'])
    objects = [(1, 18, 0), (1, 1, 1), (2, 47, 0), (3, 1, 0)]
    annotations = [
        {'id': i, 'image_id': image, 'category_id': kind, 'iscrowd': crowd, 'segmentation': BOX}
        for i, (image, kind, crowd) in enumerate(objects, start=10)
    ]
    path = tmp_path / 'annotations' / 'instances_train2017.json'
    path.write_text(json.dumps({'images': images, 'annotations': annotations}))
    return tmp_path


def test_images_become_clips_with_the_classes_of_the_videos(coco: Path) -> None:
    data = CocoClips(version='2019', data_root=str(coco), pipeline=PIPELINE)
    assert [data.record(i)['video_id'] for i in range(len(data))] == [1, 3]
    assert [t['label'] for i in (0, 1) for t in data.record(i)['tracks']] == [7, 0]
    item = data[0]
    assert item['inputs']['frames'].shape == (3, 3, 32, 40)
    tracks = item['data_samples'].gt_tracks
    assert tracks.masks.shape == (1, 3, 32, 40)
    assert tracks.masks.sum((2, 3)).float().mean() == pytest.approx(256, rel=0.1)
    labels = [
        CocoClips(version=version, data_root=str(coco)).record(0)['tracks'][0]['label']
        for version in ('2021', 'ovis')
    ]
    assert labels == [8, 3]


def test_wrong_version_and_file_are_errors(coco: Path) -> None:
    with pytest.raises(ValueError, match='expected version to be one of'):
        CocoClips(version='2020', data_root=str(coco))
    (coco / 'annotations' / 'instances_train2017.json').write_text('{"images": []}')
    with pytest.raises(ValueError, match=r'instances_train2017\.json: expected annotations'):
        CocoClips(version='2019', data_root=str(coco))


@pytest.fixture
def config(coco: Path) -> dict:
    """Images as two data sets with shares of 4 : 1."""
    images = {'type': CocoClips, 'version': '2019', 'data_root': str(coco), 'pipeline': PIPELINE}
    return {
        'type': MixedDataset,
        'datasets': {'images': images, 'videos': {**images, 'version': 'ovis'}},
        'shares': {'images': 1.0, 'videos': 0.25},
    }


@pytest.fixture
def mixed(config: dict) -> MixedDataset:
    return DATASETS.build(config)


def test_runner_loads_batches_of_several_data_sets(config: dict) -> None:
    loader = {'batch_size': 8, 'num_workers': 0, 'sampler': {'type': MixedSampler}}
    batch = next(iter(AVRunner.build_dataloader({**loader, 'dataset': config}, seed=0)))
    assert [frames.shape for frames in batch['inputs']['frames']] == [(3, 3, 32, 40)] * 8
    assert {len(sample.gt_tracks) for sample in batch['data_samples']} == {1}


def test_shares_decide_how_often_a_data_set_is_drawn(mixed: MixedDataset) -> None:
    counts = Counter(islice(MixedSampler(mixed, seed=0), 4000))
    assert (counts[0] + counts[1]) / 4000 == pytest.approx(0.8, abs=0.02)
    assert abs(counts[0] - counts[1]) <= 1  # every clip of a data set before any of them again
    assert abs(counts[2] - counts[3]) <= 1
    assert [mixed.get_data_info(i)['video_id'] for i in range(4)] == [1, 3, 1, 3]


def test_two_processes_draw_the_clips_of_one(mixed: MixedDataset, monkeypatch) -> None:
    alone = list(islice(MixedSampler(mixed, seed=3), 20))
    for rank in (0, 1):
        monkeypatch.setattr(
            'avis.datasets.samplers.mixed_sampler.get_dist_info', lambda rank=rank: (rank, 2)
        )
        assert list(islice(MixedSampler(mixed, seed=3), 10)) == alone[rank::2]


def test_a_clip_that_is_drawn_again_is_augmented_anew(mixed: MixedDataset) -> None:
    data = SeededDataset(dataset=mixed)
    sampler = SeededSampler(dataset=data, sampler={'type': MixedSampler}, seed=0)
    drawn = list(islice(sampler, 30))
    assert len({index.seed for index in drawn}) == 30
    masks = [data[i]['data_samples'].gt_tracks.masks.numpy() for i in drawn if i == drawn[0]][:2]
    assert not np.array_equal(*masks)


def test_parts_are_named_and_shares_checked(mixed: MixedDataset) -> None:
    inner = {'type': 'A'}
    assert parts_of({'type': 'Repeat', 'dataset': inner}) == {'': inner}
    assert parts_of({'datasets': {'a': inner, 'b': {'dataset': inner}}}) == {'a': inner, 'b': inner}
    with pytest.raises(ValueError, match='expected a positive share'):
        MixedDataset(datasets={'a': mixed}, shares={'a': 0})
    with pytest.raises(ValueError, match='expected a MixedDataset, got list'):
        MixedSampler([1])
