import numpy as np
import pytest

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.color import ColorJitter


def clip() -> dict:
    image = np.random.default_rng(0).integers(60, 180, (6, 7, 3), dtype=np.uint8)
    return {'frames': np.stack([image, image // 2 + 30, image])}


def test_all_frames_get_the_same_factors() -> None:
    worker_random().seed(0)
    source = clip()
    results = ColorJitter().transform(source)
    np.testing.assert_array_equal(results['frames'][0], results['frames'][2])
    assert results['frames'].dtype == np.uint8
    assert (results['frames'] != source['frames']).mean() > 0.5


@pytest.mark.parametrize(
    'options', [{'prob': 0}, dict.fromkeys(('brightness', 'contrast', 'saturation'), 0.0)]
)
def test_zero_strength_changes_nothing(options) -> None:
    source = clip()
    np.testing.assert_array_equal(
        ColorJitter(**options).transform(source)['frames'], source['frames']
    )


@pytest.mark.parametrize(
    ('changed', 'statistic'),
    [
        ('brightness', lambda frames: frames.mean()),
        ('contrast', lambda frames: frames.mean(axis=-1).std()),
        ('saturation', lambda frames: frames.std(axis=-1).mean()),
    ],
)
def test_each_factor_changes_its_statistic(monkeypatch, changed, statistic) -> None:
    source = clip()
    before = statistic(source['frames'].astype(float))
    options = {'brightness': 0.0, 'contrast': 0.0, 'saturation': 0.0, changed: 0.3}
    worker_random().seed(3)
    after = [
        statistic(ColorJitter(**options).transform(source)['frames'].astype(float)) / before
        for _ in range(50)
    ]
    assert min(after) == pytest.approx(0.7, abs=0.05)
    assert max(after) == pytest.approx(1.3, abs=0.05)


def test_white_is_clipped_at_255() -> None:
    white = {'frames': np.full((2, 3, 3, 3), 255, np.uint8)}
    worker_random().seed(0)
    jitter = ColorJitter(brightness=0, contrast=0.5, saturation=0.5)
    assert jitter.transform(white)['frames'].min() == 255


def test_strength_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'saturation in \[0, 1\]'):
        ColorJitter(brightness=1.5)
