import numpy as np
import pytest
import torch

from avis.apis import evaluate
from avis.evaluation.metrics.referring_metric import ReferringMetric
from tests.helpers.tiny_sets import square

SIZE = (48, 80)


def sample(number: int, found: np.ndarray, **more) -> dict:
    """A clip of three frames, of which the second is labeled."""
    label = np.stack([square(SIZE, number)] * 3) > 0
    return {
        'video_id': f'v_a_f_{number}',
        'labeled_frames': torch.tensor([False, True, False]),
        'pred_sem_seg': {'prob': torch.from_numpy(np.stack([0 * found, found, 0 * found]))},
        'gt_sem_seg': {'sem_seg': torch.from_numpy(label)},
        **more,
    }


# The same square, one moved by a quarter, and half of the size.
SAMPLES = [
    sample(0, square(SIZE, 0) / np.float32(255)),
    sample(1, square(SIZE, 2) / np.float32(255)),
    sample(2, square((24, 40), 0)[:, :40] / np.float32(255)),
]


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_written_results_have_the_same_scores(tmp_path, protocol) -> None:
    metric = ReferringMetric(protocol=protocol, out=str(tmp_path))
    metric.process(None, SAMPLES)
    prefix = 'referring' if protocol == 'official' else 'referring_corrected'
    scores = metric.evaluate(len(SAMPLES))
    files = tmp_path / 'gt.json', tmp_path / 'results.json'
    summary = evaluate('referring', *files, protocol=protocol)['summary']
    assert scores == {f'{prefix}/{key}': pytest.approx(value) for key, value in summary.items()}


def test_only_labeled_frames_of_unbroken_clips_count() -> None:
    metric = ReferringMetric(protocol='corrected')
    metric.process(None, [*SAMPLES[:2], {**SAMPLES[2], 'broken': True}])
    scores = metric.evaluate(3)
    assert scores['referring_corrected/mean_iou'] == pytest.approx((1 + 0.6) / 2)
    assert scores['referring_corrected/P@0.6'] == 0.5
    assert scores['referring_corrected/whole_image_mean_iou'] == pytest.approx(256 / (48 * 80))
    assert 0 < scores['referring_corrected/center_box_mean_iou'] < 0.2
