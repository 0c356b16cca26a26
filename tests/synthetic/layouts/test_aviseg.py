"""AVISeg on disk: JSON, polygons, JPEG frames, stereo audio."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avis.structures.labels import AVISEG_CLASSES
from avis.structures.masks import decode_rle, to_rle
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.aviseg import _FRAME_PHASE, aviseg_name
from avis.synthetic.recipe import Recipe

OPTIONS = {'videos': 6, 'size': (72, 96), 'seconds': 6, 'identities': 8}
OPTIONS['challenges'] = {'visual_occlusion': 0.5}  # parts and holes


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    return make_dataset(layout='aviseg', out=tmp_path_factory.mktemp('aviseg'), **OPTIONS).root


@pytest.fixture(scope='module')
def content(root) -> dict[str, dict]:
    return {split: json.loads((root / f'{split}.json').read_text()) for split in SPLITS}


SPLITS = ('train', 'val', 'test')


def test_folder_contains_exactly_the_listed_files(root, content):
    expected = {f'{split}.json' for split in SPLITS}
    for split in SPLITS:
        for video in content[split]['videos']:
            name = video['file_names'][0].split('/')[0]
            expected |= {f'{split}/JPEGImages/{file}' for file in video['file_names']}
            expected |= {f'{split}/WAVAudios/{name}.wav', f'{split}/num_ins_CSVs/{name}.csv'}
    assert {str(p.relative_to(root)) for p in root.rglob('*') if p.is_file()} == expected


def test_json_has_the_youtube_vis_format(content):
    for split in SPLITS:
        data = content[split]
        assert [c['id'] for c in data['categories']] == list(range(1, 27))
        assert tuple(c['name'] for c in data['categories']) == AVISEG_CLASSES
        assert [v['id'] for v in data['videos']] == list(range(1, len(data['videos']) + 1))
        for video in data['videos']:
            assert (video['length'], video['height'], video['width']) == (6, 72, 96)
            assert len(video['file_names']) == 6
        ids = [a['id'] for a in data['annotations']]
        assert ids == list(range(1, len(ids) + 1))
        for annotation in data['annotations']:
            assert annotation['iscrowd'] == 0
            assert (annotation['height'], annotation['width']) == (72, 96)
            absent = [m is None for m in annotation['segmentations']]
            assert absent == [b is None for b in annotation['bboxes']]
            assert absent == [a is None for a in annotation['areas']]
            assert len(absent) == 6
            assert not all(absent)


def test_polygons_equal_the_masks_of_sounding_sources(content):
    recipe = Recipe(layout='aviseg', **OPTIONS)
    index = dict.fromkeys(SPLITS, 0)
    compared = 0
    for job in plan_jobs(recipe):
        stage = make_stage(recipe, job)
        data = content[job.split]
        video = data['videos'][index[job.split]]
        index[job.split] += 1
        assert video['file_names'][0] == f'{aviseg_name(job)}/00000.jpg'
        tracks = [a for a in data['annotations'] if a['video_id'] == video['id']]
        for second in range(6):
            _, owner = stage.draw(second + _FRAME_PHASE)
            masks = list(stage.masks(owner, second).values())
            present = [a for a in tracks if a['segmentations'][second] is not None]
            assert len(present) == len(masks)
            for annotation, mask in zip(present, masks, strict=True):
                polygons = annotation['segmentations'][second]
                np.testing.assert_array_equal(decode_rle(to_rle(polygons, 72, 96)), mask)
                assert annotation['areas'][second] == mask.sum()
                x, y, w, h = map(int, annotation['bboxes'][second])
                assert mask[y : y + h, x : x + w].sum() == mask.sum()
                assert mask[y].any()
                assert mask[:, x + w - 1].any()
                compared += 1
    assert compared > 20


def test_classes_equal_the_kinds_of_the_sources(content):
    recipe = Recipe(layout='aviseg', **OPTIONS)
    (job,) = [job for job in plan_jobs(recipe) if job.split == 'val']
    kinds = {actor.character.kind for actor in make_stage(recipe, job).scene.actors}
    allowed = {'person' if kind in ('man', 'woman') else kind for kind in kinds}
    found = {AVISEG_CLASSES[a['category_id'] - 1] for a in content['val']['annotations']}
    assert found
    assert found <= allowed


def test_audio_is_stereo_and_as_long_as_the_frames(root):
    for path in root.rglob('*.wav'):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.frames) == (44100, 2, 6 * 44100)


def test_frames_have_the_requested_size(root):
    for path in root.rglob('*.jpg'):
        assert cv2.imread(str(path)).shape == (72, 96, 3)


def test_instance_counts_equal_those_of_the_json(root, content):
    for split in SPLITS:
        for video in content[split]['videos']:
            tracks = [a for a in content[split]['annotations'] if a['video_id'] == video['id']]
            expected = [sum(a['segmentations'][t] is not None for a in tracks) for t in range(6)]
            name = video['file_names'][0].split('/')[0]
            header, *counts = (root / split / 'num_ins_CSVs' / f'{name}.csv').read_text().split()
            assert header == 'instance_cnt'
            assert [int(count) for count in counts] == expected


def test_names_alternate_between_numbers_and_platform_ids():
    found = [aviseg_name(job) for job in plan_jobs(Recipe(layout='aviseg', videos=60))]
    assert len(set(found)) == 60
    assert all(len(name) == 8 and name.isdigit() for name in found[::2])
    assert not any(name.isdigit() for name in found[1::2])
