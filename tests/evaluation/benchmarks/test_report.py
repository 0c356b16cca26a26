import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from avis.evaluation.benchmarks.problems import (
    EvaluationStopped,
    Problem,
    group_problems,
    list_problems,
)
from avis.evaluation.benchmarks.report import (
    encode_json,
    format_result,
    print_result,
    write_result,
)

PROBLEM = Problem('nan_score', 'keep', 'a.json', '[3].score', 'is NaN', 'video')
RESULT = {
    'name': 'ours',
    'benchmark': 'aviseg',
    'protocol': 'official',
    'unit': 'percent',
    'summary': {'HOTA': 51.23456, 'FA': math.nan, 'FAn_all': 7, 'LocA': 0.51236},
    'headline': ['HOTA'],
    'per_video': {'a': {'HOTA': 1 / 3, 'failure': None}, 'b': {'HOTA': math.nan, 'IDs': 2}},
    'attributes': {'a': {'length': 5, 'conditions': ['cut']}},
    'num_videos': 2,
    'skipped': ['c'],
    'unpredicted': [],
    'problems': [PROBLEM],
    'problem_counts': {'nan_score': 1},
}


def other(name: str, **changes: object) -> dict:
    return {**RESULT, 'name': name, 'problems': [], 'problem_counts': {}, **changes}


def table_rows(text: str) -> dict[str, list[str]]:
    """The words of each line by its first word."""
    return {words[0]: words[1:] for line in text.split('\n') if (words := line.split())}


def printed(result: dict, width: int = 80) -> str:
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


def test_scores_are_printed_before_the_problems() -> None:
    text = printed(RESULT)
    assert 'aviseg, official protocol, scores in percent: 2 videos, 1 left out' in text
    rows = table_rows(text)
    assert [rows[key] for key in ('HOTA', 'FA', 'FAn_all', 'LocA')] == [
        ['51.23'],
        ['-'],
        ['7'],
        ['0.51'],
    ]
    lines = text.split('\n')
    notes = lines[next(n for n, line in enumerate(lines) if 'videos are left out' in line) :]
    assert notes == [
        '1 of 3 videos are left out: c',
        '1 problem of the files:',
        '  1 x nan_score (scored unchanged)',
        '    a.json: [3].score: is NaN',
        '',
    ]


def test_fractions_are_shown_in_percent() -> None:
    result = {**RESULT, 'unit': 'fraction', 'headline': [], 'summary': {'miou': 0.51236}}
    assert table_rows(printed(result))['ours'] == ['51.24']
    result = {**result, 'unit': 'number'}
    assert table_rows(printed(result))['ours'] == ['0.5124']
    assert 'percent' not in printed(result)


def test_problems_are_grouped_with_two_examples_in_any_order() -> None:
    problems = [Problem('nan_score', 'keep', 'a.json', f'[{n}]', 'is NaN') for n in range(5)]
    problems += [Problem('bad_video', 'zero', f'{n}.png', '', 'is broken') for n in range(2)]
    assert group_problems(problems) == [
        '2 x bad_video (scores 0)',
        '  0.png: is broken',
        '  1.png: is broken',
        '5 x nan_score (scored unchanged)',
        '  a.json: [0]: is NaN',
        '  a.json: [1]: is NaN',
    ]
    assert group_problems(problems[5:] + problems[:5]) == group_problems(problems)


def test_videos_without_a_prediction_are_counted_and_named() -> None:
    result = {**RESULT, 'num_videos': 6, 'unpredicted': ['a', 'b', 'd', 'e']}
    assert '4 of 7 videos have no prediction: a, b, d and 1 more\n' in printed(result)


def test_breakdown_has_a_row_per_group() -> None:
    names = ['HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA', 'a_score_with_a_long_name']
    rows = [
        {
            'group': 'all',
            'num_videos': 12,
            'summary': dict.fromkeys(names, 50.0),
            'intervals': dict.fromkeys(names, (40.125, 60.5)),
        },
        {'group': 'cut', 'num_videos': 1, 'summary': {'HOTA': 9.0}, 'intervals': {}},
    ]
    text = printed({**RESULT, 'by': 'conditions', 'breakdown': rows, 'headline': names})
    assert max(map(len, text.split('\n'))) <= 80
    assert text.count('conditions ') == 3  # a title, and tables that each name the groups
    assert text.count('[40.12, 60.50]') == len(names)
    assert all(name in text for name in names)
    assert '…' not in text
    assert ' cut               1             9.00' in text


