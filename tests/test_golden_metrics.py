"""Every recorded value of the reference evaluators, through the runner of other recordings."""

import json
import math

import pytest

from tests.golden_metrics.__main__ import SETS, main, run
from tests.golden_metrics.comparison import Between, compare
from tests.helpers.instance_goldens import GOLDEN

# Numbers of recorded values, so that none is left out unnoticed.
COMPARED = {
    'ava_active_speaker': 91,
    'avsbench': 70,
    'aviseg': 7799,
    'avss': 32,
    'avtrack': 1036,
    'diarization': 1714,
    'jhmdb_sentences': 132,
    'mot': 821,
    'refavs': 66,
    'vggss': 273,
    'vos_jf': 272,
    'vpo': 63,
}


@pytest.mark.parametrize('name', COMPARED)
def test_recorded_values_are_reproduced(name: str) -> None:
    _, result = run(name, GOLDEN / name)
    result.check()
    assert result.compared == COMPARED[name]


def test_every_set_is_tested() -> None:
    assert set(SETS) >= set(COMPARED)
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} >= set(COMPARED)


def test_result_is_written_and_a_difference_is_an_error(tmp_path, monkeypatch, capsys) -> None:
    case = tmp_path / 'set' / 'case'
    case.mkdir(parents=True)
    row = 'v,900.0,0.1,0.1,0.5,0.5,SPEAKING_AUDIBLE,v:1'
    (case / 'gt.csv').write_text(f'{row}\n')
    (case / 'predictions.csv').write_text(f'{row},0.5\n')
    for recorded, status in ((1.0, 0), (0.5, 1)):
        expected = {'case': {'rows': 1, 'official': {'average_precision': recorded}}}
        (tmp_path / 'set' / 'expected.json').write_text(json.dumps(expected))
        out = tmp_path / 'result.json'
        words = ['x', 'ava_active_speaker', str(tmp_path / 'set'), '--out', str(out)]
        monkeypatch.setattr('sys.argv', words)
        assert main() == status
        written = json.loads(out.read_text())['case']
        assert written['official']['average_precision'] == 1.0
        assert written['intended']['average_precision'] == 1.0
    printed = capsys.readouterr().out
    assert 'case/official/average_precision: 1 of 1 differ, by up to 0.5' in printed


@pytest.mark.parametrize(
    ('got', 'expected', 'wrong', 'missing'),
    [
        ({'a': 1.0}, {'a': 1.05}, 0, 0),
        ({'a': 1.0}, {'a': 1.2}, 1, 0),
        ({'a': None}, {'a': 'nan'}, 0, 0),
        ({'a': 1.0}, {'a': 'nan'}, 1, 0),
        ({'a': math.inf}, {'a': 1.0}, 1, 0),
        ({'a': [1.0, 2.0]}, {'a': [1.0, 2.0, 3.0]}, 1, 0),
        ({'a': [{'b': 1.0}]}, {'a': [{'b': 2.0}, {'b': 1.0}]}, 1, 1),
        ({'a': ['x', 'y']}, {'a': ['x', 'z']}, 1, 0),
        ({}, {'a': {'b': 1.0}}, 0, 1),
        ({'a': {'error': 'ours'}}, {'a': {'error': 'theirs'}}, 0, 0),
        ({'a': {'value': 1.0}}, {'a': {'error': 'theirs'}}, 0, 1),
        ({'a': 0.5}, {'a': Between(0.4, 0.6)}, 0, 0),
        ({'a': 0.7}, {'a': Between(0.4, 0.6)}, 1, 0),
        ({'a': 1, 'b': 2}, {'a': 1, 'skip': 3}, 0, 0),
    ],
)
def test_comparison_counts_wrong_and_missing_values(got, expected, wrong, missing) -> None:
    result = compare(got, expected, {'*': 0.1}, {'skip': 'as a test'})
    assert (len(result.wrong), len(result.missing)) == (wrong, missing)
    assert sum(result.skipped.values()) == ('skip' in expected)
    if wrong or missing:
        with pytest.raises(AssertionError):
            result.check()
