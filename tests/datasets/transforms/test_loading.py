import numpy as np
import pytest
from PIL import Image

from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms import loading
from avis.datasets.transforms.geometry import ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.structures.labels import voc_palette
from tests.helpers.tiny_sets import frame_image, number_shown, square, write_image, write_video

SIZE = (16, 24)


@pytest.fixture
def record(tmp_path):
    frames = [str(write_image(tmp_path / f'{t}.png', frame_image(SIZE, t))) for t in range(5)]
    masks = [str(write_image(tmp_path / f'm{t}.png', square(SIZE, t))) for t in range(2)]
    return {
        'video_id': 'v',
        'length': 5,
        'fps': 1.0,
        'frames': frames,
        'label_maps': [masks[0], None, masks[1], None, None],
    }


def test_only_chosen_images_are_read(record) -> None:
    record['frames'][1] = 'nowhere.png'
    results = LoadFrames().transform({**record, 'frame_ids': np.array([3, 0])})
    assert results['frames'].shape == (2, *SIZE, 3)
    assert results['frames'][:, 0, 0, 0].tolist() == [70, 10]
    assert results['img_shape'] == results['ori_shape'] == SIZE


def test_frames_of_a_video_file(tmp_path) -> None:
    video = str(write_video(tmp_path / 'a.mp4', frames=40))
    record = {'video_id': 'v', 'length': 4, 'fps': 1.0, 'frames': video}
    results = LoadFrames().transform(record)
    assert [number_shown(frame) for frame in results['frames']] == [0, 10, 20, 30]
    assert results['frame_ids'].tolist() == [0, 1, 2, 3]


def test_frames_of_several_sizes_are_an_error(record, tmp_path) -> None:
    write_image(tmp_path / '4.png', frame_image((16, 20), 4))
    with pytest.raises(BrokenDataError, match=r'4\.png: is 20x16, but .*0\.png is 24x16'):
        LoadFrames().transform(record)


def test_label_maps_and_labeled_frames_are_loaded(record) -> None:
    results = LoadLabelMaps(encoding='binary').transform(LoadFrames().transform(record))
    labels = results['gt_sem_seg']
    assert labels.dtype == np.uint8
    assert results['labeled_frames'].tolist() == [True, False, True, False, False]
    np.testing.assert_array_equal(labels[0], square(SIZE, 0) > 0)
    np.testing.assert_array_equal(labels[2], square(SIZE, 1) > 0)
    assert labels[[1, 3, 4]].max() == 0


def test_label_maps_of_original_size_stay_when_frames_are_resized(record) -> None:
    results = LoadFrames(resize={'type': ResizeClip, 'size': (8, 8)}).transform(record)
    load = LoadLabelMaps(encoding='binary', original_size=True)
    labels = load.transform(results)['gt_sem_seg']
    np.testing.assert_array_equal(labels[2], square(SIZE, 1) > 0)
    with pytest.raises(BrokenDataError, match=r'is 24x16, but its frame .* is 8x8'):
        LoadLabelMaps(encoding='binary').transform(results)


def test_label_maps_follow_the_chosen_frames(record) -> None:
    results = LoadFrames().transform({**record, 'frame_ids': np.array([2, 3])})
    results = LoadLabelMaps(encoding='binary').transform(results)
    assert results['labeled_frames'].tolist() == [True, False]
    np.testing.assert_array_equal(results['gt_sem_seg'][0], square(SIZE, 1) > 0)


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA', 'I;16'])
def test_binary_label_is_every_non_zero_value(record, tmp_path, mode) -> None:
    gt = square(SIZE, 0) > 0
    if mode == 'P':  # index 1 has a nearly black color
        image = Image.fromarray(gt.astype(np.uint8), mode='P')
        image.putpalette([0, 0, 0, 0, 0, 1])
    elif mode == 'I;16':
        image = Image.fromarray(gt.astype(np.uint16))
    else:
        image = Image.fromarray(gt.astype(np.uint8) * 255).convert(mode)
    image.save(tmp_path / 'm0.png')
    results = LoadLabelMaps(encoding='binary').transform(LoadFrames().transform(record))
    np.testing.assert_array_equal(results['gt_sem_seg'][0], gt)


