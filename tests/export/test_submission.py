"""Images written by metrics have the same scores when evaluated from files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avis.apis import evaluate
from avis.evaluation.metrics.avs_metric import AVSMetric
from avis.evaluation.metrics.avss_metric import AVSSMetric
from avis.export.submission import write_heat_map, write_probabilities
from avis.utils.png import read_png
from tests.helpers.small_sets import write_png

SIZE = (12, 16)


def clip(name: str, frames: int, length: int, **pred: np.ndarray) -> dict:
    """A data sample of ``length`` frames; those from ``frames`` on are padding."""
    rng = np.random.default_rng(len(name) + frames)
    gt = rng.integers(0, 4, (length, *SIZE)).astype(np.uint8)
    real = np.arange(length) < frames
    gt[~real] = 0
    return {
        'video_name': name,
        'pred_sem_seg': {key: torch.from_numpy(value) for key, value in pred.items()},
        'gt_sem_seg': {'sem_seg': torch.from_numpy(gt)},
        'labeled_frames': torch.from_numpy(real),
        'valid_frames': torch.from_numpy(real),
    }


def score(metric: AVSMetric | AVSSMetric, samples: list[dict]) -> dict[str, float]:
    metric.process(None, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_written_probabilities_score_as_the_metric(protocol: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = []
    for number in range(5):
        prob = rng.integers(0, 256, (6, *SIZE)).astype(np.uint8)
        samples.append(clip(f'clip{number}', 5, 6, prob=prob))
        for frame in range(5):
            gt = (samples[-1]['gt_sem_seg']['sem_seg'][frame].numpy() > 0).astype(np.uint8)
            write_png(tmp_path / 'gt' / f'clip{number}' / f'clip{number}_{frame + 1}.png', gt * 255)
    metric = AVSMetric(protocol=protocol, batch_size=2, out=str(tmp_path / 'pred'))
    got = score(metric, samples)
    options = {'protocol': protocol, 'batch_size': 2}
    result = evaluate('avsbench', tmp_path / 'gt', tmp_path / 'pred', **options)
    assert not result['problems']  # padding is not written
    prefix = {'official': 'avs', 'corrected': 'avs_corrected'}[protocol]
    for key, value in result['summary'].items():
        assert got[f'{prefix}/{key}'] == value


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_written_label_maps_score_as_the_metric(protocol: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = []
    for number, frames in enumerate((5, 10, 5)):
        labels = rng.integers(0, 4, (10, *SIZE)).astype(np.uint8)
        samples.append(clip(f'clip{number}', frames, 10, sem_seg=labels))
        for frame in range(frames):
            gt = samples[-1]['gt_sem_seg']['sem_seg'][frame].numpy()
            write_png(tmp_path / 'gt' / f'clip{number}' / f'{frame}.png', gt)
    got = score(AVSSMetric(protocol=protocol, out=str(tmp_path / 'pred')), samples)
    result = evaluate('avss', tmp_path / 'gt', tmp_path / 'pred', protocol=protocol)
    assert not result['problems']
    prefix = {'official': 'avss', 'corrected': 'avss_corrected'}[protocol]
    assert got == pytest.approx({f'{prefix}/{k}': v for k, v in result['summary'].items()})


def test_probabilities_above_one_half_stay_above_it(tmp_path: Path) -> None:
    half = np.float32(0.5)
    values = [0, half, np.nextafter(half, np.float32(1)), 0.502, 1]
    prob = np.array(values, np.float32).reshape(1, 1, -1)
    write_probabilities(tmp_path, 'clip', prob)
    levels = read_png(tmp_path / 'clip' / 'clip_1.png')
    assert levels.tolist() == [[0, 127, 128, 128, 255]]
    assert ((levels > 127) == (prob[0] > 0.5)).all()


def test_names_of_clips_cannot_leave_the_folder(tmp_path: Path) -> None:
    out, frame = tmp_path / 'out', np.zeros((1, *SIZE), np.float32)
    for name in ('../up', '/up', 'a/../../up'):
        with pytest.raises(ValueError, match='leads out of it'):
            write_probabilities(out, name, frame)
        with pytest.raises(ValueError, match='leads out of it'):
            write_heat_map(out, name, frame[0])
        sample = clip(name, 1, 1, sem_seg=np.zeros((1, *SIZE), np.uint8))
        with pytest.raises(ValueError, match='leads out of it'):
            AVSSMetric(out=str(out)).process(None, [sample])
    assert list(tmp_path.iterdir()) == []
