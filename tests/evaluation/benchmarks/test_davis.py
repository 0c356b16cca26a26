"""Label images in the layout of DAVIS through ``evaluate``."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.golden_metrics.comparison import read_json
from tests.helpers.instance_goldens import GOLDEN

FOLDER = GOLDEN / 'vos_jf'


@pytest.fixture(scope='module')
def case(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('davis')
    with zipfile.ZipFile(FOLDER / 'case.zip') as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize(
    ('name', 'suffix', 'protocol', 'key'),
    [
        ('semi-supervised', '', 'official', 'semi-supervised'),
        ('unsupervised', '_unsupervised', 'official', 'unsupervised'),
        ('semi-supervised', '', 'corrected', 'intended_semi-supervised'),
    ],
)
def test_scores_equal_the_recorded_ones(case, name, suffix, protocol, key) -> None:
    recorded = read_json(FOLDER / 'expected.json')[key]
    files = case / f'Annotations{suffix}' / '480p', case / f'res_{name}'
    task = name.replace('-', '_')
    summary = evaluate('davis', *files, protocol=protocol, task=task)['summary']
    for score, value in recorded.get('global', recorded).items():
        if score != 'per_object':
            assert summary[score] == pytest.approx(value, abs=1e-9), score


def write(folder: Path, *images: np.ndarray) -> Path:
    (folder / 'a').mkdir(parents=True)
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / 'a' / f'{index:05d}.png'), image)
    return folder


GT = np.zeros((8, 8), np.uint8)
GT[2:5, 2:5] = 1


@pytest.mark.parametrize(
    ('images', 'message'),
    [
        ([GT, 3 * GT, GT], 'frame 1: output index 3, but the first frame has 1 objects'),
        ([GT, GT[:4], GT], r'frame 1: expected two \(H, W\)'),
        ([GT, GT], '00002.png: no such file'),
    ],
)
def test_wrong_output_stops_the_official_protocol(tmp_path, images, message) -> None:
    gt = write(tmp_path / 'gt', GT, GT, GT)
    with pytest.raises(EvaluationStopped, match=message):
        evaluate('davis', gt, write(tmp_path / 'pred', *images))


def test_missing_frames_and_sequences_are_empty_if_corrected(tmp_path) -> None:
    gt = write(tmp_path / 'gt', GT, GT, GT, GT)
    pred = write(tmp_path / 'pred', GT, GT)
    assert evaluate('davis', gt, pred, protocol='corrected')['summary']['J_mean'] == 0.5
    (tmp_path / 'none').mkdir()
    result = evaluate('davis', gt, tmp_path / 'none', protocol='corrected')
    assert result['summary']['J&F'] == 0
    assert 'no such folder' in str(result['problems'][0])


def test_wrong_task_and_folders_are_named(tmp_path) -> None:
    gt = write(tmp_path / 'gt', GT, GT, GT)
    with pytest.raises(ValueError, match="task must be 'semi_supervised' or 'unsupervised'"):
        evaluate('davis', gt, gt, task='interactive')
    with pytest.raises(FileNotFoundError, match=r'expected <sequence>/00000.png in it'):
        evaluate('davis', gt / 'a', gt)
