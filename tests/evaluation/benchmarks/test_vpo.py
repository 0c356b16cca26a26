"""Label images of VPO and of CAVP's protocol per data set through ``evaluate``."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from avis.apis import evaluate
from avis.evaluation import VPOMetric
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.structures import AVDataSample
from tests.golden_metrics.comparison import read_expected
from tests.helpers.instance_goldens import GOLDEN
from tests.helpers.tiny_sets import write_image, write_vpo

FOLDER = GOLDEN / 'vpo'
CAR, AIRPLANE = 5, 1


def write_labels(folder, labels):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(labels):
        write_image(folder / f'{number:03d}.png', image)
    return folder


@pytest.mark.parametrize(('name', 'num_classes'), [('vpo', 22), ('binary', 2), ('semantic', 71)])
def test_scores_of_files_equal_the_recorded_ones(tmp_path, name, num_classes) -> None:
    recorded = read_expected(FOLDER)[name]
    with np.load(FOLDER / 'labels.npz') as data:
        gt, pred = (write_labels(tmp_path / s, data[f'{name}_{s}']) for s in ('gt', 'pred'))
    official = evaluate('vpo', gt, pred, num_classes=num_classes)['summary']
    for theirs, value in recorded['official'].items():
        assert official[theirs.replace('mIoU', 'miou')] == value, theirs
    corrected = evaluate('vpo', gt, pred, protocol='corrected', num_classes=num_classes)
    assert corrected['summary']['miou'] == pytest.approx(
        recorded['intended']['mIoU_over_classes_that_occur'], abs=1e-12
    )


@pytest.fixture(scope='module')
def vpo_ss(tmp_path_factory):
    return write_vpo(tmp_path_factory.mktemp('vpo')) / 'VPO' / 'VPO-SS'


def perfect(size=(48, 80)):
    labels = np.zeros(size, np.uint8)
    labels[8:24, 4:20], labels[8:24, 40:60] = CAR, AIRPLANE
    return labels


NAMES = ('000000000008_000000000023', '000000000009_000000000024')


def test_a_car_beside_an_airplane_counts_as_airplane_if_official(vpo_ss, tmp_path) -> None:
    for name in NAMES:
        write_image(tmp_path / f'{name}.png', perfect())
    corrected = evaluate('vpo', vpo_ss, tmp_path, protocol='corrected')
    assert corrected['summary']['miou'] == 1
    official = evaluate('vpo', vpo_ss, tmp_path)
    # Airplanes 20 of 36 columns, no car, background, and 19 classes that never occur.
    assert official['summary']['miou'] == pytest.approx((1 + 20 / 36) / 22, abs=1e-4)
    causes = official['protocol_gap']['causes']
    assert 'official takes one class for another in the masks of 2 images' in str(causes)
    assert 'official counts 19 classes that never occur as IoU 0' in str(causes)


def test_trivial_answers_are_scored_beside_the_prediction(vpo_ss, tmp_path) -> None:
    for name in NAMES:
        write_image(tmp_path / f'{name}.png', np.zeros((48, 80), np.uint8))
    summary = evaluate('vpo', vpo_ss, tmp_path, protocol='corrected')['summary']
    background, airplane = 3200 - 576, 320
    assert summary['all_background_miou'] == pytest.approx(background / 3200 / 3)
    assert summary['miou'] == summary['all_background_miou']
    assert summary['frequent_class_miou'] == pytest.approx(airplane / 3200 / 3)


def test_missing_prediction_is_background_if_official(vpo_ss, tmp_path) -> None:
    write_image(tmp_path / f'{NAMES[0]}.png', perfect())
    write_image(tmp_path / 'other.png', perfect())
    result = evaluate('vpo', vpo_ss, tmp_path)
    assert result['problem_counts'] == {'missing_prediction': 1, 'unknown_image': 1}
    assert result['unpredicted'] == [NAMES[1]]
    with pytest.raises(EvaluationStopped, match=rf'{NAMES[1]}.png: no such file'):
        evaluate('vpo', vpo_ss, tmp_path, protocol='corrected')


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.full((48, 80), 22, np.uint8), 'pred has class indices from 22 to 22, expected 0 to 21'),
        (np.zeros((24, 80), np.uint8), r'expected two arrays of one shape'),
    ],
)
def test_wrong_labels_stop_the_evaluation(vpo_ss, tmp_path, image, message) -> None:
    for name in NAMES:
        write_image(tmp_path / f'{name}.png', image)
    with pytest.raises(EvaluationStopped, match=message):
        evaluate('vpo', vpo_ss, tmp_path)


def test_folder_above_the_sets_is_named(vpo_ss, tmp_path) -> None:
    tables = tmp_path / 'VPO' / 'VPO-SS'
    tables.mkdir(parents=True)
    (tables / 'vpo_ss_data_stereo.csv').write_text('')
    with pytest.raises(FileNotFoundError, match=r'contains no table .* Use .*VPO-SS'):
        evaluate('vpo', tmp_path / 'VPO', tmp_path)
    with pytest.raises(ValueError, match="no image of split 'dev', found"):
        evaluate('vpo', vpo_ss, tmp_path, split='dev')


def test_metric_equals_the_scores_of_the_files_it_writes(tmp_path) -> None:
    with np.load(FOLDER / 'labels.npz') as data:
        gt, pred = data['vpo_gt'], data['vpo_pred']
    metric = VPOMetric(out=str(tmp_path / 'out'))
    for number, (target, labels) in enumerate(zip(gt, pred, strict=True)):
        sample = AVDataSample(metainfo={'video_name': f'{number:03d}'})
        sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(target[None]))
        sample.pred_sem_seg = PixelData(sem_seg=torch.from_numpy(labels[None]))
        sample.labeled_frames = torch.ones(1, dtype=torch.bool)
        metric.process(None, [sample.to_dict()])
    scores = metric.evaluate(len(gt))
    summary = evaluate('vpo', write_labels(tmp_path / 'gt', gt), tmp_path / 'out')['summary']
    assert scores == {f'vpo/{key}': value for key, value in summary.items()}
    assert scores['vpo/miou'] == read_expected(FOLDER)['vpo']['official']['mIoU']