def test_comparison_shows_all_predictions() -> None:
    row = {
        'first': 51.23456,
        'second': 53.73456,
        'difference': 2.5,
        'interval': (1.0, 4.0),
        'p_value': 0.002,
    }
    problem = Problem('bad', 'keep', 'b.json', '', 'of the second')
    others = [
        other('theirs', summary={'HOTA': 53.73456}, comparison={'HOTA': row}, problems=[problem]),
        other('worst', summary={'HOTA': 1.5}, problem_counts={'bad': 3}),
    ]
    text = printed({**RESULT, 'others': others})
    lines = [' '.join(line.split()) for line in text.split('\n')]
    assert 'HOTA 51.23 53.73 1.50' in lines
    assert 'HOTA +2.50 [1.00, 4.00] 0.002' in lines
    assert 'theirs minus ours, aviseg, official protocol, in percent' in lines
    assert [line for line in lines if line.startswith(('ours 5', 'theirs 5', 'worst 1'))] == [
        'ours 51.23',
        'theirs 53.73',
        'worst 1.50',
    ]
    assert 'nan_score 1 0 0' in lines
    assert 'theirs: 1 problem of the files:' in lines
    assert 'b.json: of the second' in lines


def test_per_video_scores_name_the_prediction_if_there_are_several(tmp_path: Path) -> None:
    write_result({**RESULT, 'others': [other('theirs')]}, tmp_path)
    lines = (tmp_path / 'per_video.csv').read_text().splitlines()
    assert [line.split(',')[:2] for line in lines[1:]] == [
        ['ours', 'a'],
        ['ours', 'b'],
        ['theirs', 'a'],
        ['theirs', 'b'],
    ]
    assert '| HOTA | 51.23 | 51.23 |' in (tmp_path / 'tables.md').read_text()


def test_formats_have_every_score() -> None:
    result = {**RESULT, 'name': 'a_b', 'summary': {'J&F': 51.23456}, 'headline': []}
    markdown = format_result(result, 'markdown')
    assert markdown.split('\n')[2:5] == ['| prediction | J&F |', '| :-- | --: |', '| a_b | 51.23 |']
    latex = format_result(result, 'latex')
    assert '    a\\_b & 51.23 \\\\\n' in latex
    assert '    prediction & J\\&F \\\\\n' in latex
    rows = list(csv.DictReader(io.StringIO(format_result(result, 'csv'))))
    assert [(row['row'], row['column'], float(row['value'])) for row in rows] == [
        ('a_b', 'J&F', 51.23456)
    ]
    assert json.loads(format_result(result, 'json'))['summary'] == result['summary']


def test_intervals_are_in_every_format() -> None:
    rows = [
        {
            'group': 'a&b',
            'num_videos': 2,
            'summary': {'HOTA': 50.0},
            'intervals': {'HOTA': (40.0, 60.5)},
        }
    ]
    result = {**RESULT, 'by': 'scene', 'breakdown': rows}
    assert '| a&b | 2 | 50.00 [40.00, 60.50] |' in format_result(result, 'markdown')
    latex = format_result(result, 'latex')
    assert 'a\\&b & 2 & 50.00 {\\scriptsize [40.00, 60.50]} \\\\' in latex
    assert 'ours by scene, with 95 \\% interval' in latex
    assert latex.count('{') == latex.count('}')
    assert 'a&b,HOTA,50.0,40.0,60.5\n' in format_result(result, 'csv')
    rows[0]['intervals']['HOTA'] = (-40.0, 60.5)
    signed = format_result(result, 'latex')
    assert '50.00 {\\scriptsize [$-$40.00, 60.50]} \\\\' in signed


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
