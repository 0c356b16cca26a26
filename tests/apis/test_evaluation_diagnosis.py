"""Test ``evaluate(..., diagnose=True)`` on files; the scorers are tested elsewhere."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from avis.apis import evaluate
from avis.evaluation.benchmarks.report import print_result
from avis.evaluation.functional.oracles import COMPONENTS
from tests.helpers.instance_goldens import GOLDEN
from tests.helpers.small_sets import write_vis

AVISEG = GOLDEN / 'aviseg' / 'mixed_sizes'
ALL = 'who+where+same'


@pytest.mark.parametrize('workers', [1, 2])
def test_aviseg_files_are_diagnosed_under_either_protocol(workers: int, tmp_path: Path) -> None:
    files = {'gt': AVISEG / 'gt.json.gz', 'pred': AVISEG / 'results.json.gz'}
    result = evaluate('aviseg', **files, diagnose=True, workers=workers, out=tmp_path)
    corrected = evaluate('aviseg', **files, protocol='corrected', diagnose=True)
    assert result['diagnosis'] == corrected['diagnosis']
    metrics = result['diagnosis']['metrics']
    for metric, key in (('HOTA', 'HOTA'), ('mAP', 'AP_all'), ('FSLA', 'FA')):
        assert metrics[metric]['score'] == pytest.approx(corrected['summary'][key], abs=1e-9)
        assert metrics[metric]['raw'][ALL] == pytest.approx(100, abs=1e-9)
    written = json.loads((tmp_path / 'metrics.json').read_text())['diagnosis']
    assert written['metrics']['FSLA']['share'] == pytest.approx(metrics['FSLA']['share'])
    rows = list(csv.DictReader((tmp_path / 'per_video.csv').open()))
    late = {row['video']: int(row['late_start']) for row in rows}
    assert late == {name: errors['late_start'] for name, errors in written['per_video'].items()}
    assert sum(late.values()) == written['errors']['late_start'] == 2


def test_avtrack_diagnosis_averages_hota_over_videos(tmp_path: Path) -> None:
    with zipfile.ZipFile(GOLDEN / 'avtrack' / 'case.zip') as file:
        file.extractall(tmp_path)
    root = next(tmp_path.rglob('Instance_Masks_merged')).parent
    options = {'protocol': 'corrected', 'diagnose': True, 'with_jf': False}
    result = evaluate('avtrack', root, root / 'pred', **options)
    read = [name for name, scores in result['per_video'].items() if not scores['failure']]
    hota = [result['per_video'][name]['HOTA'] for name in read]
    assert set(result['diagnosis']['per_video']) == set(read)
    metric = result['diagnosis']['metrics']['HOTA']
    assert metric['score'] == pytest.approx(sum(hota) / len(hota), abs=1e-9)
    assert metric['score'] < metric['raw'][ALL]


def test_table_shows_gains_shares_and_errors() -> None:
    files = {'gt': AVISEG / 'gt.json.gz', 'pred': AVISEG / 'results.json.gz'}
    result = evaluate('aviseg', **files, diagnose=True)
    text = io.StringIO()
    print_result(result, Console(file=text, width=80))
    fsla = result['diagnosis']['metrics']['FSLA']
    rows = {line[:25].strip(): line[25:].split() for line in text.getvalue().split('\n')}
    assert rows['gain by who'][-1] == f'{fsla["gain"]["who"]:.2f}'
    assert rows['share of where'][-1] == f'{fsla["share"]["where"]:.2f}'
    assert rows['late_start'] == ['2']


def test_each_group_of_an_attribute_is_diagnosed(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path, videos=6)
    content = json.loads(gt.read_text())
    speech = {video['id'] for video in content['videos'] if video['scene'] == 'speech'}
    perfect = [a | {'score': 1.0} for a in content['annotations'] if a['video_id'] in speech]
    pred.write_text(json.dumps(perfect))  # without predictions for music
    result = evaluate('aviseg', gt, pred, by='scene', diagnose=True)
    rows = {row['group']: row['diagnosis'] for row in result['breakdown']}
    assert rows['all'] == result['diagnosis']
    whole = set(result['diagnosis']['per_video'])
    assert set(rows['music']['per_video']) | set(rows['speech']['per_video']) == whole
    assert rows['music']['errors']['missed_masks'] > rows['speech']['errors']['missed_masks'] == 0
    text = io.StringIO()
    print_result(result, Console(file=text, width=100))
    gains = {group: row['metrics']['HOTA']['gain'] for group, row in rows.items()}
    assert gains['music']['who'] > 99
    assert gains['speech']['who'] == 0
    lines = text.getvalue().split('gains of HOTA by scene')[1].splitlines()
    for group in rows:
        line = next(line for line in lines if line.split()[:1] == [group])
        assert line.split()[3:] == [f'{gains[group][name]:.2f}' for name in COMPONENTS]


def test_diagnosing_a_benchmark_without_tracks_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='avss has no tracks'):
        evaluate('avss', tmp_path, tmp_path, diagnose=True)
