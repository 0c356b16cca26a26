from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmengine.visualization import Visualizer

from avis.engine.hooks import visualization_hook
from avis.engine.hooks.visualization_hook import AVVisualizationHook
from avis.registry import HOOKS
from avis.structures.av_data_sample import AVDataSample
from avis.utils.file_names import safe_file_name
from avis.visualization.av_visualizer import AVVisualizer
from avis.visualization.drawing import COLORS
from tests.engine.test_attention_figures import Model
from tests.helpers import tiny_avism
from tests.helpers.runs import loss_curve, train_tiny

FRAMES = 3


def make_batch(names: list[str], *, label: int = 1) -> tuple[dict, list[AVDataSample]]:
    """Gray clips (3, 3, 40, 60) with a predicted square, and a gt square to the right of it."""
    frames = [torch.full((FRAMES, 3, 40, 60), 128, dtype=torch.uint8) for _ in names]
    audio = [torch.linspace(-1, 1, FRAMES * 16000) for _ in names]
    samples = []
    for name in names:
        labels = torch.zeros(2, FRAMES, 40, 60, dtype=torch.uint8)
        labels[0, :, 10:30, 5:25] = label
        labels[1, :, 10:30, 30:50] = label
        sample = AVDataSample(
            metainfo={
                'video_name': name,
                'fps': 1.0,
                'sample_rate': 16000,
                'frame_ids': np.arange(FRAMES),
            }
        )
        sample.pred_sem_seg, sample.gt_sem_seg = (PixelData(sem_seg=part) for part in labels)
        sample.labeled_frames = torch.tensor([True, False, True])
        samples.append(sample)
    return {'inputs': {'frames': frames, 'audio': audio}}, samples


