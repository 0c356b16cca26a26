"""The reader of YouTube-VIS annotations, and all errors of a file."""

import gzip
import json
import math
import resource

import numpy as np
import pytest

from avis.datasets import vis
from avis.datasets.aviseg import AVISeg
from avis.datasets.transforms.sampling import SampleAroundReference
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.vis_annotations import read_vis
from tests.helpers.tiny_vis import (
    FRAMES,
    SIZE,
    annotation,
    box_mask,
    content,
    polygon,
    rle,
    write_aviseg,
    write_json,
)


def read(tmp_path, **more):
    return read_vis(write_json(tmp_path / 'train.json', content(**more)))


def changed(key: str, number: int, **more) -> dict:
    """The lists with one entry changed; None removes a field."""
    entries = content()[key]
    entries[number] = {k: v for k, v in {**entries[number], **more}.items() if v is not None}
    return {key: entries}


def test_every_kind_of_mask_is_read(tmp_path) -> None:
    file = read(tmp_path)
    first, second = file.tracks[1][0], file.tracks[2][0]
    assert [mask is None for mask in first['masks']] == [False, True, False]
    assert [mask is None for mask in second['masks']] == [False, False, True]
    assert first['masks'][2] == second['masks'][0]
    assert first['masks'][0][0].tolist() == polygon()[0]
    assert file.warnings == {}


def test_unknown_keys_are_kept(tmp_path) -> None:
    file = read(tmp_path, challenges=[{'video_id': 1, 'names': ['occlusion']}])
    assert file.extra == {
        'info': [{'year': 2024}],
        'challenges': [{'video_id': 1, 'names': ['occlusion']}],
    }
    assert file.videos[1]['scene'] == 'Speaking'
    assert file.tracks[1][0]['attributes'] == {'note': 'hand-made'}
    assert file.tracks[1][0]['area'] == 112


def test_order_of_json_lists_does_not_matter(tmp_path) -> None:
    lists = content()
    turned = dict(reversed(list(lists.items())))
    one, other = (
        read_vis(write_json(tmp_path / f'{name}.json', value))
        for name, value in (('one', lists), ('other', turned))
    )
    assert one.videos == other.videos
    assert [t['id'] for t in one.tracks[2]] == [t['id'] for t in other.tracks[2]]


def test_gzip_file_reads_the_same(tmp_path) -> None:
    path = tmp_path / 'train.json.gz'
    path.write_bytes(gzip.compress(json.dumps(content()).encode()))
    assert list(read_vis(path).videos) == [1, 2]


@pytest.mark.parametrize(
    ('lists', 'problem'),
    [
        ({'videos': []}, r'train\.json: contains no videos'),
        (changed('videos', 1, height=None), r'videos\[1\]\.height is missing'),
        (changed('videos', 1, id=1), r'videos\[1\]\.id 1 is the id of an earlier video'),
        (changed('videos', 0, length=9), r'videos\[0\]\.length is 9, but there are 3 files'),
        (changed('videos', 0, file_names=[], length=0), r'videos\[0\]\.file_names is empty'),
        (changed('annotations', 1, category_id=None), r'annotations\[1\]\.category_id is missing'),
        (
            changed('annotations', 0, segmentations=[None] * 2),
            r"annotations\[0\]\.segmentations has 2 masks for the 3 frames of '-a_1'",
        ),
        (
            changed('annotations', 0, segmentations=[None, None, rle(np.ones((9, 9)))]),
            r'annotations\[0\]\.segmentations has RLEs of size \(9, 9\) in the \(24, 32\) frames',
        ),
        (
            changed('annotations', 0, segmentations=[None, [[1, 2]], None]),
            r'annotations\[0\]\.segmentations\[1\]: .*at least 3 points',
        ),
        (
            changed('annotations', 1, video_id=1, id=1),
            r'annotations\[1\]\.id 1 is the id of two tracks',
        ),
    ],
)
def test_invalid_entry_is_an_error_with_its_location(tmp_path, lists, problem) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        read(tmp_path, **lists)
    assert 'train.json' in str(error.value)
    assert 'Fetch' in str(error.value)


