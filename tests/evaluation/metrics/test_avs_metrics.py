import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData

from avis.evaluation.functional.avsbench import pool_clips, score_clip
from avis.evaluation.functional.avss import pool_classes, score_frames
from avis.evaluation.metrics.avs_metric import AVSMetric
from avis.evaluation.metrics.avss_metric import AVSSMetric
from avis.registry import METRICS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.warm_python import run_warm

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / 'tests' / 'data' / 'golden' / 'metrics'
PROTOCOLS = ('official', 'corrected')


def make_samples(count: int, *, frames: int = 6, seed: int = 0) -> list[dict]:
    """Random clips; every second one ends with padding, clip 3 has no label."""
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        valid = np.arange(frames) < (frames if index % 2 else frames - 2)
        target = rng.integers(0, 4, (frames, 8, 9)).astype(np.uint8) * valid[:, None, None]
        target[rng.random(frames) < 0.3] = 0
        wrong = rng.random(target.shape) < 0.3
        pred = np.where(wrong, rng.integers(0, 71, target.shape), target).astype(np.uint8)
        prob = np.where(wrong, rng.random(target.shape), target > 0).astype(np.float32)
        sample = {
            'video_name': f'clip{index}',
            'pred_sem_seg': {'prob': torch.from_numpy(prob), 'sem_seg': torch.from_numpy(pred)},
            'gt_sem_seg': {'sem_seg': torch.from_numpy(target)},
            'labeled_frames': torch.from_numpy(valid & (index != 3)),
        }
        if not valid.all():
            sample['valid_frames'] = torch.from_numpy(valid)
        samples.append(sample)
    return samples


def score(metric: AVSMetric | AVSSMetric, samples: Sequence[dict], loader_batch: int = 1) -> dict:
    for start in range(0, len(samples), loader_batch):
        metric.process(None, samples[start : start + loader_batch])
    return metric.evaluate(len(samples))