def test_label_map_of_wrong_size_is_an_error_with_both_paths(record, tmp_path) -> None:
    write_image(tmp_path / 'm1.png', square((16, 16), 0))
    results = LoadFrames().transform(record)
    with pytest.raises(
        BrokenDataError, match=r'm1\.png: is 16x16, but its frame \(.*2\.png\) is 24'
    ):
        LoadLabelMaps(encoding='binary').transform(results)


def test_colors_become_classes(record, tmp_path) -> None:
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[0, :3] = voc_palette(71)[[70, 17, 3]]
    colors[0, 3] = voc_palette(72)[71]  # one class too many
    colors[0, 4] = voc_palette(71)[17] + np.array([0, 1, 0], np.uint8)  # nearly a known color
    write_image(tmp_path / 'm0.png', colors)
    load = LoadLabelMaps(encoding='voc_colors', num_classes=71)
    labels = load.transform(LoadFrames().transform(record))['gt_sem_seg'][0]
    assert labels[0, :6].tolist() == [70, 17, 3, 0, 0, 0]
    assert labels[1:].max() == 0


def test_unknown_encoding_is_an_error() -> None:
    with pytest.raises(ValueError, match="got 'rgb'"):
        LoadLabelMaps(encoding='rgb')


@pytest.mark.parametrize('kind', ['images', 'video'])
def test_frames_are_resized_as_they_are_decoded(tmp_path, kind, monkeypatch) -> None:
    files = [str(write_image(tmp_path / f'{t}.png', frame_image((64, 64), t))) for t in range(3)]
    video = str(write_video(tmp_path / 'a.mp4', frames=30))
    source = {'video_id': 'v', 'frames': files if kind == 'images' else video}
    source.update(length=3, fps=1.0)
    resize = {'type': ResizeClip, 'short_side': (24, 32), 'rounding': 'nearest'}
    monkeypatch.setattr(ResizeClip, 'choose_size', lambda self, height, width: (24, 24))
    results = LoadFrames(resize=resize).transform(source)
    expected = ResizeClip(size=(24, 24)).transform(LoadFrames().transform(source))
    np.testing.assert_array_equal(results['frames'], expected['frames'])
    assert results['ori_shape'] == expected['ori_shape'] == (64, 64)
    assert results['img_shape'] == expected['img_shape'] == (24, 24)
    np.testing.assert_array_equal(results['geometry'].scale, expected['geometry'].scale)


def test_frames_of_several_sizes_are_an_error_with_resize(tmp_path) -> None:
    files = [
        str(write_image(tmp_path / f'{t}.png', frame_image((64, 64 + t), t))) for t in range(2)
    ]
    load = LoadFrames(resize={'type': ResizeClip, 'size': (24, 24)})
    with pytest.raises(ValueError, match=r'1\.png: is 65x64, but .*0\.png is 64x64'):
        load.transform({'video_id': 'v', 'frames': files, 'length': 2, 'fps': 1.0})


def test_frame_sampled_twice_is_read_once(tmp_path, monkeypatch) -> None:
    path = str(write_image(tmp_path / 'a.png', frame_image((8, 8), 1)))
    read = []
    monkeypatch.setattr(
        loading, 'read_image', lambda path, out: read.append(path) or np.zeros((8, 8, 3), np.uint8)
    )
    source = {'video_id': 'v', 'frames': [path], 'frame_ids': np.array([0, 0, 0]), 'fps': 1.0}
    assert LoadFrames().transform(source)['frames'].shape == (3, 8, 8, 3)
    assert len(read) == 1
