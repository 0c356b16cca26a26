"""ASDMetric scores data samples like the benchmark scores the file that it writes."""

import numpy as np
import pytest
import torch

from avis.apis import evaluate
from avis.evaluation.metrics.asd_metric import ASDMetric
from avis.structures.av_data_sample import AVDataSample
from avis.utils.ava_csv import SPEECH_LABELS, write_face_rows


def sample(entity: str, scores: list[float], labels: list[int], **attributes: str) -> dict:
    data = AVDataSample(
        metainfo={
            'video_id': entity,
            'video_name': 'v',
            'frame_times': 900 + np.arange(len(scores)) / 25,
            'face_boxes': np.tile([0.1, 0.2, 1 / 3, 0.4], (len(scores), 1)),
            'attributes': {'entity': entity, **attributes},
        }
    )
    data.pred_speaking = torch.tensor(scores)
    data.gt_speaking = torch.tensor(labels)
    return data.to_dict() | {key: data.get(key) for key in data.metainfo_keys()}


SAMPLES = [sample('v:1', [0.9, 0.4, 0.4], [1, 0, 1]), sample('v:2', [0.2, 0.6], [2, 1])]


def score(samples: list[dict], **options) -> dict[str, float]:
    metric = ASDMetric(**options)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_scores_equal_those_of_the_written_file(tmp_path, protocol) -> None:
    out = tmp_path / 'pred.csv'
    got = score(SAMPLES, protocol=protocol, out=str(out))
    rows = [
        ['v', time, *box, SPEECH_LABELS[label], data['attributes']['entity']]
        for data in SAMPLES
        for time, box, label in zip(
            data['frame_times'].tolist(),
            data['face_boxes'].tolist(),
            data['gt_speaking'].tolist(),
            strict=True,
        )
    ]
    write_face_rows(tmp_path / 'gt.csv', rows)
    expected = evaluate('ava', tmp_path / 'gt.csv', out, protocol=protocol)['summary']
    prefix = 'ava' if protocol == 'official' else 'ava_corrected'
    assert got == {f'{prefix}/average_precision': expected['average_precision']}


def test_speakers_give_f1() -> None:
    samples = [
        sample('v:1', [0.9, 0.6], [1, 0], speaker='a'),
        sample('v:2', [0.7, 0.1], [1, 1], speaker='a'),
        sample('v:3', [0.7], [1], speaker='b'),
        sample('v:4', [0.7], [0]),
    ]
    assert score(samples)['ava/F1'] == pytest.approx((2 / 3 + 1) / 2)
    assert score(samples, threshold=0.65)['ava/F1'] == pytest.approx((4 / 5 + 1) / 2)


def test_broken_and_unlabeled_tracks_are_not_scored(tmp_path) -> None:
    unlabeled = sample('v:3', [0.99], [0])
    del unlabeled['gt_speaking']
    broken = sample('v:4', [0.99], [0]) | {'broken': True}
    out = tmp_path / 'pred.csv'
    assert score([*SAMPLES, unlabeled, broken], out=str(out)) == score(SAMPLES)
    assert len(out.read_text().splitlines()) == 6  # the unlabeled one is written
    assert score([unlabeled]) == {}
