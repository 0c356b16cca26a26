from dataclasses import replace

import numpy as np
import pytest

from avis.report.data import build_report, pack_timelines
from avis.report.results import MethodResult
from avis.report.scores import list_metrics, number


def method(name: str = 'a', **scores: object) -> MethodResult:
    """A method with two videos."""
    base = {
        'benchmark': 'avsbench',
        'protocol': 'official',
        'unit': 'fraction',
        'summary': {'miou': 0.5, 'F_score': None, 'frames': 7},
        'per_video': {'x': {'miou': 0.25}, 'y': {'miou': 0.75}},
    }
    return MethodResult(name, {**base, **scores})


def test_fractions_become_percent_and_counts_are_no_metrics() -> None:
    content = build_report([method(intervals={'miou': [0.4, 0.6]})], title='t')
    assert content['metrics'] == ['miou', 'F_score']
    assert content['summary'] == {'miou': [(50.0, 40.0, 60.0)], 'F_score': [(None, None, None)]}
    assert content['videos']['scores'] == {'miou': [[25.0, 75.0]]}
    assert content['unit'] == '%'


def test_main_scores_come_first() -> None:
    assert list_metrics([method(headline=['F_score'])]) == ['F_score', 'miou']


def test_videos_of_all_methods_are_listed_once() -> None:
    other = method('b', per_video={'z': {'miou': 1.0}, 'y': {'miou': None}})
    content = build_report([method(), other], title='')
    assert content['videos']['names'] == ['x', 'y', 'z']
    assert content['videos']['scores']['miou'] == [[25.0, 75.0, None], [None, None, 100.0]]


def test_groups_without_a_breakdown_are_means_over_videos() -> None:
    attributes = {'x': {'seen': ['cut']}, 'y': {'seen': ['cut', 'blur']}}
    (table,) = build_report([method(attributes=attributes)], title='')['groups']
    assert (table['attribute'], table['pooled']) == ('seen', False)
    assert (table['groups'], table['sizes']) == (['blur', 'cut'], [1, 2])
    (blur, cut) = table['scores']['miou'][0]
    assert blur == (75.0, None, None)  # a single video has no interval
    assert cut == (50.0, 25.0, 75.0)
    assert table['scores']['F_score'][0] == [(None, None, None)] * 2


def test_breakdown_of_the_evaluation_is_preferred() -> None:
    rows = [
        {
            'group': group,
            'num_videos': 2,
            'summary': {'miou': value},
            'intervals': {'miou': [0.0, 1.0]},
        }
        for group, value in [('all', 0.5), ('cut', 0.9)]
    ]
    attributes = {'x': {'seen': ['cut']}, 'y': {'seen': []}}
    found = method(attributes=attributes, by='seen', breakdown=rows)
    (table,) = build_report([found], title='')['groups']
    assert table['pooled']
    assert table['groups'] == ['cut']
    assert table['scores']['miou'] == [[(90.0, 0.0, 100.0)]]
    # A method without it has only means, so all have means.
    (table,) = build_report([found, method('b', attributes=attributes)], title='')['groups']
    assert not table['pooled']


def test_attributes_with_many_values_are_no_groups() -> None:
    videos = {str(k): {'miou': 0.5} for k in range(40)}
    attributes = {name: {'title': f'title {name}', 'length': 5} for name in videos}
    content = build_report([method(per_video=videos, attributes=attributes)], title='')
    assert content['groups'] == []
    assert content['videos']['columns'] == ['title', 'length']


def test_curves_and_diagnosis_are_in_percent(methods: list[MethodResult]) -> None:
    content = build_report(methods, title='')
    curves = content['curves']
    assert len(curves['alphas']) == len(curves['HOTA'][0]) == 19
    assert np.mean(curves['HOTA'][0]) == pytest.approx(content['summary']['HOTA'][0][0], abs=0.01)
    row = content['diagnosis']['HOTA'][0]
    assert row['score'] + row['who'] + row['where'] + row['same'] == pytest.approx(100, abs=0.01)
    assert content['errors'][0] == {
        kind: value
        for kind, value in methods[0].scores['diagnosis']['errors'].items()
        if kind not in ('missed_masks', 'ghost_masks')
    }


def test_curves_of_classes_are_those_averaged_over_classes() -> None:
    found = method(details={'class_averaged': {'HOTA': {'HOTA': [0.5] * 19}}})
    assert build_report([found], title='')['curves']['HOTA'] == [[50.0] * 19]
    assert build_report([method()], title='')['curves'] == {}


def test_comparison_is_scaled_like_the_scores() -> None:
    rows = {'miou': {'difference': 0.1, 'interval': [-0.1, 0.3], 'p_value': 0.25}}
    (found,) = build_report([method(comparison=rows)], title='')['methods']
    assert found['comparison'] == {'miou': [10.0, -10.0, 30.0, 0.25]}


def test_packed_timelines_have_all_runs(methods: list[MethodResult]) -> None:
    names = list(methods[0].timelines)
    packed = pack_timelines([methods[0], replace(methods[1], timelines={})], names)
    assert [len(entry) for entry in packed] == [2] * len(names)
    for name, (first, second) in zip(names, packed, strict=True):
        frames, gt, pred, errors = first
        stored = methods[0].timelines[name]
        assert second is None
        assert frames == stored['frames']
        for tracks, side in ((gt, 'gt'), (pred, 'pred')):
            assert [np.reshape(track[2], (-1, 3)).tolist() for track in tracks] == [
                track['runs'] for track in stored[side]
            ]
        assert {kind: len(runs) // 3 for kind, runs in errors.items()} == {
            kind: len(runs) for kind, runs in stored['errors'].items()
        }


@pytest.mark.parametrize('value', [None, '<b>', True, float('nan'), float('inf'), [1]])
def test_everything_but_finite_numbers_is_undefined(value: object) -> None:
    assert number(value) is None
