"""AVSS on disk: subsets, color label maps, csv."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avis.structures.labels import AVSS_CLASSES, voc_palette
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.avss import _FRAME_PHASE, avss_name
from avis.synthetic.recipe import Recipe
from tests.helpers.synthetic_scenes import names

OPTIONS = {'videos': 12, 'size': (64, 96), 'identities': 8}
FRAMES = {'v1s': 5, 'v1m': 5, 'v2': 10}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    return make_dataset(layout='avss', out=tmp_path_factory.mktemp('avss'), **OPTIONS).root


@pytest.fixture(scope='module')
def table(root) -> list[dict[str, str]]:
    with (root / 'metadata.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def test_csv_has_the_official_columns(root, table):
    header = (root / 'metadata.csv').read_text().splitlines()[0].split(',')
    assert (header[1], header[5], header[6]) == ('uid', 'split', 'label')
    assert len(table) == 12
    assert [row['split'] for row in table] == ['train'] * 8 + ['val'] * 2 + ['test'] * 2
    assert {row['label'] for row in table} == set(FRAMES)
    assert all(row['uid'].startswith(row['vid']) for row in table)
    assert {kind for row in table for kind in row['a_obj'].split('_')} <= set(AVSS_CLASSES)


def test_folder_contains_exactly_the_listed_files(root, table):
    expected = {'metadata.csv', 'label2idx.json'}
    for row in table:
        folder, count = f'{row["label"]}/{row["uid"]}', FRAMES[row['label']]
        labeled = 1 if (row['label'], row['split']) == ('v1s', 'train') else count
        expected |= {f'{folder}/audio.wav'}
        expected |= {f'{folder}/frames/{n}.jpg' for n in range(count)}
        expected |= {f'{folder}/labels_rgb/{n}.png' for n in range(labeled)}
    assert {str(p.relative_to(root)) for p in root.rglob('*') if p.is_file()} == expected
    assert names(root) == ['label2idx.json', 'metadata.csv', 'v1m', 'v1s', 'v2']


def test_label2idx_lists_the_classes(root):
    index = json.loads((root / 'label2idx.json').read_text())
    assert index['background'] == 0
    assert (index['man'], index['dog'], index['woman']) == (41, 17, 70)
    assert len(index) == 71


def test_audio_is_mono_and_as_long_as_the_frames(root, table):
    for row in table:
        info = soundfile.info(root / row['label'] / row['uid'] / 'audio.wav')
        assert (info.samplerate, info.channels) == (16000, 1)
        assert info.frames == 16000 * FRAMES[row['label']]


def test_colors_encode_the_sounding_classes(root):
    recipe = Recipe(layout='avss', **OPTIONS)
    palette, met = voc_palette(71), set()
    for job in plan_jobs(recipe):
        stage = make_stage(recipe, job)
        folder = root / job.subset / avss_name(job) / 'labels_rgb'
        for second in range(len(list(folder.iterdir()))):
            rgb = cv2.imread(str(folder / f'{second}.png'))[..., ::-1]
            expected = np.zeros((64, 96, 3), np.uint8)
            _, owner = stage.draw(second + _FRAME_PHASE)
            for number, mask in stage.masks(owner, second).items():
                kind = stage.scene.actors[number].character.kind
                expected[mask] = palette[AVSS_CLASSES.index(kind)]
                met.add(kind)
            np.testing.assert_array_equal(rgb, expected)
    assert len(met) >= 5


def test_number_of_seconds_can_be_set(tmp_path):
    report = make_dataset(layout='avss', out=tmp_path, **{**OPTIONS, 'videos': 3}, seconds=2)
    assert report.frames == 6
    assert all(len(names(p / 'frames')) == 2 for p in report.root.glob('v*/*'))
