"""Problems of ground-truth and results files, and their effect on the scores."""

import json
import math
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.evaluation.benchmarks.vis import AVISegBenchmark, YouTubeVISBenchmark
from avis.utils import json_stream
from tests.helpers.small_sets import SIZE, change, rle, write_vis

MASK = rle(np.ones(SIZE, bool))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write_vis(tmp_path)


def add(**fields: Any) -> Callable[[list], None]:
    """Add a valid result with changed ``fields``; fields of None are removed."""
    result = {'video_id': 1, 'category_id': 1, 'score': 0.5, 'segmentations': [MASK] * 3, **fields}
    return lambda results: results.append({k: v for k, v in result.items() if v is not None})


# Name: the added entry; kind, field, effects under both protocols, message.
BROKEN_RESULTS = {
    'video_id': (
        add(video_id=99),
        (
            'unknown_video',
            'video_id',
            'ignore',
            'stop',
            'no video of the ground truth has the id 99',
        ),
    ),
    'category_id': (
        add(category_id=9),
        ('unknown_category', 'category_id', 'keep', 'stop', 'no category .* has the id 9'),
    ),
    'nan': (add(score=math.nan), ('nan_score', 'score', 'keep', 'stop', 'is NaN')),
    'text score': (
        add(score='high'),
        ('bad_score', 'score', 'stop', 'stop', 'expected a number, got "high"'),
    ),
    'no score': (add(score=None), ('missing_field', 'score', 'stop', 'stop', 'is missing')),
    'short': (
        add(segmentations=[MASK] * 2),
        ('too_few_frames', 'segmentations', 'stop', 'stop', '2 masks for the 3 frames'),
    ),
    'long': (
        add(segmentations=[MASK] * 4),
        ('too_many_frames', 'segmentations', 'stop', 'stop', '4 masks for the 3 frames'),
    ),
    'long, but null': (
        add(segmentations=[MASK, MASK, MASK, None]),
        ('frame_count', 'segmentations', 'keep', 'stop', '4 masks for the 3 frames'),
    ),
    'size': (
        add(segmentations=[MASK, None, rle(np.ones((3, 3), bool))]),
        ('wrong_size', r'segmentations\[2\]', 'stop', 'stop', r'RLE of size \[3, 3\] in a frame'),
    ),
    'no masks': (
        add(segmentations='masks'),
        ('bad_field', 'segmentations', 'stop', 'stop', 'one entry per frame, got "masks"'),
    ),
    'bad mask': (
        add(segmentations=[{'size': list(SIZE)}, None, None]),
        ('bad_mask', r'segmentations\[0\]', 'stop', 'stop', 'counts'),
    ),
}


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
@pytest.mark.parametrize('name', BROKEN_RESULTS)
def test_broken_results_are_reported(files, name: str, protocol: str) -> None:
    gt, pred = files
    intact = evaluate('aviseg', gt, pred, protocol=protocol)
    edit, (kind, field, official, corrected, message) = BROKEN_RESULTS[name]
    change(pred, edit)
    number = len(json.loads(pred.read_text())) - 1
    effect = official if protocol == 'official' else corrected
    if effect == 'stop':
        with pytest.raises(EvaluationStopped, match=message) as error:
            evaluate('aviseg', gt, pred, protocol=protocol)
        problems = error.value.problems
    else:
        result = evaluate('aviseg', gt, pred, protocol=protocol)
        problems = result['problems']
        if effect == 'ignore' and kind == 'unknown_video':
            np.testing.assert_equal(result['summary'], intact['summary'])
    (problem,) = problems
    assert (problem.kind, problem.effect, problem.file) == (kind, effect, str(pred))
    assert problem.field.startswith(f'[{number}].{field}'.replace('\\', ''))


def test_all_problems_are_listed_at_once_with_file_and_field(files) -> None:
    gt, pred = files
    number = len(json.loads(pred.read_text()))
    for edit, _ in BROKEN_RESULTS.values():
        change(pred, edit)
    change(gt, lambda content: content['annotations'][0].update(video_id=77))
    with pytest.raises(EvaluationStopped) as error:
        evaluate('aviseg', gt, pred, workers=2)
    text = str(error.value)
    for row, (_, (kind, *_)) in enumerate(BROKEN_RESULTS.values()):
        assert any(
            f'{pred}: [{number + row}].' in line and kind in line for line in text.split('\n')
        )
    assert f'{gt}: annotations[0].video_id: no video has the id 77 (unknown_video: ignore)' in text


def gt_field(name: str, key: str, value: Any) -> Callable[[dict], None]:
    """Set a field of the second entry of a list of the ground truth."""
    return lambda content: content[name][1].update({key: value})


