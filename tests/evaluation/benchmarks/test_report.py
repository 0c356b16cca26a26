import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from avis.evaluation.benchmarks.problems import EvaluationStopped, Problem, list_problems
from avis.evaluation.benchmarks.report import encode_json, print_result, write_result

PROBLEM = Problem('nan_score', 'keep', 'a.json', '[3].score', 'is NaN', 'video')
RESULT = {
    'benchmark': 'aviseg',
    'protocol': 'official',
    'summary': {'HOTA': 51.23456, 'FA': math.nan, 'FAn_all': 7, 'miou': 0.51236},
    'headline': ['HOTA'],
    'per_video': {'a': {'HOTA': 1 / 3, 'failure': None}, 'b': {'HOTA': math.nan, 'IDs': 2}},
    'attributes': {'a': {'length': 5, 'conditions': ['cut']}},
    'num_videos': 2,
    'skipped': ['c'],
    'problems': [PROBLEM],
}


def printed(result: dict, width: int = 100) -> str:
    text = io.StringIO()
    print_result(result, Console(file=text, width=width))
    return text.getvalue()


def test_encode_json_converts_arrays_paths_and_nan() -> None:
    value = {
        1: np.float64(0.1),
        'array': np.array([[1, 2]]),
        'undefined': [math.nan, math.inf, np.array(np.nan)],
        'tuple': (1, True, None, Path('a/b')),
        'problem': PROBLEM,
    }
    assert json.loads(encode_json(value)) == {
        '1': 0.1,
        'array': [[1, 2]],
        'undefined': [None, None, None],
        'tuple': [1, True, None, 'a/b'],
        'problem': vars(PROBLEM),
    }


def test_files_contain_all_digits_and_columns(tmp_path: Path) -> None:
    write_result(RESULT, tmp_path / 'new' / 'folder')
    written = json.loads((tmp_path / 'new' / 'folder' / 'metrics.json').read_text())
    assert written['per_video']['a']['HOTA'] == 1 / 3
    lines = (tmp_path / 'new' / 'folder' / 'per_video.csv').read_text().splitlines()
    assert lines[0] == 'video,length,conditions,HOTA,failure,IDs'
    assert lines[1] == f"a,5,['cut'],{1 / 3},,"


def test_summary_is_printed_with_the_problems() -> None:
    text = printed(RESULT)
    assert 'a.json: [3].score: is NaN (nan_score: keep)' in text
    assert 'aviseg, official protocol: 2 videos, 1 skipped (1 nan_score)' in text
    rows = {
        line.split('│')[1].strip(): line.split('│')[2].strip()
        for line in text.split('\n')
        if line.startswith('│')
    }
    assert rows == {'HOTA': '51.23', 'FA': '-', 'FAn_all': '7', 'miou': '0.5124'}


def test_breakdown_has_a_row_per_group() -> None:
    rows = [
        {
            'group': 'all',
            'num_videos': 2,
            'summary': {'HOTA': 50.0},
            'intervals': {'HOTA': (40, 60)},
        },
        {
            'group': 'cut',
            'num_videos': 1,
            'summary': {'HOTA': 9.0},
            'intervals': {'HOTA': (math.nan,) * 2},
        },
    ]
    text = printed({**RESULT, 'by': 'conditions', 'breakdown': rows})
    assert 'all               2        50.00' in text
    assert '40.0..60.0' in text
    assert 'cut               1         9.00' in text


def test_comparison_shows_both_predictions() -> None:
    row = {
        'first': 10.0,
        'second': 12.5,
        'difference': 2.5,
        'interval': (1.0, 4.0),
        'p_value': 0.002,
    }
    second = {'problems': [Problem('bad', 'keep', 'b.json', '', 'of the second')]}
    text = printed({**RESULT, 'second': second, 'comparison': {'HOTA': row}})
    assert '│ HOTA   │ 10.00 │  12.50 │       2.50 │      1.0..4.0 │ 0.002 │' in text
    assert 'b.json: of the second (bad: keep)' in text


def test_long_lists_of_problems_end_with_a_count() -> None:
    lines = list_problems([PROBLEM] * 5, limit=2)
    assert len(lines) == 3
    assert lines[2] == 'and 3 more: 3 nan_score'
    stop = Problem('bad_mask', 'stop', 'b.json', '', 'is broken')
    error = EvaluationStopped('aviseg', 'corrected', [PROBLEM, stop])
    assert error.problems == [stop, PROBLEM]  # problems that stop it come first
    assert '1 problem(s) stop it; 1 other(s)' in str(error)
    with pytest.raises(ValueError, match=r'b\.json: is broken'):
        raise error
