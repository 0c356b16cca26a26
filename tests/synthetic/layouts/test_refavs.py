"""Ref-AVS Bench on disk: clips, masks of objects, csv of expressions."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.datasets.ref_avs import RefAVS
from avis.datasets.transforms import LoadAudio, LoadFrames, LoadLabelMaps, PackAVInputs
from avis.synthetic.casting import UNSEEN_KINDS, plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.refavs import _FRAME_PHASE, refavs_name
from avis.synthetic.recipe import Recipe
from avis.utils.ref_avs_csv import REF_AVS_SPLITS

OPTIONS = {'videos': 12, 'splits': (5, 1, 6), 'size': (48, 64), 'seconds': 3, 'seed': 1}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    return make_dataset(layout='refavs', out=tmp_path_factory.mktemp('refavs'), **OPTIONS).root


@pytest.fixture(scope='module')
def table(root) -> list[dict[str, str]]:
    with (root / 'metadata.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def test_csv_has_the_official_columns_and_unique_uids(table):
    assert list(table[0]) == ['vid', 'uid', 'split', 'fid', 'exp']
    assert {row['split'] for row in table} == set(REF_AVS_SPLITS)
    assert len({row['uid'] for row in table}) == len(table)
    clips = {row['vid'] for row in table if row['split'] == 'train'}
    assert len(clips) == 5
    assert sum(row['split'] == 'train' for row in table) >= 2 * len(clips)


def test_folder_contains_exactly_the_listed_files(root, table):
    expected = {'metadata.csv'}
    for row in table:
        clip = row['uid'].rsplit('_', 2)[0]
        expected |= {f'media/{clip}/audio.wav'}
        expected |= {f'media/{clip}/frames/{n}.jpg' for n in range(3)}
        expected |= {f'gt_mask/{clip}/fid_{row["fid"]}/0000{n}.png' for n in range(3)}
    assert {str(p.relative_to(root)) for p in root.rglob('*') if p.is_file()} == expected


def test_masks_are_those_of_the_visible_source(root, table):
    recipe = Recipe(layout='refavs', **OPTIONS)
    stages = {refavs_name(job): make_stage(recipe, job) for job in plan_jobs(recipe)}
    for row in table:
        clip, kind, _ = row['uid'].rsplit('_', 2)
        paths = sorted((root / 'gt_mask' / clip / f'fid_{row["fid"]}').iterdir())
        masks = np.stack([cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths])
        assert set(np.unique(masks)) <= {0, 255}
        if kind == 'null':
            assert clip == f'null_c-{row["vid"]}'
            assert not masks.any()
            continue
        stage, number = stages[clip], int(row['fid'])
        assert stage.scene.actors[number].character.kind == kind
        for second, mask in enumerate(masks):
            _, owner = stage.draw(second + _FRAME_PHASE)
            np.testing.assert_array_equal(mask > 0, owner == number + 1)


def test_splits_differ_in_their_objects(table):
    objects = {split: set() for split in RefAVS.SPLITS}
    for row in table:
        objects[row['split']].add(row['uid'].rsplit('_', 2)[1])
    assert objects['test_n'] == {'null'}
    assert objects['test_u'] <= set(UNSEEN_KINDS)
    assert not (objects['train'] | objects['val'] | objects['test_s']) & set(UNSEEN_KINDS)
    assert 'null' in objects['train']


def test_reader_loads_samples_of_all_splits(root):
    pipeline = [
        {'type': LoadFrames},
        {'type': LoadAudio},
        {'type': LoadLabelMaps, 'encoding': 'binary'},
        {'type': PackAVInputs},
    ]
    for split in RefAVS.SPLITS:
        data = RefAVS(split=split, data_root=str(root), length=3, pipeline=pipeline)[0]
        assert tuple(data['inputs']['frames'].shape) == (3, 3, 48, 64)
        assert tuple(data['inputs']['audio'].shape) == (48000,)
        assert data['data_samples'].gt_sem_seg.sem_seg.any() == (split != 'test_n')
        assert data['data_samples'].expression.endswith('.')