WRONG = ('0', None, 72.5, math.nan, math.inf, [], {}, True, 2**70, -1)
# The values of WRONG that a field may have.
ALLOWED: dict[tuple[str, str], tuple[Any, ...]] = {
    ('videos', 'id'): (-1,),
    ('videos', 'file_names'): ([],),
    ('videos', 'fps'): (72.5,),
    ('annotations', 'video_id'): (-1,),
    ('annotations', 'category_id'): (-1,),
    ('annotations', 'iscrowd'): (True,),
    ('annotations', 'areas'): ([],),
    ('annotations', 'bboxes'): ([],),
    ('annotations', 'segmentations'): ([],),
    ('categories', 'id'): (-1,),
    ('categories', 'name'): ('0',),
    ('results', 'video_id'): (-1,),
    ('results', 'category_id'): (-1,),
    ('results', 'score'): (72.5, math.nan, -1, 2**70),
    ('results', 'segmentations'): ([],),
}
FIELDS = [
    *(('videos', key) for key in ('id', 'file_names', 'height', 'width', 'length', 'fps')),
    *(
        ('annotations', key)
        for key in [
            'id',
            'video_id',
            'category_id',
            'iscrowd',
            'areas',
            'bboxes',
            'segmentations',
            'height',
        ]
    ),
    ('categories', 'id'),
    ('categories', 'name'),
    *(('results', key) for key in ('video_id', 'category_id', 'score', 'segmentations')),
]


@pytest.mark.parametrize(('name', 'key'), FIELDS)
def test_wrong_value_is_one_problem_with_file_and_field(files, name: str, key: str) -> None:
    gt, pred = files
    path = pred if name == 'results' else gt
    content = path.read_text()
    for value in WRONG:
        if any(value is v or value == v for v in ALLOWED.get((name, key), ())):
            continue
        edited = json.loads(content)
        (edited if name == 'results' else edited[name])[1][key] = value
        path.write_text(json.dumps(edited))
        where = f'{"" if name == "results" else name}[1].{key}'
        with pytest.raises(EvaluationStopped) as error:
            evaluate('aviseg', gt, pred)
        stops = [p for p in error.value.problems if p.effect == 'stop']
        assert [(p.file, p.field) for p in stops] == [(str(path), where)], (value, stops)
        assert ' got ' in stops[0].message


@pytest.mark.parametrize(
    ('edit', 'fields'),
    [
        (lambda t: t.update(videos=None), ['videos']),
        (lambda t: t.update(annotations=5), ['annotations']),
        (lambda t: t.update(categories=[[]]), ['categories[0]']),
        (lambda t: t.pop('annotations'), ['annotations']),
        (lambda t: t.update(videos=[]), ['videos']),
        (lambda t: t['videos'].__setitem__(1, None), ['videos[1]']),
        (lambda t: t['categories'].append({'id': 3, 'name': 'x'}), ['categories[3].id']),
        (gt_field('annotations', 'areas', [4, math.nan, 1]), ['annotations[1].areas[1]']),
        (gt_field('annotations', 'bboxes', [[1, 2, 3, '4']]), ['annotations[1].bboxes[0]']),
        (gt_field('annotations', 'bboxes', [[1e9, 2, 3, 4]]), ['annotations[1].bboxes[0]']),
        (gt_field('videos', 'file_names', ['a/0.jpg', '', 5]), ['videos[1].file_names[1]']),
        (gt_field('annotations', 'video_id', '1'), ['annotations[1].video_id']),
    ],
)
def test_wrong_lists_and_nested_values_are_problems(files, edit, fields: list[str]) -> None:
    gt, pred = files
    change(gt, edit)
    with pytest.raises(EvaluationStopped) as error:
        evaluate('aviseg', gt, pred)
    assert [p.field for p in error.value.problems if p.effect == 'stop'] == fields
    assert pickle.loads(pickle.dumps(error.value)).problems == error.value.problems


def test_object_as_results_is_an_error(files) -> None:
    gt, pred = files
    pred.write_text('{}')
    with pytest.raises(ValueError, match=r'results\.json: expected a list of objects'):
        evaluate('aviseg', gt, pred)


def test_key_that_is_there_twice_in_a_mask_is_a_problem(files) -> None:
    gt, pred = files
    text = pred.read_text()
    pred.write_text(text.replace('"size"', '"size": [1, 1], "size"', 1))
    with pytest.raises(ValueError, match="every key once in an object, got 'size' twice"):
        evaluate('aviseg', gt, pred)


