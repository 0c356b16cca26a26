from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from avis.engine.hooks import visualization_hook
from avis.engine.hooks.visualization_hook import AVVisualizationHook, clip_rows, frame_titles
from avis.registry import HOOKS
from avis.structures.av_data_sample import AVDataSample
from avis.utils.file_names import safe_file_name
from avis.visualization.drawing import COLORS

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
    return SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))


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


def test_gt_is_drawn_on_labeled_frames_and_padding_is_left_out() -> None:
    batch, (sample,) = make_batch(['a'])
    frames = batch['inputs']['frames'][0].permute(0, 2, 3, 1).numpy()
    _, rows, labels = clip_rows(frames, sample, None)
    assert [image is None for image in rows['ground truth']] == [False, True, False]
    assert [image is None for image in rows['prediction']] == [False] * 3
    assert labels == [1]
    sample.valid_frames = torch.tensor([True, True, False])
    large, rows, _ = clip_rows(frames, sample, None)
    assert len(large) == len(rows['ground truth']) == len(rows['prediction']) == 2
    assert frame_titles(sample, 3) == ['0 s', '1 s']


def test_padded_labels_are_cropped_to_the_frames() -> None:
    batch, (sample,) = make_batch(['a'])
    frames = batch['inputs']['frames'][0].permute(0, 2, 3, 1).numpy()
    _, expected, _ = clip_rows(frames, sample, None)
    padded = torch.nn.functional.pad(sample.gt_sem_seg.sem_seg, (0, 4, 0, 24))
    sample.gt_sem_seg = PixelData(sem_seg=padded)
    _, rows, _ = clip_rows(frames, sample, None)
    np.testing.assert_array_equal(rows['ground truth'][0], expected['ground truth'][0])


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
    assert frame_titles(sample, 3) == ['frame 0', 'frame 1', 'frame 2']


def test_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match='interval must be at least 1, got 0'):
        AVVisualizationHook(show_dir='x', interval=0)
