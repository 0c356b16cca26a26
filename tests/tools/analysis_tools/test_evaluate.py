import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from tests.helpers.small_sets import change, write_avsbench, write_vis
from tests.helpers.subprocess_python import ROOT

TOOL = ROOT / 'tools' / 'analysis_tools' / 'evaluate.py'


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_compare_three_aviseg_predictions_in_two_processes(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    other = tmp_path / 'other.json'
    other.write_text(pred.read_text())
    change(other, lambda results: results.pop())
    done = run(
        *('aviseg', '--gt', gt, '--pred', f'ours={pred}', '--pred', f'a b={other}'),
        *('--pred', pred, '--workers', '2'),
        *('--protocol', 'corrected', '--by', 'scene', '--diagnose', '--out', 'out'),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert (written['benchmark'], written['protocol']) == ('aviseg', 'corrected')
    second, third = written['others']
    assert [run['name'] for run in (written, second, third)] == ['ours', 'a b', 'results']
    assert second['comparison'].keys() >= {'AP_all', 'HOTA', 'FA'}
    assert second['pred'] == str(other)
    assert third['summary'] == written['summary']
    assert [row['group'] for row in written['breakdown']] == ['all', 'music', 'speech']
    assert 'diagnosis' in written
    for word in (
        'difference',
        'music',
        'who+where+same',
        'corrected protocol, scores in percent: 4 videos',
    ):
        assert word in done.stdout
    assert '…' not in done.stdout


def test_formats_are_printed_alone(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    change(pred, lambda results: results.append({**results[0], 'video_id': 77}))
    done = run('aviseg', '--gt', gt, '--pred', pred, '--format', 'csv', cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    (hota,) = {row['value'] for row in rows if 'HOTA' in (row['row'], row['column'])}
    assert '1 x unknown_video (ignored)' in done.stderr
    done = run('aviseg', '--gt', gt, '--pred', pred, '--format', 'json', cwd=tmp_path)
    assert json.loads(done.stdout)['summary']['HOTA'] == float(hota)


def test_batch_size_is_passed_to_avsbench(tmp_path: Path) -> None:
    gt, pred = write_avsbench(tmp_path)
    scores = {}
    for size in ('1', '5'):
        run(
            'avsbench',
            '--gt',
            gt,
            '--pred',
            pred,
            '--batch-size',
            size,
            '--out',
            size,
            cwd=tmp_path,
        )
        scores[size] = json.loads((tmp_path / size / 'metrics.json').read_text())
    assert scores['1']['options'] == {'batch_size': 1}
    assert scores['1']['summary']['F_score'] != scores['5']['summary']['F_score']


def test_errors_are_printed_without_traceback(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    change(pred, lambda results: results[0].update(score='high'))
    done = run('aviseg', '--gt', gt, '--pred', pred, cwd=tmp_path)
    assert done.returncode == 1
    assert f'{pred}: [0].score: expected a number, got "high" (bad_score: stop)' in done.stderr
    assert 'Correct these files:\n' in done.stderr  # one line per problem
    assert 'Traceback' not in done.stderr
    done = run('avss', '--gt', gt, '--pred', pred, '--no-jf', cwd=tmp_path)
    assert "avss has no option 'with_jf', it has ['split']" in done.stderr


def test_help_does_not_import_numpy(tmp_path: Path) -> None:
    command = [sys.executable, '-X', 'importtime', str(TOOL), '--help']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert '{avtrack,aviseg,youtube_vis,avsbench,avss,ava,diarization,' in done.stdout
    imported = {line.split('|')[-1].strip() for line in done.stderr.split('\n')}
    assert 'argparse' in imported
    assert not {'numpy', 'torch', 'rich'} & imported
