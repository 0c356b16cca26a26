"""From prediction files to a report: evaluate writes what the report reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.report.data import build_report
from avis.report.results import load_results
from tests.helpers.small_sets import write_avtrack, write_vis


@pytest.fixture(scope='module')
def avtrack(tmp_path_factory) -> tuple[dict, Path]:
    """The result of two predictions of AVTrack, one of which lacks a video."""
    folder = tmp_path_factory.mktemp('avtrack')
    write_avtrack(folder, videos=4)
    shutil.copytree(folder / 'pred', folder / 'poor')
    shutil.rmtree(sorted((folder / 'poor').iterdir())[0])
    preds = {'good': folder / 'pred', 'poor': folder / 'poor'}
    options = {'with_jf': False, 'diagnose': True, 'by': 'conditions', 'out': folder / 'out'}
    return evaluate('avtrack', folder, preds, **options), folder / 'out'


def test_report_has_the_numbers_of_the_evaluation(avtrack: tuple[dict, Path]) -> None:
    result, folder = avtrack
    methods = load_results([folder])
    content = build_report(methods, title='')
    assert [method['name'] for method in content['methods']] == ['good', 'poor']
    assert [method['unpredicted'] for method in content['methods']] == [0, 1]
    for found, run in zip(content['summary']['HOTA'], [result, *result['others']], strict=True):
        interval = run['breakdown'][0]['intervals']['HOTA']
        assert found == pytest.approx((run['summary']['HOTA'], *interval), abs=1e-3)
    assert content['groups'][0]['attribute'] == 'conditions'
    assert content['groups'][0]['pooled']
    assert not content['methods'][0]['comparison']
    expected = result['others'][0]['comparison']['HOTA']['difference']
    assert content['methods'][1]['comparison']['HOTA'][0] == pytest.approx(expected, abs=1e-3)


def test_curves_average_to_the_score_with_failed_videos_as_zero(
    avtrack: tuple[dict, Path],
) -> None:
    result, _ = avtrack
    for run in (result, result['others'][0]):
        for key in ('HOTA', 'DetA', 'AssA'):
            curve = run['details']['HOTA'][key]
            assert 100 * np.mean(curve) == pytest.approx(run['summary'][key], abs=1e-9)


def test_timelines_have_the_errors_of_each_video(avtrack: tuple[dict, Path]) -> None:
    result, folder = avtrack
    methods = load_results([folder])
    # A video that official counts as zeros is not diagnosed.
    assert [len(method.timelines) for method in methods] == [4, 3]
    for name, errors in result['diagnosis']['per_video'].items():
        timeline = methods[0].timelines[name]
        assert timeline['frames'] == 4
        missed = timeline['errors'].get('missed_speaker', [])
        assert len(missed) == errors['missed_speaker']


def test_timelines_of_classes_have_their_names(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    evaluate('aviseg', gt, pred, diagnose=True, out=tmp_path / 'out')
    (method,) = load_results([tmp_path / 'out'])
    assert method.class_names == {'1': 'class1', '2': 'class2', '3': 'class3'}
    labels = {t['label'] for video in method.timelines.values() for t in video['gt']}
    assert labels <= {1, 2, 3}
    assert set(method.scores['intervals']) >= {'HOTA', 'AP_all'}
    # Without a diagnosis the file of an earlier evaluation is removed.
    evaluate('aviseg', gt, pred, out=tmp_path / 'out')
    assert not (tmp_path / 'out' / 'timelines.json').exists()
    assert 'timelines' not in json.loads((tmp_path / 'out' / 'metrics.json').read_text())
