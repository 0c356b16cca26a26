import numpy as np
import pytest
import torch

from avis.apis import evaluate
from avis.evaluation.metrics.ref_avs_metric import RefAVSMetric
from tests.helpers.tiny_sets import square, write_ref_avs

SIZE = (48, 80)


def sample(name: str, split: str, **more) -> dict:
    """A prediction at another size than its ground truth, one frame later for objects."""
    null = split == 'test_n'
    label = np.stack([square(SIZE, t % 5) * (not null) for t in range(10)])
    found = np.stack([square((24, 40), t % 2) for t in range(10)]) / np.float32(255)
    return {
        'video_name': name,
        'attributes': {'split': split, 'null': null},
        'pred_sem_seg': {'prob': torch.from_numpy(found)},
        'gt_sem_seg': {'sem_seg': torch.from_numpy(label > 0)},
        **more,
    }


SAMPLES = [
    sample('-test-s_0_10000_hair-dryer_1', 'test_s'),
    sample('-test-s_0_10000_hair-dryer_2', 'test_s'),
    sample('null_c--test-n_0_10000_null_1', 'test_n'),
]


@pytest.mark.parametrize('loader_batch', [1, 3])
def test_scores_do_not_depend_on_the_batches_of_the_loader(loader_batch) -> None:
    metric = RefAVSMetric()
    for start in range(0, len(SAMPLES), loader_batch):
        metric.process(None, SAMPLES[start : start + loader_batch])
    scores = metric.evaluate(len(SAMPLES))
    assert 0 < scores['ref_avs/J_seen'] < 1
    assert scores['ref_avs/S'] == pytest.approx(np.sqrt(256 / 960), abs=0.02)
    assert scores['ref_avs/whole_image_S'] == 1
    assert scores['ref_avs/center_box_J_seen'] < 0.5


def test_written_predictions_have_the_same_scores(tmp_path) -> None:
    root = write_ref_avs(tmp_path / 'gt')
    metric = RefAVSMetric(out=str(tmp_path / 'pred'))
    large = [
        {**one, 'pred_sem_seg': {'prob': torch.rand(10, 256, 256).round(decimals=2)}}
        for one in SAMPLES
    ]
    metric.process(None, large)
    scores = metric.evaluate(len(large))
    summary = evaluate('refavs', root, tmp_path / 'pred')['summary']
    for key in ('J_seen', 'F_seen', 'S', 'center_box_F_seen'):
        assert scores[f'ref_avs/{key}'] == pytest.approx(summary[key], abs=5e-3), key


def test_replaced_clips_do_not_count() -> None:
    metric = RefAVSMetric(protocol='corrected')
    metric.process(None, [*SAMPLES, {**SAMPLES[0], 'broken': True}])
    scores = metric.evaluate(4)
    metric.process(None, SAMPLES)
    assert scores == metric.evaluate(3)
    assert 'ref_avs_corrected/J_visible_seen' in scores