def runner(length: int, **metainfo) -> SimpleNamespace:
    class Dataset(list):
        pass

    dataset = Dataset(range(length))
    dataset.metainfo = metainfo
    visualizer = AVVisualizer()
    visualizer.dataset_meta = metainfo
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(test_dataloader=loader, val_dataloader=loader, visualizer=visualizer)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def has_color(image: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((image[..., ::-1] == color).all(axis=2).any())


def test_each_clip_has_an_image_and_a_video_with_audio(tmp_path: Path) -> None:
    hook = HOOKS.build({'type': 'AVVisualizationHook', 'show_dir': str(tmp_path / 'show')})
    batch, samples = make_batch(['a', 'scene/b'])
    hook.after_test_iter(runner(2), 0, batch, samples)
    name = safe_file_name('scene/b')
    assert files(tmp_path / 'show') == ['a.mp4', 'a.png', f'{name}.mp4', f'{name}.png']
    image = cv2.imread(str(tmp_path / 'show' / 'a.png'))
    assert image.shape[0] > 3 * 224
    assert image.shape[1] > 3 * 336
    assert has_color(image, COLORS[0])
    with av.open(str(tmp_path / 'show' / 'a.mp4')) as video:
        assert video.duration / av.time_base == pytest.approx(FRAMES, abs=0.1)
        audio = np.concatenate([frame.to_ndarray()[0] for frame in video.decode(audio=0)])
    assert len(audio) == pytest.approx(FRAMES * 16000, abs=2048)
    assert audio[1000] < -0.8
    assert audio[-3000] > 0.8


def test_interval_and_max_videos_select_clips(tmp_path: Path) -> None:
    hook = AVVisualizationHook(show_dir=str(tmp_path), interval=2, max_videos=2, video=False)
    for start in range(0, 8, 2):
        hook.after_test_iter(runner(8), 0, *make_batch([f'v{start}', f'v{start + 1}']))
    assert files(tmp_path) == ['v0.png', 'v2.png']
    hook.before_test_epoch(runner(8))
    hook.after_test_iter(runner(8), 0, *make_batch(['again']))
    assert 'again.png' in files(tmp_path)


def test_processes_draw_their_own_clips_without_padding_samples(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(visualization_hook, 'get_world_size', lambda: 2)
    monkeypatch.setattr(visualization_hook, 'get_rank', lambda: 1)
    hook = AVVisualizationHook(show_dir=str(tmp_path), interval=3, video=False)
    hook.after_test_iter(runner(5), 0, *make_batch(['number 1', 'number 3', 'number 0 again']))
    assert files(tmp_path) == ['number 3.png']


def test_classes_have_palette_colors_and_a_legend(tmp_path: Path) -> None:
    hook = AVVisualizationHook(show_dir=str(tmp_path), video=False)
    palette = [[0, 0, 0], [9, 9, 9], [20, 200, 60]]
    metainfo = {'palette': palette, 'classes': ('background', 'bell', 'dog')}
    hook.after_test_iter(runner(1, **metainfo), 0, *make_batch(['a'], label=2))
    with_legend = cv2.imread(str(tmp_path / 'a.png'))
    hook.after_test_iter(runner(2), 0, *make_batch(['b'], label=2))
    assert has_color(with_legend, (20, 200, 60))
    assert len(with_legend) > len(cv2.imread(str(tmp_path / 'b.png')))


def test_clip_without_waveform_gt_and_fps_is_drawn(tmp_path: Path) -> None:
    hook = AVVisualizationHook(show_dir=str(tmp_path))
    batch, (sample,) = make_batch(['a'])
    batch['inputs']['audio'] = [torch.zeros(FRAMES, 128)]
    del sample.gt_sem_seg, sample.labeled_frames, sample.fps
    hook.after_test_iter(runner(1), 0, batch, [sample])
    with av.open(str(tmp_path / 'a.mp4')) as video:
        assert not video.streams.audio
        assert next(video.decode(video=0)).width == 360
    del batch['inputs']['audio']
    hook.before_test_epoch(runner(1))
    hook.after_test_iter(runner(1), 0, batch, [sample])


def test_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match='interval must be at least 1, got 0'):
        AVVisualizationHook(show_dir='x', interval=0)


def test_without_arguments_nothing_is_drawn() -> None:
    batch = make_batch(['a'])
    hook = AVVisualizationHook()
    for event in ('after_test_iter', 'after_val_iter', 'after_train_iter'):
        getattr(hook, event)(SimpleNamespace(iter=0), 0, *batch)


def test_other_visualizer_is_an_error(tmp_path: Path) -> None:
    plain = SimpleNamespace(visualizer=Visualizer())
    AVVisualizationHook().before_run(plain)
    for arguments in ({'show_dir': str(tmp_path)}, {'val_videos': 1}, {'train_interval': 5}):
        with pytest.raises(ValueError, match='expected an AVVisualizer, got Visualizer; set'):
            AVVisualizationHook(**arguments).before_run(plain)


def test_validation_and_training_send_images_to_the_backends(tmp_path: Path) -> None:
    hook = {'val_videos': 2, 'train_interval': 3}
    options = {f'default_hooks.visualization.{key}': value for key, value in hook.items()}
    options |= {'model.dropout': 0.3, 'train_cfg.max_epochs': 1}
    train_tiny(tmp_path / 'drawn', options=options)
    (folder,) = tmp_path.glob('drawn/*/vis_data/vis_image')
    names = files(folder)
    assert [name for name in names if name.startswith('val')] == [
        f'val_{safe_file_name(f"clip/{k}")}_4.png' for k in range(2)
    ]
    assert [name.rsplit('_', 1)[1] for name in names if name.startswith('train')] == ['3.png']
    (events,) = tmp_path.glob('drawn/*/vis_data/events.out.tfevents.*')
    assert events.stat().st_size > sum(path.stat().st_size for path in folder.iterdir()) // 2
    drawing = 'default_hooks.visualization.train_interval'
    train_tiny(tmp_path / 'plain', options={**options, drawing: 0})
    assert loss_curve(tmp_path / 'drawn') == loss_curve(tmp_path / 'plain')


def test_training_clip_of_instances_is_predicted_at_its_size() -> None:
    model = tiny_avism.build()
    clip = tiny_avism.clip(length=2, size=(64, 96))
    clip['data_samples'].set_metainfo({'ori_shape': (128, 192)})
    inputs = {name: [value] for name, value in clip['inputs'].items()}
    model.train()
    predicted = visualization_hook._predict_inputs(model, inputs, clip['data_samples'])
    assert model.training
    assert predicted is not clip['data_samples']
    assert len(predicted.pred_tracks.masks) > 0
    assert {(track.height, track.width) for track in predicted.pred_tracks.masks} == {(64, 96)}
    frames = clip['inputs']['frames'].permute(0, 2, 3, 1).numpy()
    drawn = AVVisualizer().draw_datasample(frames, predicted)
    assert list(drawn.rows) == ['ground truth', 'prediction']
    assert drawn.frames.shape == (2, 256, 384, 3)


def test_attention_is_drawn_beside_the_clip(tmp_path: Path) -> None:
    hook = AVVisualizationHook(show_dir=str(tmp_path), video=False, attention=True)
    batch, samples = make_batch(['a', 'b'])
    for sample in samples:
        sample.set_metainfo({'img_shape': (40, 60)})
        sample.valid_frames = torch.tensor([True, True, False])
    run, model = runner(2), Model()
    run.model = model
    hook.before_test_epoch(run)
    model(torch.randn(2, FRAMES, 3, 64, 64), torch.rand(2, FRAMES, 2))
    hook.after_test_iter(run, 0, batch, samples)
    hook.after_test_epoch(run)
    assert files(tmp_path) == ['a.png', 'a_attention.png', 'b.png', 'b_attention.png']
    image = cv2.imread(str(tmp_path / 'b_attention.png'))
    assert 2 * 360 < image.shape[1] < 3 * 360  # without the padding frame
    assert not model.fusion._forward_hooks
