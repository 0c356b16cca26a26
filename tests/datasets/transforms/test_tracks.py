import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from avis.datasets.aviseg import AVISeg
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms.geometry import CenterCrop, RandomFlip, ResizeClip
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.sampling import PadFrames
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.vis_annotations import read_vis
from avis.evaluation.benchmarks.problems import ProblemLog
from avis.evaluation.benchmarks.vis_files import RULES, VisGroundTruth
from tests.helpers.tiny_sets import frame_image, write_image
from tests.helpers.tiny_vis import BOX, SIZE, box_mask, loose_rle, polygon, rle

GOLDEN = Path(__file__).parents[2] / 'data' / 'golden' / 'metrics' / 'aviseg'


@pytest.fixture
def png(tmp_path) -> dict:
    path = write_image(tmp_path / 'm.png', box_mask().astype(np.uint8) * 7)
    return {'png': str(path), 'value': 7}


def record(tmp_path, *tracks, length: int = 4, **more) -> dict:
    paths = [write_image(tmp_path / f'{t}.png', frame_image(SIZE, t)) for t in range(length)]
    return {
        'video_id': 'v',
        'frames': [str(path) for path in paths],
        'length': length,
        'height': SIZE[0],
        'width': SIZE[1],
        'fps': 1.0,
        'tracks': [
            {'id': number, 'label': number % 3, 'masks': masks}
            for number, masks in enumerate(tracks)
        ],
        **more,
    }


def load(results: dict, *steps, form: str = 'dense') -> dict:
    for step in (LoadFrames(), *steps, LoadTracks(form=form)):
        results = step.transform(results)
    return results


@pytest.mark.parametrize('form', [polygon, lambda: rle(box_mask()), lambda: loose_rle(box_mask())])
def test_every_kind_of_mask_is_drawn(tmp_path, form, png) -> None:
    gt = load(record(tmp_path, [form(), None, png, {**png, 'value': None}]))['gt_tracks']
    assert gt['masks'].dtype == bool
    for frame in (0, 2, 3):
        np.testing.assert_array_equal(gt['masks'][0, frame], box_mask())
    assert not gt['masks'][0, 1].any()


def test_only_visible_instances_of_chosen_frames_are_loaded(tmp_path) -> None:
    broken = {'png': 'nowhere.png', 'value': 1}  # reading it would fail
    tracks = [[broken, polygon(), None, broken], [broken, None, None, broken], [broken] * 4]
    results = record(tmp_path, *tracks, frame_ids=np.array([1, 2, 2]))
    results['tracks'][2]['crowd'] = True
    gt = load(results)['gt_tracks']
    assert gt['ids'].tolist() == [0]
    assert gt['masks'].sum(axis=(2, 3)).tolist() == [[112, 0, 0]]


def test_annotated_frames_are_known_after_a_crop(tmp_path) -> None:
    """An instance that the crop removes from a frame is still annotated there."""
    border, whole = polygon((4, 0, 12, 6)), polygon((0, 0, 24, 32))
    results = record(tmp_path, [border, whole, None, []], [border] * 4)
    results['tracks'].reverse()  # instances are ordered by id
    gt = load(results, CenterCrop(size=(24, 16)))['gt_tracks']
    assert gt['ids'].tolist() == [0]
    assert gt['masks'].any(axis=(2, 3)).tolist() == [[False, True, False, False]]
    assert gt['annotated'].tolist() == [[True, True, False, False]]
    padded = PadFrames(num_frames=5).transform(load(results))['gt_tracks']
    assert padded['annotated'].sum(axis=1).tolist() == [2, 4]
    assert not padded['annotated'][:, 4].any()


def test_clip_without_instances_has_empty_masks(tmp_path) -> None:
    gt = load(record(tmp_path, [None] * 4))['gt_tracks']
    assert gt['masks'].shape == (0, 4, *SIZE)
    assert gt['labels'].dtype == gt['ids'].dtype == np.int64


def test_masks_follow_resize_and_flip(tmp_path, png) -> None:
    """All kinds of masks with a resize, which doubles the box exactly, and a flip."""
    results = record(tmp_path, [polygon()] * 4, [rle(box_mask())] * 4, [png] * 4)
    got = load(results, ResizeClip(size=(48, 64)), RandomFlip(prob=1))
    top, left, bottom, right = (2 * side for side in BOX)
    expected = box_mask((48, 64), (top, left, bottom, right))[:, ::-1]
    assert got['gt_tracks']['masks'].shape == (3, 4, 48, 64)
    assert (got['gt_tracks']['masks'] == expected).all()
    assert got['frames'].shape == (4, 48, 64, 3)


def test_small_polygon_is_close_to_resized_mask(tmp_path) -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([90 + 60.3 * np.cos(angle), 80 + 50.7 * np.sin(angle)], axis=1).ravel()
    source = {**record(tmp_path), 'height': 160, 'width': 200}
    source['frames'] = [str(write_image(tmp_path / 'l.png', frame_image((160, 200), 0)))] * 4
    whole = LoadTracks(form='tracks').transform(
        {**source, 'tracks': [{'id': 0, 'label': 0, 'masks': [[circle]] * 4}]}
    )['gt_tracks']['masks'][0]
    masks = [[[circle]] * 4, whole.rles]
    source['tracks'] = [{'id': k, 'label': 0, 'masks': m} for k, m in enumerate(masks)]
    one, other = load(source, ResizeClip(short_side=72))['gt_tracks']['masks'][:, 0]
    assert (one & other).sum() / (one | other).sum() > 0.98


