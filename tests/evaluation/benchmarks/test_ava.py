"""AVA-ActiveSpeaker from csv files: what joins rows, what stops, and what both protocols score."""

from pathlib import Path

import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.utils.ava_csv import COLUMNS, SPEECH_LABELS, write_face_rows

BOX = (0.1, 0.2, 0.3, 0.4)


def gt_row(time: float, label: int, entity: str = 'v:1', video: str = 'v') -> list[object]:
    return [video, f'{time:.2f}', *BOX, SPEECH_LABELS[label], entity]


def pred_row(time: float, score: object, entity: str = 'v:1', video: str = 'v') -> list[object]:
    return [*gt_row(time, 1, entity, video), score]


GT = [gt_row(1.0, 1), gt_row(1.04, 0), gt_row(1.08, 1), gt_row(1.12, 2)]
PRED = [pred_row(1.0, 0.9), pred_row(1.04, 0.6), pred_row(1.08, 0.5), pred_row(1.12, 0.1)]


def write(folder: Path, gt=GT, pred=PRED) -> tuple[Path, Path]:
    for name, rows in (('gt.csv', gt), ('pred.csv', pred)):
        write_face_rows(folder / name, rows)
    return folder / 'gt.csv', folder / 'pred.csv'


def kinds(error: pytest.ExceptionInfo) -> set[str]:
    return {problem.kind for problem in error.value.problems}


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_scores_of_rows_in_any_order_and_files_of_each_video(tmp_path, protocol) -> None:
    whole = evaluate('ava', *write(tmp_path, pred=PRED[::-1]), protocol=protocol)
    assert whole['summary'] == {
        'average_precision': pytest.approx(0.5 + 0.5 * 2 / 3),
        'rows': 4,
        'speaking': 2,
    }
    more = [gt_row(2.0, 1, 'w:1', 'w'), gt_row(2.04, 0, 'w:1', 'w')]
    for name, rows in (('v', GT), ('w', more)):
        (tmp_path / 'gt').mkdir(exist_ok=True)
        write_face_rows(tmp_path / 'gt' / f'{name}-activespeaker.csv', rows)
    pred = [*PRED, pred_row(2.0, 0.95, 'w:1', 'w'), pred_row(2.04, 0.2, 'w:1', 'w')]
    write_face_rows(tmp_path / 'pred.csv', pred)
    result = evaluate('ava', tmp_path / 'gt', tmp_path / 'pred.csv', protocol=protocol, workers=2)
    assert result['per_video']['v'] == whole['summary']
    assert result['per_video']['w']['average_precision'] == 1.0
    assert result['summary']['average_precision'] == pytest.approx(2 / 3 + 1 / 3 * 3 / 4)


def test_speakers_in_the_ground_truth_give_f1(tmp_path) -> None:
    gt = [[*row, speaker] for row, speaker in zip(GT, ('a', 'a', 'b', ''), strict=True)]
    result = evaluate('ava', *write(tmp_path, gt))
    assert result['details']['F1_by_speaker'] == {'a': pytest.approx(2 / 3), 'b': 0.0}
    assert result['summary']['F1'] == pytest.approx(1 / 3)
    result = evaluate('ava', *write(tmp_path, gt), threshold=0.4)
    assert result['summary']['F1'] == pytest.approx((2 / 3 + 1) / 2)


def test_rows_without_partner(tmp_path) -> None:
    pred = [*PRED[:3], pred_row(1.13, 0.1)]
    files = write(tmp_path, pred=pred)
    official, corrected = (evaluate('ava', *files, protocol=p) for p in ('official', 'corrected'))
    assert (official['summary']['rows'], corrected['summary']['rows']) == (3, 4)
    for result in (official, corrected):
        assert result['problem_counts'] == {'missing_row': 1, 'unknown_row': 1}
    missing = official['problems'][0]
    assert (Path(missing.file).name, missing.field) == ('gt.csv', 'line 4')