def arrays(sample: dict, field: str, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (
        sample['pred_sem_seg'][field].numpy()[keep],
        sample['gt_sem_seg']['sem_seg'].numpy()[keep],
    )


@pytest.mark.parametrize('batch_size', [1, 4])
def test_avs_official_golden_through_an_evaluator(batch_size: int) -> None:
    with np.load(GOLDEN / 'avsbench' / 'ms3.npz') as data:
        logits = torch.from_numpy((data['q'].astype(np.float32) - 128) * data['scale'])
        target = torch.from_numpy(data['g'])
    metric = METRICS.build({'type': 'AVSMetric', 'batch_size': batch_size})
    evaluator = Evaluator([metric])
    for logit, gt in zip(logits, target, strict=True):
        sample = AVDataSample(
            pred_sem_seg=PixelData(prob=logit.sigmoid(), sem_seg=(logit > 0).byte()),
            gt_sem_seg=PixelData(sem_seg=gt),
            labeled_frames=torch.ones(len(gt), dtype=torch.bool),
        )
        evaluator.process([sample])
    got = evaluator.evaluate(len(logits))
    expected = json.loads((GOLDEN / 'avsbench' / 'ms3_expected.json').read_text())
    expected = expected[f'batch_size_{batch_size}']
    assert got['avs/miou'] == pytest.approx(expected['test_miou'], abs=2e-6)
    assert got['avs/F_score'] == pytest.approx(expected['test_F_score'], abs=2e-6)
    assert got['avs/batch_size'] == batch_size


def test_avss_official_golden_through_an_evaluator() -> None:
    with np.load(GOLDEN / 'avss' / 'labels.npz') as data:
        pred, target = torch.from_numpy(data['pred']), torch.from_numpy(data['gt'])
    evaluator = Evaluator([METRICS.build({'type': 'AVSSMetric'})])
    for labels, gt in zip(pred, target, strict=True):
        flags = torch.arange(len(gt)) < 5  # as padded frames, which the authors score too
        sample = AVDataSample(
            pred_sem_seg=PixelData(sem_seg=labels),
            gt_sem_seg=PixelData(sem_seg=gt),
            labeled_frames=flags,
            valid_frames=flags,
        )
        evaluator.process([sample])
    got = evaluator.evaluate(len(pred))
    expected = json.loads((GOLDEN / 'avss' / 'expected.json').read_text())['labels']
    assert got.keys() == {f'avss/{k}' for k in ('miou', 'miou_noBg', 'F_score', 'F_score_noBg')}
    for key, value in got.items():
        assert value == pytest.approx(expected[key.removeprefix('avss/')], abs=2e-6)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_avs_scores_labeled_frames_only(protocol: str) -> None:
    samples = make_samples(7)
    got = score(AVSMetric(protocol=protocol, batch_size=3), samples)
    labeled = [s for s in samples if s['labeled_frames'].any()]
    clips = [score_clip(*arrays(s, 'prob', s['labeled_frames'].numpy())) for s in labeled]
    expected = pool_clips(clips, protocol=protocol, batch_size=3)
    prefix = {'official': 'avs', 'corrected': 'avs_corrected'}[protocol]
    assert got[f'{prefix}/miou'] == expected.miou
    assert got[f'{prefix}/F_score'] == expected.F_score
    if protocol == 'corrected':
        assert got['avs_corrected/miou_sounding'] == expected.miou_sounding
        assert got['avs_corrected/frame_max_F'] == expected.frame_max_F


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_avss_scores_padding_in_the_official_protocol_only(protocol: str) -> None:
    samples = make_samples(7)
    got = score(AVSSMetric(protocol=protocol), samples)
    sums = []
    for sample in samples:
        if sample['labeled_frames'].any():
            every = np.ones(6, bool)
            keep = sample.get('valid_frames', torch.ones(6)).numpy().astype(bool)
            keep = every if protocol == 'official' else keep
            sums.append(score_frames(*arrays(sample, 'sem_seg', keep)).sums())
    expected = pool_classes(sums, protocol=protocol)
    prefix = {'official': 'avss', 'corrected': 'avss_corrected'}[protocol]
    assert got[f'{prefix}/miou'] == expected.miou
    assert got[f'{prefix}/F_score_noBg'] == expected.F_score_noBg
    assert (f'{prefix}/miou_present' in got) == (protocol == 'corrected')


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('metric', [AVSMetric, AVSSMetric])
def test_batch_size_of_the_data_loader_does_not_matter(metric: type, protocol: str) -> None:
    samples = make_samples(7)
    one = score(metric(protocol=protocol), samples, loader_batch=1)
    assert score(metric(protocol=protocol), samples, loader_batch=3) == one


@pytest.mark.parametrize('metric', [AVSMetric, AVSSMetric])
def test_one_small_entry_per_sample(metric: type) -> None:
    samples = make_samples(5)
    metric = metric()
    metric.process(None, samples)
    assert len(metric.results) == 5
    assert max(len(pickle.dumps(entry)) for entry in metric.results) < 4000


@pytest.mark.parametrize('metric', [AVSMetric, AVSSMetric])
def test_scores_without_labels_are_nan(metric: type) -> None:
    sample = make_samples(4)[3]
    assert np.isnan(next(iter(score(metric(), [sample]).values())))


def test_half_precision_and_padded_gt_are_accepted() -> None:
    sample = make_samples(2)[1]
    sample['pred_sem_seg']['prob'] = sample['pred_sem_seg']['prob'].bfloat16().float()
    expected = score(AVSMetric(), [sample])
    sample['pred_sem_seg']['prob'] = sample['pred_sem_seg']['prob'].bfloat16()
    gt = sample['gt_sem_seg']['sem_seg']
    sample['gt_sem_seg']['sem_seg'] = torch.nn.functional.pad(gt, (0, 3, 0, 2))
    sample['img_shape'] = tuple(gt.shape[1:])
    assert score(AVSMetric(), [sample]) == expected


@pytest.mark.slow
@pytest.mark.parametrize('round_up', [True, False], ids=['padding samples', 'uneven distribution'])
def test_two_processes_have_the_scores_of_one(tmp_path: Path, round_up: bool) -> None:
    samples = make_samples(11)
    torch.save(samples, tmp_path / 'samples.pt')
    expected: dict = {}
    for metric in (AVSMetric, AVSSMetric):
        for protocol in PROTOCOLS:
            expected |= score(metric(protocol=protocol), samples)
    script = ROOT / 'tests/helpers/score_in_two_processes.py'
    arguments = [script, tmp_path / 'samples.pt', tmp_path / 'out.json', str(round_up)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm(arguments, tmp_path, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f'out.json.{rank}').read_text()) for rank in (0, 1)]
    assert [rank['n'] for rank in ranks] == [6, 6 if round_up else 5]
    assert ranks[0]['scores'] == ranks[1]['scores'] == expected


def test_invalid_samples_raise_with_the_name_of_the_video() -> None:
    def check(changes: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            AVSMetric().process(None, [{**make_samples(2)[1], **changes}])

    sample = make_samples(2)[1]
    prediction = sample['pred_sem_seg']
    check({'pred_sem_seg': {'sem_seg': prediction['sem_seg']}}, r"'clip1': expected 'prob'")
    check({'pred_sem_seg': {'prob': prediction['prob'][:, ::2]}}, r"'clip1': .*\(6, 4, 9\)")
    check({'labeled_frames': torch.ones(5)}, "'clip1': .* 5 frame flags")
    del sample['labeled_frames']
    with pytest.raises(ValueError, match=r"'clip1': expected labeled_frames"):
        AVSSMetric().process(None, [sample])


def test_invalid_settings_raise_in_the_constructor() -> None:
    with pytest.raises(ValueError, match='protocol must be one of'):
        AVSMetric(protocol='fixed')
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        AVSMetric(batch_size=0)
    with pytest.raises(ValueError, match='protocol must be one of'):
        AVSSMetric(protocol='fixed')
