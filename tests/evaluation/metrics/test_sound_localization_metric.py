"""The metric of sound source localization: scores, trivial answers, coverage, files."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from avis.apis import evaluate
from avis.evaluation import SoundLocalizationMetric
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tiny_sets import VGGSS_BOXES, write_vggss


def sample(name: str, boxes, heat_map: np.ndarray, **meta) -> dict:
    """A data sample as the evaluator passes it to a metric."""
    info = {'video_name': name, 'attributes': {}, 'source_boxes': np.array(boxes)} | meta
    found = AVDataSample(metainfo=info)
    maps = torch.from_numpy(heat_map[None])
    found.pred_heat_map = PixelData(heat_map=maps, prior_map=maps.flip(-1))
    return found.to_dict()


def left() -> np.ndarray:
    return np.tile(np.linspace(1, 0, 14, dtype=np.float32), (14, 1))


def run(metric: SoundLocalizationMetric, *samples: dict) -> dict[str, float]:
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_scores_stand_beside_those_of_trivial_answers_and_of_parts(caplog) -> None:
    metric = SoundLocalizationMetric()
    metric.dataset_meta = {'published': 8}
    half = [[0, 0, 0.5, 1]]
    scores = run(metric, sample('a', half, left()), sample('b', half, left(), broken=True))
    assert scores['vggss/cIoU@0.5'] == 1
    assert scores['vggss/prior_map_cIoU@0.5'] == 0
    assert scores['vggss/whole_image_mean_cIoU'] == pytest.approx(0.5)
    assert scores['vggss/center_box_mean_cIoU'] == pytest.approx(1 / 3, abs=0.01)
    assert (scores['vggss/clips'], scores['vggss/coverage']) == (1, 1 / 8)


def test_annotators_who_disagree_weigh_half() -> None:
    clip = sample('a', [], left(), annotator_boxes=np.array([[0, 0, 0.5, 1], [0, 0, 1, 1]]))
    scores = run(SoundLocalizationMetric(), clip)
    assert scores['vggss/mean_cIoU'] == pytest.approx(1 / 1.5)  # 0.5 of 0.5 + 0.25


def test_files_of_the_metric_have_its_scores(tmp_path) -> None:
    root = write_vggss(tmp_path / 'gt')
    rng = np.random.default_rng(0)
    clips = [
        sample(name, np.clip(boxes, 0, 1), rng.random((7, 7), np.float32))
        for name, boxes in VGGSS_BOXES.items()
    ]
    out = tmp_path / 'maps'
    for protocol in ('official', 'corrected'):
        metric = SoundLocalizationMetric(variant='lvs', protocol=protocol, out=str(out))
        scores = run(metric, *clips)
        summary = evaluate('vggss', root, out, protocol=protocol, variant='lvs')['summary']
        prefix = metric.prefix
        for key in ('cIoU@0.5', 'AUC', 'mean_cIoU', 'center_box_AUC', 'whole_image_cIoU@0.5'):
            assert scores[f'{prefix}/{key}'] == pytest.approx(summary[key], abs=1e-12), key