@pytest.mark.parametrize(
    ('key', 'name', 'value', 'problem'),
    [
        ('videos', 'id', None, 'expected an integer, or text, got null'),
        ('videos', 'file_names', None, 'expected a list of file names, got null'),
        ('videos', 'height', '24', 'expected an integer from 1 to 65535, got "24"'),
        ('videos', 'height', 64.7, 'expected an integer from 1 to 65535, got 64.7'),
        ('videos', 'fps', None, 'expected a number above 0, got null'),
        ('videos', 'fps', math.nan, 'expected a number above 0, got NaN'),
        ('annotations', 'id', None, 'expected an integer from 0 on, got null'),
        ('annotations', 'video_id', '2', 'expected an integer, as the ids of the videos are'),
        ('annotations', 'category_id', [1], 'expected an integer, got a list of 1 element'),
        ('annotations', 'iscrowd', '0', 'expected 0 or 1, got "0"'),
        ('annotations', 'areas', 72, 'expected a list of numbers from 0 on, or null, got 72'),
        ('annotations', 'bboxes', None, 'expected a list with one entry per frame, got null'),
        ('annotations', 'segmentations', None, 'expected a list with one entry per frame'),
        ('categories', 'id', '1', 'expected an integer, got "1"'),
    ],
)
def test_wrong_value_is_an_error_with_its_field(tmp_path, key, name, value, problem) -> None:
    entries = content()[key]
    entries[1][name] = value
    with pytest.raises(ValueError, match=rf'train\.json: {key}\[1\]\.{name}: {problem}'):
        read(tmp_path, **{key: entries})


@pytest.mark.parametrize(
    ('masks', 'problem'),
    [
        ([None, {'size': [24, 32], 'counts': [5, 9]}, None], r'\[1\]: expected an RLE of exactly'),
        ([None, None, {'size': [24, 32], 'counts': '7'}], r'\[2\]: .*exactly 24 x 32'),
        ([[[3, 2, 1e9, 2, 12, 10]], None, None], r'\[0\]: expected coordinates of a polygon'),
        ([[[3, 2, math.inf, 2, 12, 10]], None, None], r'\[0\]: expected finite coordinates'),
    ],
)
@pytest.mark.parametrize('split', ['train', 'test'])
def test_invalid_mask_is_an_error_with_its_frame(tmp_path, split, masks, problem) -> None:
    write_aviseg(tmp_path, splits=(split,), annotations=[annotation(1, 1, masks)])
    change = json.loads((tmp_path / f'{split}.json').read_text())
    change['annotations'][0]['bboxes'] = [[0, 0, 9, 9]] * FRAMES
    write_json(tmp_path / f'{split}.json', change)
    with pytest.raises(
        ValueError, match=rf'{split}\.json: annotations\[0\]\.segmentations{problem}'
    ):
        AVISeg(split=split, data_root=str(tmp_path))


def test_invalid_box_is_an_error_with_its_frame(tmp_path) -> None:
    lists = content()['annotations']
    lists[0]['bboxes'] = [None, None, [1, 2, math.nan, 4]]
    with pytest.raises(ValueError, match=r'annotations\[0\]\.bboxes\[2\].*got \[1, 2, nan, 4\]'):
        read(tmp_path, annotations=lists)


def test_broken_json_is_an_error_with_the_byte(tmp_path) -> None:
    path = write_json(tmp_path / 'train.json', content())
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match=r'train\.json is not valid JSON.*at byte \d+'):
        read_vis(path)


@pytest.fixture
def warnings_of(tmp_path, monkeypatch):
    """Load the training split of changed lists; return data set and warnings."""

    def load(**more):
        write_aviseg(tmp_path, splits=('train',), **more)
        lines = []
        monkeypatch.setattr(vis, 'print_log', lambda line, **_: lines.append(line))
        return AVISeg(split='train', data_root=str(tmp_path)), lines

    return load


def test_complete_file_has_no_warnings(warnings_of) -> None:
    assert warnings_of()[1] == []


def test_annotation_without_video_is_counted(warnings_of) -> None:
    lists = [*content()['annotations'], *(annotation(k, 99, [None] * 3) for k in (8, 9))]
    dataset, (line,) = warnings_of(annotations=lists)
    assert '2 x annotation of a video that is not listed: annotations[2], annotations[3]' in line
    assert 'train.json' in line
    assert len(dataset) == 2


def test_video_without_annotation_is_left_out_of_training_only(warnings_of, tmp_path) -> None:
    lists = content()['annotations'][:1]
    dataset, (line,) = warnings_of(annotations=lists)
    assert '1 x video without annotation, left out of training: 10000001' in line
    assert [dataset.record(k)['video_name'] for k in range(len(dataset))] == ['-a_1']
    write_aviseg(tmp_path, splits=('test',), annotations=lists)
    tested = AVISeg(split='test', data_root=str(tmp_path))
    assert len(tested) == 2
    assert tested.record(1)['tracks'] == []