def test_padding_frames_have_empty_masks(tmp_path) -> None:
    results = load(record(tmp_path, [polygon()] * 2, length=2), PadFrames(num_frames=3))
    assert results['gt_tracks']['masks'].sum(axis=(2, 3)).tolist() == [[112, 112, 0]]
    other = PadFrames(num_frames=3).transform(load(record(tmp_path, [polygon()] * 2, length=2)))
    np.testing.assert_array_equal(other['gt_tracks']['masks'], results['gt_tracks']['masks'])


def test_evaluation_has_all_instances_at_the_size_of_the_file(tmp_path, png) -> None:
    results = record(tmp_path, [polygon(), None, png, []], [None] * 4)
    results['tracks'][1].update(crowd=True, area=3.5)
    results['tracks'][0]['area'] = 112.0
    gt = load(results, ResizeClip(short_side=9), form='tracks')['gt_tracks']
    assert [track.areas.tolist() for track in gt['masks']] == [[112, 0, 112, 0], [0] * 4]
    assert gt['crowd'].tolist() == [False, True]
    assert gt['sizes'].tolist() == [112.0, 3.5]
    results['tracks'][0]['area'] = None
    assert 'sizes' not in load(results, form='tracks')['gt_tracks']


@pytest.mark.parametrize('case', ['edge', 'mixed_sizes', 'sparse_null'])
def test_gt_equals_that_of_the_evaluator(tmp_path, case) -> None:
    """Metrics get the same ground truth as the evaluator reads from the file."""
    path = tmp_path / 'test.json'
    path.write_bytes(gzip.decompress((GOLDEN / case / 'gt.json.gz').read_bytes()))
    for folder in ('JPEGImages', 'WAVAudios'):
        (tmp_path / 'test' / folder).mkdir(parents=True)
    dataset = AVISeg(split='test', data_root=str(tmp_path))
    log = ProblemLog(RULES, 'official')
    reader = VisGroundTruth(path, log)
    assert len(dataset) == len(reader.videos)
    for index, video in enumerate(reader.videos.values()):
        expected = reader.tracks(video, log)
        gt = LoadTracks(form='tracks').transform(dataset.record(index))['gt_tracks']
        assert [label + 1 for label in gt['labels']] == list(expected.labels)
        assert gt['ids'].tolist() == list(expected.ids)
        assert gt['crowd'].tolist() == list(expected.crowd)
        if expected.rles:
            assert gt['sizes'].tolist() == list(expected.sizes)
        for track, rles in zip(gt['masks'], expected.rles, strict=True):
            for own, rle_ in zip(track.rles, rles, strict=True):
                assert own == rle_
    assert json.loads(path.read_text())['annotations']
    assert read_vis(path).annotated


def test_missing_gt_is_an_error_in_training_only(tmp_path) -> None:
    results = record(tmp_path)
    del results['tracks']
    with pytest.raises(ValueError, match=r"clip 'v' has no ground truth to train on"):
        load(results)
    assert 'gt_tracks' not in load(results, form='tracks')


def test_frames_of_wrong_size_are_an_error_with_path(tmp_path) -> None:
    results = record(tmp_path, [polygon()] * 4, height=48)
    with pytest.raises(
        ValueError, match=r'0\.png: is \(24, 32\).*states height and width \(48, 32\)'
    ):
        load(results)


def test_wrong_use_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match='form must be one of'):
        LoadTracks(form='rle')
    with pytest.raises(ValueError, match='put LoadFrames before LoadTracks'):
        LoadTracks().transform(record(tmp_path, [polygon()] * 4))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.png'):
        load(record(tmp_path, [{'png': 'nowhere.png', 'value': 1}] * 4))


@pytest.mark.parametrize('size', [(16, 16), (4320, 7680)])
def test_tiny_and_huge_frames_are_loaded(tmp_path, size) -> None:
    """A frame of 16 pixels, and an 8K frame that is resized as soon as it is decoded."""
    image = np.zeros((*size, 3), np.uint8)
    path = write_image(tmp_path / 'frame.png', image)
    box = (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2)
    results = record(tmp_path, [polygon(box)], length=1)
    results.update(frames=[str(path)], height=size[0], width=size[1])
    resize = {'type': ResizeClip, 'short_side': 288, 'max_long_side': 768, 'backend': 'torch'}
    results = LoadTracks().transform(LoadFrames(resize=resize).transform(results))
    assert min(results['img_shape']) == 288
    assert results['ori_shape'] == size
    height, width = results['img_shape']
    assert results['gt_tracks']['masks'].sum() == (height // 4) * (width // 4)


@pytest.mark.parametrize(
    'mask',
    [
        {'size': list(SIZE), 'counts': [5, 9]},
        {'size': list(SIZE), 'counts': '~~~'},
        [[3, 2, 1e9, 2, 12, 10]],
        [[3, 2, float('nan'), 2, 12, 10]],
    ],
)
@pytest.mark.parametrize('form', ['dense', 'tracks'])
def test_invalid_mask_of_a_list_is_an_error_that_can_be_pickled(tmp_path, mask, form) -> None:
    results = record(tmp_path, [None, mask, None, None])
    with pytest.raises(BrokenDataError, match=r'mask of instance 0 in frame 1: ') as error:
        load(results, form=form)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
