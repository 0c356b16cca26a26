"""S4 and MS3 on disk: every folder, name, count and value."""

import csv
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avis.structures.labels import AVSBENCH_CATEGORIES
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.avsbench import _FRAME_PHASE, CATEGORIES, ms3_name
from avis.synthetic.log_mel import log_mel_examples
from avis.synthetic.recipe import Recipe
from tests.helpers.synthetic_scenes import names

OPTIONS = {'videos': 10, 'size': (64, 80), 'identities': 8, 'seed': 3}


def rows(path: Path) -> list[list[str]]:
    with path.open(newline='') as file:
        return list(csv.reader(file))


@pytest.fixture(scope='module')
def s4(tmp_path_factory) -> Path:
    return make_dataset(layout='avsbench_s4', out=tmp_path_factory.mktemp('s4'), **OPTIONS).root


@pytest.fixture(scope='module')
def ms3(tmp_path_factory) -> Path:
    return make_dataset(layout='avsbench_ms3', out=tmp_path_factory.mktemp('ms3'), **OPTIONS).root


def test_s4_has_the_official_folders(s4):
    assert s4.name == 'Single-source'
    assert names(s4) == ['s4_data', 's4_meta_data.csv']
    kinds = ['audio_log_mel', 'audio_wav', 'gt_masks', 'visual_frames']
    assert names(s4 / 's4_data') == kinds
    for kind in kinds:
        assert names(s4 / 's4_data' / kind) == ['test', 'train', 'val']


def test_s4_contains_exactly_the_files_of_its_rows(s4):
    header, *entries = rows(s4 / 's4_meta_data.csv')
    assert len(header) == 4
    assert [row[3] for row in entries] == ['train'] * 6 + ['val'] * 2 + ['test'] * 2
    expected = {'s4_meta_data.csv'}
    for name, start, category, split in entries:
        assert category in AVSBENCH_CATEGORIES
        assert name.endswith(f'_{start}_{int(start) + 5000}')
        inner = f'{split}/{category}/{name}'
        labeled = 1 if split == 'train' else 5  # training clips: first frame only
        expected |= {f's4_data/visual_frames/{inner}/{name}_{n}.png' for n in range(1, 6)}
        expected |= {f's4_data/gt_masks/{inner}/{name}_{n}.png' for n in range(1, labeled + 1)}
        expected |= {f's4_data/audio_log_mel/{inner}.pkl', f's4_data/audio_wav/{inner}.wav'}
    assert {str(p.relative_to(s4)) for p in s4.rglob('*') if p.is_file()} == expected


def test_ms3_contains_exactly_the_files_of_its_rows(ms3):
    header, *entries = rows(ms3 / 'ms3_meta_data.csv')
    assert ms3.name == 'Multi-sources'
    assert len(header) == 2
    assert header[1] == 'split'
    expected = {'ms3_meta_data.csv'}
    for name, split in entries:
        # No split folder, and ".mp4" inside the name.
        expected |= {f'ms3_data/visual_frames/{name}/{name}.mp4_{n}.png' for n in range(1, 6)}
        expected |= {f'ms3_data/gt_masks/{split}/{name}/{name}_{n}.png' for n in range(1, 6)}
        expected |= {f'ms3_data/audio_log_mel/{split}/{name}.pkl'}
        expected |= {f'ms3_data/audio_wav/{split}/{name}.wav'}
    assert {str(p.relative_to(ms3)) for p in ms3.rglob('*') if p.is_file()} == expected


def test_categories_are_official_and_shared_by_splits(s4):
    assert set(CATEGORIES.values()) <= set(AVSBENCH_CATEGORIES)
    _, *entries = rows(s4 / 's4_meta_data.csv')
    assert len({row[2] for row in entries}) >= 6


@pytest.mark.parametrize('root', ['s4', 'ms3'])
def test_images_audio_and_log_mel_have_the_official_format(root, request):
    root = request.getfixturevalue(root)
    for path in root.rglob('visual_frames/**/*.png'):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image.shape == (64, 80, 3)
        assert image.dtype == np.uint8
    for path in root.rglob('gt_masks/**/*.png'):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (64, 80)
        assert set(np.unique(mask)) <= {0, 255}
    audio_files = sorted(root.rglob('*.wav'))
    assert len(audio_files) == 10
    for path in audio_files:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.frames) == (16000, 1, 80000)
        assert info.subtype == 'PCM_16'
        pickled = Path(str(path).replace('audio_wav', 'audio_log_mel')).with_suffix('.pkl')
        tensor = pickle.loads(pickled.read_bytes())
        samples, _ = soundfile.read(path, dtype='int16')
        np.testing.assert_array_equal(tensor.numpy(), log_mel_examples(samples, 5))
        assert tuple(tensor.shape) == (5, 1, 96, 64)


def test_ms3_masks_are_the_union_of_the_sounding_sources(ms3):
    recipe = Recipe(layout='avsbench_ms3', **OPTIONS)
    silent = 0
    for job in plan_jobs(recipe):
        stage, name = make_stage(recipe, job), ms3_name(job)
        for second in range(5):
            image, owner = stage.draw(second + _FRAME_PHASE)
            union = np.zeros((64, 80), bool)
            for mask in stage.masks(owner, second).values():
                union |= mask
            path = ms3 / 'ms3_data/gt_masks' / job.split / name / f'{name}_{second + 1}.png'
            np.testing.assert_array_equal(cv2.imread(str(path), 0) == 255, union)
            path = ms3 / 'ms3_data/visual_frames' / name / f'{name}.mp4_{second + 1}.png'
            np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], image)
            silent += not union.any()
    assert 0 < silent < 10  # some frames are empty, most are not


def test_every_s4_mask_shows_the_source(s4):
    for path in s4.rglob('gt_masks/**/*.png'):
        assert np.count_nonzero(cv2.imread(str(path), 0)) > 100


def test_names_can_start_with_a_dash():
    """As official ids do, so that readers are tested with such names."""
    jobs = plan_jobs(Recipe(layout='avsbench_ms3', videos=200))
    found = [ms3_name(job) for job in jobs]
    assert len(set(found)) == 200
    assert any(name.startswith('-') for name in found)
    assert all(len(name.rsplit('_', 1)[0]) == 11 for name in found)
