import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from avis.registry import VISUALIZERS
from avis.visualization import AVVisualizer
from tests.visualization.test_clips import FRAMES, semantic_sample


def test_image_has_a_column_per_frame_and_a_row_per_kind(tmp_path: Path) -> None:
    visualizer = VISUALIZERS.build({'type': 'AVVisualizer', 'name': 'small', 'min_side': 80})
    path = tmp_path / 'new' / 'clip.png'
    visualizer.add_datasample('clip', FRAMES, semantic_sample(), out_file=path)
    image = cv2.imread(str(path))
    assert 3 * 80 < image.shape[0] < 4 * 80
    assert 3 * 120 < image.shape[1] < 4 * 120 + 60
    visualizer.add_datasample('frame', FRAMES[0], semantic_sample(), out_file=path, draw_gt=False)
    assert 2 * 80 < cv2.imread(str(path)).shape[0] < 3 * 80


def test_image_is_written_to_all_backends(tmp_path: Path) -> None:
    backends = [{'type': 'LocalVisBackend'}, {'type': 'TensorboardVisBackend'}]
    visualizer = AVVisualizer(vis_backends=backends, save_dir=str(tmp_path))
    visualizer.add_datasample('val_clip', FRAMES, semantic_sample(), step=7)
    visualizer.add_scalar('loss', 0.5, 7)
    visualizer.close()
    assert (tmp_path / 'vis_data' / 'vis_image' / 'val_clip_7.png').is_file()
    (events,) = (tmp_path / 'vis_data').glob('events.out.tfevents.*')
    assert events.stat().st_size > 1000


@pytest.mark.parametrize(
    ('backend', 'module'), [('WandbVisBackend', 'wandb'), ('MLflowVisBackend', 'mlflow')]
)
def test_image_reaches_the_services(tmp_path: Path, monkeypatch, backend, module) -> None:
    calls: dict[str, list] = {}

    def record(name):
        return lambda *args, **kwargs: calls.setdefault(name, []).append((args, kwargs))

    class Service(SimpleNamespace):
        def __getattr__(self, name):
            return record(name)

    service = Service(Image=lambda image: image, get_experiment_by_name=lambda name: True)
    monkeypatch.setitem(sys.modules, module, service)
    visualizer = AVVisualizer(vis_backends=[{'type': backend}], save_dir=str(tmp_path))
    visualizer.add_datasample('val_clip', FRAMES, semantic_sample(), step=7)
    visualizer.add_scalar('loss', 0.5, 7)
    if module == 'wandb':
        (image,), _ = calls['log'][0]
        assert image['val_clip'].dtype == np.uint8
        assert calls['log'][1][0][0] == {'loss': 0.5}
    else:
        (image, name), _ = calls['log_image'][0]
        assert (image.ndim, name) == (3, 'val_clip')
        assert calls['log_metric'][0][0] == ('loss', 0.5, 7)