def test_empty_runs_stop_the_official_protocol_only(files) -> None:
    gt, pred = files
    counts = [3, 2, 0, SIZE[0] * SIZE[1] - 5]
    odd, even = ({'size': list(SIZE), 'counts': c} for c in (counts, [3, SIZE[0] * SIZE[1] - 3]))
    change(pred, add(segmentations=[odd, None, None]))
    with pytest.raises(EvaluationStopped, match=r'segmentations\[0\]: has runs of 0 pixels'):
        evaluate('aviseg', gt, pred)
    corrected = evaluate('aviseg', gt, pred, protocol='corrected')
    change(pred, lambda results: results[-1].update(segmentations=[even, None, None]))
    np.testing.assert_equal(
        corrected['summary'], evaluate('aviseg', gt, pred, protocol='corrected')['summary']
    )


def test_ids_that_repeat_in_another_video_count_as_officially(files) -> None:
    """The evaluator of YouTube-VIS scores the last track with an id in place of each."""
    gt, pred = files
    video = {'height': SIZE[0], 'width': SIZE[1], 'length': 1}
    boxes = [np.zeros(SIZE, bool), np.zeros(SIZE, bool)]
    boxes[0][2:6, 2:6], boxes[1][9:15, 9:20] = True, True
    track = {'id': 7, 'category_id': 1, 'iscrowd': 0}
    content = {
        'videos': [{'id': k, 'file_names': [f'{k}/0.jpg'], **video} for k in (1, 2)],
        'categories': [{'id': 1, 'name': 'x'}],
        'annotations': [
            {**track, 'video_id': k, 'segmentations': [rle(boxes[k - 1])]} for k in (1, 2)
        ],
    }
    gt.write_text(json.dumps(content))
    result = {'category_id': 1, 'score': 0.5}
    results = [{**result, 'video_id': k, 'segmentations': [rle(boxes[k - 1])]} for k in (1, 2)]
    pred.write_text(json.dumps(results))
    official = evaluate('youtube_vis', gt, pred)
    assert official['summary']['AR1'] == 50
    (problem,) = official['problems']
    assert (problem.kind, problem.field) == ('repeated_id', 'annotations[0].id')
    assert evaluate('youtube_vis', gt, pred, protocol='corrected')['summary']['AP'] == 100
    assert evaluate('aviseg', gt, pred)['summary']['AP_all'] == 100
    # Id 0 is noted as no match at all.
    change(gt, lambda t: [t['annotations'][k].update(id=k) for k in (0, 1)])
    official = evaluate('youtube_vis', gt, pred)
    assert official['summary']['AR1'] == 50
    assert official['problem_counts'] == {'id_zero': 1}
    assert evaluate('youtube_vis', gt, pred, protocol='corrected')['problems'] == []
    assert evaluate('aviseg', gt, pred)['summary']['AP_all'] == 100


def test_duplicate_track_is_reported_and_scored(files) -> None:
    gt, pred = files
    change(pred, lambda results: results.append(dict(results[0])))
    for protocol in ('official', 'corrected'):
        (problem,) = evaluate('aviseg', gt, pred, protocol=protocol)['problems']
        assert (problem.kind, problem.effect) == ('duplicate_track', 'keep')
        assert problem.message == 'same class and masks as [0]'


@pytest.mark.parametrize(
    ('edit', 'kind', 'message'),
    [
        (lambda t: t['annotations'][1].pop('segmentations'), 'missing_field', 'is missing'),
        (lambda t: t['videos'][0].pop('height'), 'missing_field', 'is missing'),
        (lambda t: t['videos'][1].update(id=1), 'duplicate_id', 'id 1 is used twice'),
        (
            lambda t: t['annotations'].append(dict(t['annotations'][0])),
            'duplicate_id',
            'id 1 is used twice',
        ),
        (
            lambda t: t['annotations'][0].update(segmentations=[[[1, 2, 3, 4]], None, None]),
            'bad_mask',
            'a polygon needs at least 3 points',
        ),
    ],
)
def test_broken_gt_is_reported(files, edit, kind: str, message: str) -> None:
    gt, pred = files
    change(gt, edit)
    with pytest.raises(EvaluationStopped, match=message) as error:
        evaluate('aviseg', gt, pred)
    assert error.value.problems[0].kind == kind
    assert error.value.problems[0].file == str(gt)


def test_number_of_files_is_the_number_of_frames(files) -> None:
    gt, pred = files
    intact = evaluate('aviseg', gt, pred)
    change(gt, lambda content: content['videos'][0].update(length=5))
    result = evaluate('aviseg', gt, pred)
    (problem,) = result['problems']
    assert (problem.kind, problem.field) == ('frame_count', 'videos[0].length')
    assert problem.message == 'is 5, but file_names has 3 entries'
    np.testing.assert_equal(result['summary'], intact['summary'])
    with pytest.raises(EvaluationStopped, match='is 5, but file_names has 3 entries'):
        evaluate('aviseg', gt, pred, protocol='corrected')


