"""Golden numbers of the authors' evaluators through ``evaluate``, and its options."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.evaluation.functional.avsbench import pool_clips, score_clip
from tests.helpers.instance_goldens import GOLDEN, read_json, unpack_avtrack
from tests.helpers.small_sets import (
    change,
    write_avsbench,
    write_avss,
    write_avtrack,
    write_png,
    write_vis,
)

AVISEG_CASES = ('dense_720p', 'mixed_sizes', 'sparse_null', 'edge', 'empty_results')


def number(value: Any) -> float:
    """A golden number; the text 'nan' and null become NaN."""
    return math.nan if value in ('nan', None) else value


def aviseg_golden(case: str, **kwargs: Any) -> tuple[dict, dict]:
    folder = GOLDEN / 'aviseg' / case
    expected = json.loads((folder / 'expected.json').read_text())
    return evaluate('aviseg', folder / 'gt.json.gz', folder / 'results.json.gz', **kwargs), expected


@pytest.fixture(scope='module')
def avtrack_golden(tmp_path_factory) -> tuple[Path, dict]:
    folder = unpack_avtrack(tmp_path_factory.mktemp('avtrack'))
    return folder, json.loads((GOLDEN / 'avtrack' / 'expected.json').read_text())


@pytest.mark.parametrize('case', AVISEG_CASES)
def test_aviseg_official_equals_the_authors_evaluator(case: str) -> None:
    result, expected = aviseg_golden(case)
    assert result['summary'].keys() == expected['summary_full_precision'].keys()
    for key, value in expected['summary_full_precision'].items():
        assert result['summary'][key] == pytest.approx(number(value), abs=1e-9, nan_ok=True), key
    for kind in ('class_averaged', 'det_averaged'):
        for metric, fields in expected[kind].items():
            for name, values in fields.items():
                got = np.asarray(result['details'][kind][metric][name], float)
                wanted = np.vectorize(number, otypes=[float])(values)
                np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize('case', AVISEG_CASES)
def test_aviseg_corrected_has_the_intended_fsla(case: str) -> None:
    result, expected = aviseg_golden(case, protocol='corrected')
    for key, value in expected['fsla_intended']['summary'].items():
        assert result['summary'][key] == pytest.approx(number(value), abs=1e-9, nan_ok=True), key


def test_aviseg_has_no_fsla_if_the_official_evaluator_stops() -> None:
    result, expected = aviseg_golden('sparse_null')
    assert 'FA' not in result['summary']
    stops = [p for p in result['problems'] if p.kind == 'official_stop']
    assert expected['official_summary']['error'] in stops[0].message


def test_summary_of_a_video_covers_the_classes_it_has() -> None:
    result, _ = aviseg_golden('edge')
    full = read_json(GOLDEN / 'aviseg' / 'edge' / 'expected_full.json.gz')['per_video']
    assert result['per_video'].keys() == full.keys()
    for name, video in full.items():
        hota = [np.mean(c['HOTA']['HOTA']) for c in video['classes'].values()]
        wanted = 100 * np.mean(hota) if hota else math.nan
        got = result['per_video'][name]['HOTA']
        assert got == pytest.approx(wanted, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize('with_jf', [True, False])
def test_avtrack_official_equals_the_authors_scorer(avtrack_golden, with_jf: bool) -> None:
    folder, expected = avtrack_golden
    result = evaluate('avtrack', folder, folder / 'pred', with_jf=with_jf)
    assert result['summary'] == pytest.approx(expected['official_mean'], abs=1e-9)
    assert result['num_videos'] == expected['num_videos_in_mean']
    assert result['skipped'] == expected['skipped_no_gt']
    stops = [p.message for p in result['problems'] if p.kind == 'official_stop']
    assert [expected['official_mean_with_jf_enabled']['error'] in text for text in stops] == (
        [True] if with_jf else []
    )
    key = 'official_with_jf' if with_jf else 'official'
    for name, video in expected['per_video'].items():
        if video['status'] != 'skipped_no_gt':
            for field, value in video[key].items():
                assert result['per_video'][name][field] == pytest.approx(value, abs=1e-9), field


def test_avtrack_corrected_equals_the_intended_numbers(avtrack_golden) -> None:
    folder, expected = avtrack_golden
    result = evaluate('avtrack', folder, folder / 'pred', protocol='corrected')
    for key, value in expected['intended_mean_unclamped'].items():
        assert result['summary'][key] == pytest.approx(value, abs=1e-9)
    names = {'num_gt_dets': 'GT_Dets', 'num_tracker_dets': 'Dets'}
    names |= {'num_gt_ids': 'GT_IDs', 'num_tracker_ids': 'IDs'}
    compared = 0
    for name, video in expected['per_video'].items():
        for key, value in (video.get('intended') or {}).items():
            if key != 'error':
                got = result['per_video'][name][names.get(key, key)]
                assert got == pytest.approx(value, abs=1e-9), (name, key)
                compared += 1
    assert compared == 165


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
@pytest.mark.parametrize('batch_size', [1, 4])
def test_avsbench_images_give_the_golden_numbers_to_8_bits(
    subset: str, batch_size: int, tmp_path: Path
) -> None:
    with np.load(GOLDEN / 'avsbench' / f'{subset}.npz') as data:
        logits, gt = (data['q'].astype(np.float32) - 128) * data['scale'], data['g']
    prob = 255 / (1 + np.exp(-logits))
    # Rounded, but on the same side of one half, the threshold of masks.
    levels = np.where(logits > 0, np.maximum(prob.round(), 128), np.minimum(prob.round(), 127))
    for clip, (maps, masks) in enumerate(zip(levels.astype(np.uint8), gt, strict=True)):
        for frame in range(len(maps)):
            name = f'{clip:03d}/{clip:03d}_{frame + 1}.png'
            write_png(tmp_path / 'gt_masks' / name, masks[frame] * 255)
            write_png(tmp_path / 'pred' / name, maps[frame])
    result = evaluate('avsbench', tmp_path / 'gt_masks', tmp_path / 'pred', batch_size=batch_size)
    expected = json.loads((GOLDEN / 'avsbench' / f'{subset}_expected.json').read_text())
    expected = expected[f'batch_size_{batch_size}']
    assert result['summary']['miou'] == pytest.approx(expected['test_miou'], abs=2e-6)
    assert result['summary']['F_score'] == pytest.approx(expected['test_F_score'], abs=3e-3)
    clips = [score_clip(*clip) for clip in zip(levels.astype(np.uint8), gt, strict=True)]
    scores = pool_clips(clips, batch_size=batch_size)
    assert result['summary'] == {'miou': scores.miou, 'F_score': scores.F_score}


@pytest.mark.parametrize(
    ('protocol', 'suffix'), [('official', ''), ('corrected', '_index0')], ids=str
)
def test_avss_label_maps_give_the_golden_numbers(
    protocol: str, suffix: str, tmp_path: Path
) -> None:
    with np.load(GOLDEN / 'avss' / 'labels.npz') as data:
        pred, gt = data['pred'], data['gt']
    for clip in range(len(pred)):
        for frame in range(pred.shape[1]):
            write_png(tmp_path / 'gt' / str(clip) / f'{frame}.png', gt[clip, frame])
            write_png(tmp_path / 'pred' / str(clip) / f'{frame}.png', pred[clip, frame])
    result = evaluate('avss', tmp_path / 'gt', tmp_path / 'pred', protocol=protocol)
    expected = json.loads((GOLDEN / 'avss' / 'expected.json').read_text())['labels']
    names = {key: key for key in ('miou', 'F_score', 'miou_noBg', 'F_score_noBg')}
    if protocol == 'corrected':
        names['miou_noBg'] = 'intended_miou_noBg_index0'
        names['F_score_noBg'] = 'intended_F_noBg_index0'
    for key, name in names.items():
        assert result['summary'][key] == pytest.approx(expected[name], abs=2e-6)


def write_set(benchmark: str, folder: Path) -> tuple[Path, Path]:
    if benchmark == 'avtrack':
        write_avtrack(folder)
        return folder, folder / 'pred'
    if benchmark in ('aviseg', 'youtube_vis'):
        return write_vis(folder, videos=5)
    return (write_avsbench if benchmark == 'avsbench' else write_avss)(folder)


@pytest.mark.parametrize('benchmark', ['avtrack', 'aviseg', 'youtube_vis', 'avsbench', 'avss'])
@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_one_and_two_processes_have_equal_results(
    benchmark: str, protocol: str, tmp_path: Path
) -> None:
    paths = write_set(benchmark, tmp_path)
    one, two = (evaluate(benchmark, *paths, protocol=protocol, workers=n) for n in (1, 2))
    for key in ('summary', 'per_video', 'problems', 'skipped', 'attributes'):
        np.testing.assert_equal(one[key], two[key])
    assert one['num_videos'] % 2 == 1  # the processes have different numbers of videos
    assert not one['problems']


def test_compressed_files_have_the_same_scores(tmp_path: Path) -> None:
    plain = evaluate('aviseg', *write_vis(tmp_path / 'plain'))
    packed = evaluate('aviseg', *write_vis(tmp_path / 'packed', packed=True))
    assert plain['summary'] == packed['summary']


def test_result_is_written_in_full_precision(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    change(gt, lambda content: content['videos'][0].update(conditions=[]))
    result = evaluate('aviseg', gt, pred, out=tmp_path / 'out', by='conditions')
    text = (tmp_path / 'out' / 'metrics.json').read_text()
    written = json.loads(text, parse_constant=lambda name: pytest.fail(f'{name} is not JSON'))
    for key, value in result['summary'].items():
        assert written['summary'][key] == (None if math.isnan(value) else value)
    assert {'protocol', 'benchmark', 'num_videos', 'skipped', 'versions'} <= written.keys()
    assert written['versions'].keys() >= {'avis', 'python', 'numpy'}
    rows = list(csv.DictReader((tmp_path / 'out' / 'per_video.csv').open()))
    assert [row['video'] for row in rows] == [f'video{n:04d}' for n in range(4)]
    assert float(rows[1]['HOTA']) == result['per_video']['video0001']['HOTA']
    assert [row['scene'] for row in rows] == ['music', 'speech'] * 2
    assert not list((tmp_path / 'out').glob('*.part'))


def test_groups_of_an_attribute_pool_their_videos(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path, videos=6)
    result = evaluate('aviseg', gt, pred, by='scene')
    rows = {row['group']: row for row in result['breakdown']}
    assert list(rows) == ['all', 'music', 'speech']
    assert rows['all']['summary'] == result['summary']
    change(
        gt, lambda content: [v.pop('scene') for v in content['videos'] if v['scene'] == 'speech']
    )
    kept = {v['id'] for v in json.loads(gt.read_text())['videos'] if 'scene' in v}

    def only_music(content: dict) -> None:
        content['videos'] = [v for v in content['videos'] if v['id'] in kept]
        content['annotations'] = [a for a in content['annotations'] if a['video_id'] in kept]

    change(gt, only_music)
    alone = evaluate('aviseg', gt, pred)
    assert alone['problem_counts'] == {'unknown_video': len(alone['problems'])}
    np.testing.assert_equal(rows['music']['summary'], alone['summary'])
    low, high = rows['all']['intervals']['HOTA']
    assert low < result['summary']['HOTA'] < high
    again = evaluate('aviseg', *write_vis(tmp_path, videos=6), by='scene')['breakdown']
    np.testing.assert_equal(again, result['breakdown'])  # draws are repeatable


def test_two_predictions_are_compared_on_the_same_draws(tmp_path: Path) -> None:
    write_avtrack(tmp_path, videos=6)
    worse = tmp_path / 'worse'
    for path in (tmp_path / 'pred').rglob('*.png'):
        image = np.zeros((24, 32), np.uint8)
        image[5:12, 5:12] = 255
        write_png(worse / path.relative_to(tmp_path / 'pred'), image)
    result = evaluate('avtrack', tmp_path, [worse, tmp_path / 'pred'], protocol='corrected')
    assert [run['name'] for run in (result, *result['others'])] == ['worse', 'pred']
    row = result['others'][0]['comparison']['HOTA']
    assert row['first'] == result['summary']['HOTA']
    assert row['second'] == result['others'][0]['summary']['HOTA']
    assert 0 < row['interval'][0] < row['difference'] < row['interval'][1]
    assert row['p_value'] == pytest.approx(2 / 1001)
    names = {'a': worse, 'b': tmp_path / 'pred', 'c': worse}
    result = evaluate('avtrack', tmp_path, names, protocol='corrected', by='genre', diagnose=True)
    better, same = result['others']
    assert (result['name'], better['name'], same['name']) == ('a', 'b', 'c')
    assert better['comparison']['HOTA'] == row
    same_row = same['comparison']['HOTA']
    assert (same_row['difference'], same_row['p_value']) == (0, 1)
    for key in ('breakdown', 'diagnosis', 'problem_counts'):
        np.testing.assert_equal(same[key], result[key])
        assert key == 'problem_counts' or better[key] != result[key]


def test_strict_raises_for_problems_that_the_protocol_accepts(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    change(pred, lambda results: results.append({**results[0], 'video_id': 77}))
    assert evaluate('aviseg', gt, pred)['problem_counts'] == {'unknown_video': 1}
    with pytest.raises(
        EvaluationStopped, match=r'video_id: no video of the ground truth has the id 77'
    ):
        evaluate('aviseg', gt, pred, strict=True)


@pytest.mark.parametrize(
    ('kwargs', 'problem'),
    [
        ({'benchmark': 'avs'}, r"benchmark must be one of .*, got 'avs'"),
        ({'protocol': 'fixed'}, r"protocol must be one of .*, got 'fixed'"),
        ({'batch_size': 2}, r"aviseg has no option 'batch_size', it has \[\]"),
        ({'workers': 0}, 'workers must be at least 1, got 0'),
        ({'by': 'color'}, r"no video has the attribute 'color'; use one of \['blur', 'condition"),
        ({'pred': []}, 'expected at least one prediction, got 0'),
        ({'benchmark': 'avss', 'diagnose': True}, 'avss has no tracks, which diagnose=True needs'),
    ],
)
def test_wrong_arguments_raise(tmp_path: Path, kwargs: dict, problem: str) -> None:
    gt, pred = write_vis(tmp_path)
    with pytest.raises(ValueError, match=problem):
        evaluate(**{'benchmark': 'aviseg', 'gt': gt, 'pred': pred, **kwargs})
