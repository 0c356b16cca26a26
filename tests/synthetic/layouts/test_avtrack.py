"""AVTrack on disk: meta file, frames, audio, masks of persons, merged gray images."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avis.structures.masks import decode_rle, to_rle
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.avtrack import _FRAME_PHASE, avtrack_name
from avis.synthetic.recipe import Recipe
from tests.helpers.synthetic_scenes import names

OPTIONS = {'videos': 4, 'size': (72, 96), 'seconds': 8, 'identities': 8}
OPTIONS['challenges'] = {'multiple_instances': 0.5, 'audio_visual_inconsistency': 0.0}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    return make_dataset(layout='avtrack', out=tmp_path_factory.mktemp('avtrack'), **OPTIONS).root


@pytest.fixture(scope='module')
def meta(root) -> dict:
    return json.loads((root / 'avtrack_meta.json').read_text())


def test_folders_have_the_official_names(root, meta):
    folders = ['Audios', 'Images', 'Instance_Masks', 'Instance_Masks_merged', 'avtrack_meta.json']
    assert names(root) == folders
    videos = sorted(video['file_names'][0].split('/')[0] for video in meta['videos'])
    assert all(re.fullmatch(r'[a-z]+_[A-Z]_\d+', name) for name in videos)
    assert names(root / 'Audios') == [f'{name}.wav' for name in videos]
    for folder in ('Images', 'Instance_Masks', 'Instance_Masks_merged'):
        assert names(root / folder) == videos
    for name in videos:
        frames = [f'frame_{t:05d}' for t in range(8)]  # 5 digits, from 0
        assert names(root / 'Images' / name) == [f'{frame}.jpg' for frame in frames]
        merged = names(root / 'Instance_Masks_merged' / name)
        assert merged == [f'{frame}.png' for frame in frames]
        assert [int(file[6:11]) for file in merged] == list(range(8))  # as the scorer reads it
        info = soundfile.info(root / 'Audios' / f'{name}.wav')
        assert (info.samplerate, info.channels, info.frames) == (16000, 1, 8 * 16000)


def test_meta_file_has_the_fields_of_the_official_loader(root, meta):
    assert [video['id'] for video in meta['videos']] == [1, 2, 3, 4]
    for video in meta['videos']:
        assert (video['width'], video['height'], video['length']) == (96, 72, 8)
        assert all((root / 'Images' / file).is_file() for file in video['file_names'])
        assert video['attributes'] == ['multiple_instances']  # strength 0 does not count
        assert any(a['video_id'] == video['id'] for a in meta['annotations'])


def test_challenges_in_turn_are_listed_per_video(tmp_path):
    options = {'videos': 3, 'size': (32, 48), 'seconds': 1, 'in_turn': True}
    challenges = {'background_switch': 1.0, 'visual_occlusion': 0.5}
    root = make_dataset(
        layout='avtrack', out=tmp_path / 'set', challenges=challenges, **options
    ).root
    videos = json.loads((root / 'avtrack_meta.json').read_text())['videos']
    assert [video['attributes'] for video in videos] == [
        ['background_switch'],
        ['visual_occlusion'],
        ['background_switch'],
    ]


def test_merged_masks_contain_the_sounding_persons_below_gray_255(root, meta):
    recipe = Recipe(layout='avtrack', **OPTIONS)
    for job, video in zip(plan_jobs(recipe), meta['videos'], strict=True):
        stage, name = make_stage(recipe, job), avtrack_name(job)
        persons = [a for a in meta['annotations'] if a['video_id'] == video['id']]
        folders = [root / 'Instance_Masks' / name / f'person_{k}' for k in range(len(persons))]
        assert names(root / 'Instance_Masks' / name) == [folder.name for folder in folders]
        step = 255 // (len(persons) + 1)
        assert step * len(persons) < 255
        for second in range(8):
            file = f'frame_{second:05d}.png'
            merged = cv2.imread(str(root / 'Instance_Masks_merged' / name / file), -1)
            assert merged.shape == (72, 96)
            _, owner = stage.draw(second + _FRAME_PHASE)
            masks = iter(stage.masks(owner, second).values())
            expected = np.zeros((72, 96), np.uint8)
            for k, (person, folder) in enumerate(zip(persons, folders, strict=True)):
                rle = person['segmentations'][second]
                assert (folder / file).is_file() == (rle is not None)  # blanks are not written
                if rle is None:
                    continue
                mask = decode_rle(to_rle(rle, 72, 96))
                np.testing.assert_array_equal(mask, next(masks))
                np.testing.assert_array_equal(cv2.imread(str(folder / file), -1), mask * 255)
                expected[mask] = step * (k + 1)
                assert person['areas'][second] == mask.sum()
            assert next(masks, None) is None
            np.testing.assert_array_equal(merged, expected)


def test_sources_are_persons_only():
    recipe = Recipe(layout='avtrack', **OPTIONS)
    for job in plan_jobs(recipe):
        assert all(a.character.is_person for a in make_stage(recipe, job).scene.actors)