def test_wrong_files_raise(files) -> None:
    gt, pred = files
    with pytest.raises(ValueError, match='expected a list of objects with video_id'):
        evaluate('aviseg', gt, gt)
    with pytest.raises(ValueError, match='has 0 videos and 0 categories; expected an object'):
        evaluate('aviseg', pred, pred)
    with pytest.raises(FileNotFoundError, match=r'nothing\.json'):
        evaluate('aviseg', gt, pred.with_name('nothing.json'))


def test_videos_with_the_same_name(files) -> None:
    gt, pred = files
    change(gt, lambda t: t['videos'][0].update(file_names=t['videos'][3]['file_names']))
    official = evaluate('aviseg', gt, pred)
    assert official['num_videos'] == 3  # only the last one counts
    assert official['problem_counts'] == {'duplicate_name': 1}
    corrected = evaluate('aviseg', gt, pred, protocol='corrected')
    assert set(corrected['per_video']) >= {'video0003 (1)', 'video0003'}
    assert evaluate('youtube_vis', gt, pred)['num_videos'] == 4


def test_polygons_and_uncompressed_rles_are_read(files) -> None:
    gt, pred = files
    box = np.zeros(SIZE, bool)
    box[2:6, 3:9] = True
    counts = np.diff(np.flatnonzero(np.diff(np.concatenate([[2], box.T.ravel(), [2]])))).tolist()
    shapes = [rle(box), {'size': list(SIZE), 'counts': counts}, [[3, 2, 9, 2, 9, 6, 3, 6]]]
    summaries = []
    for shape in shapes:
        change(gt, lambda t, s=shape: t['annotations'][0].update(segmentations=[s, None, s]))
        summaries.append(evaluate('aviseg', gt, pred)['summary'])
    np.testing.assert_equal(summaries[0], summaries[1])
    np.testing.assert_equal(summaries[0], summaries[2])


def test_empty_list_is_read_as_blank_mask(files) -> None:
    gt, pred = files
    change(pred, add(segmentations=[[], [], []], category_id=3))
    result = evaluate('aviseg', gt, pred)
    assert result['problem_counts'] == {'empty_list': 3}
    blank = rle(np.zeros(SIZE, bool))
    change(pred, lambda results: results[-1].update(segmentations=[blank] * 3))
    np.testing.assert_equal(result['summary'], evaluate('aviseg', gt, pred)['summary'])


def test_sizes_of_gt_tracks_come_from_their_areas(files) -> None:
    gt, pred = files
    change(gt, lambda t: [a.update(areas=[200**2, None, 0]) for a in t['annotations']])
    result = evaluate('aviseg', gt, pred)['summary']
    assert (result['AP_s'], result['AP_l']) == (-100, -100)
    assert result['AP_m'] > 0
    change(gt, lambda t: [a.pop('areas') for a in t['annotations']])
    assert evaluate('aviseg', gt, pred)['summary']['AP_m'] == -100


def test_youtube_vis_and_aviseg_have_equal_ap_and_ar_in_corrected(files) -> None:
    youtube_vis = evaluate('youtube_vis', *files, protocol='corrected')['summary']
    aviseg = evaluate('aviseg', *files, protocol='corrected')['summary']
    assert youtube_vis['AP'] == pytest.approx(aviseg['AP_all'])
    assert youtube_vis['AR100'] == pytest.approx(aviseg['AR_all'])


def test_attributes_come_from_the_gt(files) -> None:
    result = evaluate('aviseg', *files)
    assert result['attributes']['video0002']['conditions'] == ['blur', 'cut']
    assert result['attributes']['video0002']['length'] == 3
    tracks = json.loads(files[0].read_text())['annotations']
    sources = sum(track['video_id'] == 3 for track in tracks)
    assert result['attributes']['video0002']['sources'] == sources > 0


def test_memory_does_not_grow_with_the_number_of_videos(tmp_path: Path, monkeypatch) -> None:
    """In memory are one video and the offsets of the others, not the files."""
    monkeypatch.setattr(json_stream, '_CHUNK', 4096)
    peaks = []
    for videos in (10, 110):
        gt, pred = write_vis(tmp_path / str(videos), videos=videos, frames=40)
        size = gt.stat().st_size + pred.stat().st_size
        tracemalloc.start()
        with AVISegBenchmark(gt, pred, protocol='official') as benchmark:
            for index in range(videos):
                assert benchmark.score(index).partial is not None
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A parsed file needs several times its size.
    assert peaks[1] - peaks[0] < 0.4 * size


def test_temporary_files_are_deleted(tmp_path: Path, monkeypatch) -> None:
    files = write_vis(tmp_path, packed=True)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    with YouTubeVISBenchmark(*files, protocol='official'):
        assert len(list((tmp_path / 'temp').iterdir())) == 2
    assert not list((tmp_path / 'temp').iterdir())
