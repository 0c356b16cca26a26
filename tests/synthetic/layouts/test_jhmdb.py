"""J-HMDB Sentences on disk: frames, masks in MATLAB files, sentences."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from avis.datasets.jhmdb_sentences import JHMDBSentences
from avis.datasets.readers.stored_masks import read_mat_mask
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.jhmdb import jhmdb_name
from avis.synthetic.recipe import Recipe

OPTIONS = {'videos': 4, 'size': (48, 64), 'video_fps': 5}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    report = make_dataset(layout='jhmdb', out=tmp_path_factory.mktemp('jhmdb'), **OPTIONS)
    assert (report.frames, report.videos) == (20, {'test': 4})
    return report.root


def test_list_names_three_frames_of_each_video(root):
    samples = json.loads((root / 'jhmdb_sentences_samples_metadata.json').read_text())
    assert len(samples) == 12
    assert all(frames == 5 for _, _, _, frames, _ in samples)
    with (root / 'jhmdb_annotation.txt').open(newline='') as file:
        sentences = {row['video_id']: row['sentence'] for row in csv.DictReader(file)}
    assert all(sentences[video] == text for video, *_, text in samples)


def test_mask_is_that_of_one_person(root):
    recipe = Recipe(layout='jhmdb', **OPTIONS)
    stages = {jhmdb_name(job): make_stage(recipe, job) for job in plan_jobs(recipe)}
    dataset = JHMDBSentences(data_root=str(root))
    for index in range(len(dataset)):
        record = dataset.record(index)
        mask = record['label_maps'][4]
        stage = stages[record['video_name']]
        assert all(actor.character.is_person for actor in stage.scene.actors)
        _, owner = stage.draw(mask['frame'] / 5)
        found = read_mat_mask(mask['mat'], mask['frame']) > 0
        (person,) = np.unique(owner[found])
        np.testing.assert_array_equal(found, owner == person)