def test_ground_truth_that_was_never_scored_lowers_the_recall(tmp_path) -> None:
    files = write(tmp_path, pred=PRED[1:])
    with pytest.raises(EvaluationStopped, match='3 rows, the ground truth has 4') as error:
        evaluate('ava', *files)
    assert 'row_count' in kinds(error)
    corrected = evaluate('ava', *files, protocol='corrected')
    assert corrected['summary']['average_precision'] == pytest.approx(0.5 * 0.5)
    gap = evaluate('ava', *write(tmp_path, pred=[*PRED[1:], pred_row(7, 0)]))['protocol_gap']
    assert 'official leaves out 1 rows without prediction' in gap['causes']


@pytest.mark.parametrize(
    ('pred', 'kind', 'line', 'text'),
    [
        ([*PRED[:3], pred_row(1.12, '')], 'missing_score', 4, "expected a score .*, got ''"),
        ([*PRED[:3], pred_row(1.12, 'nan')], 'missing_score', 4, "got 'nan'"),
        ([*PRED[:3], PRED[0]], 'duplicate_row', 4, 'v:1 at 1.0 s of v is there twice'),
        ([*PRED[:3], [*GT[3], 0.1]], 'wrong_label', 4, 'got SPEAKING_NOT_AUDIBLE'),
        (
            [['v', '1.00', 0.1, 0.2, 0.3, 0.41, SPEECH_LABELS[1], 'v:1', 0.9], *PRED[1:]],
            'box_differs',
            1,
            r'box \[0.1, 0.2, 0.3, 0.41\]',
        ),
    ],
)
@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_wrong_prediction_stops_with_file_and_line(
    tmp_path, pred, kind, line, text, protocol
) -> None:
    with pytest.raises(EvaluationStopped, match=text) as error:
        evaluate('ava', *write(tmp_path, pred=pred), protocol=protocol)
    problem = next(p for p in error.value.problems if p.kind == kind)
    assert (Path(problem.file).name, problem.field) == ('pred.csv', f'line {line}')


def test_entity_of_two_videos_stops_official_only(tmp_path) -> None:
    gt = [gt_row(1.0, 1, 'shared', 'v'), gt_row(1.0, 0, 'shared', 'w')]
    pred = [pred_row(1.0, 0.9, 'shared', 'v'), pred_row(1.0, 0.1, 'shared', 'w')]
    files = write(tmp_path, gt, pred)
    with pytest.raises(EvaluationStopped, match=r'shared at 1\.0 s is in v and w'):
        evaluate('ava', *files)
    assert evaluate('ava', *files, protocol='corrected')['summary']['average_precision'] == 1


def test_nobody_speaks(tmp_path) -> None:
    files = write(tmp_path, [gt_row(1.0, 0), gt_row(1.04, 2)], PRED[:2])
    with pytest.raises(EvaluationStopped, match='no row with the label SPEAKING_AUDIBLE'):
        evaluate('ava', *files)
    value = evaluate('ava', *files, protocol='corrected')['summary']['average_precision']
    assert value != value  # NaN


def test_equal_scores_have_no_order_when_corrected(tmp_path) -> None:
    pred = [pred_row(float(row[1]), 0.5) for row in GT]
    files = write(tmp_path, pred=pred)
    values = [
        evaluate('ava', *files, protocol=p)['summary']['average_precision']
        for p in ('official', 'corrected')
    ]
    assert values == [pytest.approx(0.5 + 0.5 * 2 / 3), pytest.approx(0.5)]


def test_files_with_a_header_are_read_by_name(tmp_path) -> None:
    gt, pred = write(tmp_path)
    for path, extra in ((gt, 'label_id'), (pred, 'score')):
        lines = path.read_text().splitlines()
        values = [line if extra == 'score' else f'{line},1' for line in lines]
        path.write_text('\n'.join([','.join([*COLUMNS, extra]), *values]) + '\n')
    assert evaluate('ava', gt, pred)['summary']['rows'] == 4


def test_wrong_paths_are_named(tmp_path) -> None:
    gt, pred = write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'none\.csv does not exist; expected a csv file'):
        evaluate('ava', gt, tmp_path / 'none.csv')
    (tmp_path / 'csv').mkdir()
    with pytest.raises(FileNotFoundError, match=r'csv contains no csv file; expected'):
        evaluate('ava', tmp_path / 'csv', pred)