def test_training_split_without_annotations_is_an_error(warnings_of) -> None:
    with pytest.raises(ValueError, match='none of its 2 videos has an annotation'):
        warnings_of(annotations=[])


def test_track_without_masks_is_a_warning(warnings_of) -> None:
    lists = [*content()['annotations'], annotation(3, 1, [None] * FRAMES)]
    dataset, (line,) = warnings_of(annotations=lists)
    assert '1 x track that is null in all frames: annotations[2].segmentations' in line
    record = {**dataset.record(0), 'ori_shape': SIZE}
    gt = LoadTracks(form='tracks').transform(record)['gt_tracks']
    assert gt['ids'].tolist() == [1, 3]  # scorers have their own rule for it
    assert not gt['masks'][1].areas.any()


def test_mask_without_area_is_a_warning_and_empty(warnings_of) -> None:
    flat = [[2, 2, 9, 9, 5, 5]]
    lists = content()['annotations']
    lists[0] = annotation(1, 1, [flat, polygon(), None])
    dataset, (line,) = warnings_of(annotations=lists)
    assert '1 x mask without any area: annotations[0].segmentations[0]' in line
    record = {**dataset.record(0), 'ori_shape': SIZE}
    track = LoadTracks(form='tracks').transform(record)['gt_tracks']['masks'][0]
    assert track.areas.tolist() == [0, box_mask().sum(), 0]


def test_mask_without_a_box_is_left_out_of_training_only(warnings_of, tmp_path) -> None:
    lists = content()['annotations']
    lists[0]['bboxes'][2] = None
    lists.append(annotation(3, 1, [polygon()] * FRAMES))
    del lists[2]['bboxes']
    dataset, (line,) = warnings_of(annotations=lists)
    assert '1 x mask without a box, left out of training: annotations[0].segmentations[2]' in line
    first, third = dataset.record(0)['tracks']
    assert first['masks'].present.tolist() == [True, False, False]
    assert third['masks'].present.all()  # it states no boxes at all
    write_aviseg(tmp_path, splits=('test',), annotations=lists)
    tested = AVISeg(split='test', data_root=str(tmp_path)).record(0)['tracks']
    assert tested[0]['masks'].present.tolist() == [True, False, True]


def test_wrong_number_of_boxes_is_an_error_in_training(warnings_of) -> None:
    lists = content()['annotations']
    lists[0]['bboxes'] = [None] * 2
    with pytest.raises(
        ValueError, match=r'annotations\[0\]\.bboxes has 2 boxes, expected one for each of 3 masks'
    ):
        warnings_of(annotations=lists)


@pytest.mark.parametrize('number', [0, 27, 99])
def test_category_out_of_range_is_an_error(warnings_of, number) -> None:
    lists = content()['annotations']
    lists[1]['category_id'] = number
    with pytest.raises(
        ValueError, match=rf'train\.json: annotation 2: category_id is {number}, expected one of'
    ):
        warnings_of(annotations=lists)


def test_long_list_of_warnings_shows_the_first_three(warnings_of) -> None:
    extra = [annotation(k, 99, [None] * 3) for k in range(8, 20)]
    _, (line,) = warnings_of(annotations=[*content()['annotations'], *extra])
    assert '12 x annotation' in line
    assert line.endswith('annotations[2], annotations[3], annotations[4], ...')


def test_two_hour_video_takes_little_memory(tmp_path) -> None:
    length, outline = 7200, [np.linspace(0, 30, 120).round(1).tolist()]
    video = {'id': 1, 'height': 360, 'width': 640, 'length': length}
    video['file_names'] = [f'long/{t:05d}.jpg' for t in range(length)]
    tracks = [annotation(k, 1, [outline] * length) for k in range(5)]
    write_json(tmp_path / 'train.json', content(videos=[video], annotations=tracks))
    for folder in ('JPEGImages', 'WAVAudios'):
        (tmp_path / 'train' / folder).mkdir(parents=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset = AVISeg(split='train', data_root=str(tmp_path))
    sample = SampleAroundReference()
    dataset.record(0)
    for _ in range(5):
        results = sample.transform(dataset.record(0))
        chosen = [track['masks'][t] for track in results['tracks'] for t in results['frame_ids']]
    assert len(chosen) == 25
    # 36,000 polygons of 120 numbers are 35 MB; as lists they would be ten times as much.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000
