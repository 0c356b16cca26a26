"""MOTChallenge's and MOTS' text files through ``evaluate``."""

from pathlib import Path

import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.golden_metrics.comparison import read_json
from tests.helpers.instance_goldens import GOLDEN

FOLDER = GOLDEN / 'mot'


@pytest.mark.parametrize(
    ('case', 'name'),
    [('boxes_MOT15', 'MOT15'), ('boxes_MOT17', 'MOT17'), ('masks_MOTS', 'MOTS')],
)
def test_scores_equal_those_of_trackeval(case: str, name: str) -> None:
    recorded = read_json(FOLDER / 'expected.json')[case]
    gt = FOLDER / case / 'gt' / f'{name}-train'
    pred = FOLDER / case / 'trackers' / f'{name}-train' / 'model' / 'data'
    result = evaluate('mot', gt, pred, full=True)
    combined = recorded['COMBINED_SEQ']
    families = {'HOTA': 'HOTA', 'IDF1': 'Identity', 'MOTA': 'CLEAR'}
    for key, family in families.items():
        assert result['summary'][key] == pytest.approx(100 * combined[family][key], abs=1e-7)
    for name, scores in result['per_video'].items():
        expected = recorded[name]['HOTA']['AssA']
        assert scores['AssA'] == pytest.approx(100 * expected, abs=1e-7)


def write(folder: Path, gt: str, pred: str | None, name: str = 'MOT17-train') -> tuple[Path, Path]:
    sequence = folder / name / 'seq-1'
    (sequence / 'gt').mkdir(parents=True)
    (sequence / 'gt' / 'gt.txt').write_text(gt)
    (sequence / 'seqinfo.ini').write_text('[Sequence]\nseqLength=2\n')
    (folder / 'pred').mkdir()
    if pred is not None:
        (folder / 'pred' / 'seq-1.txt').write_text(pred)
    return folder / name, folder / 'pred'


ROW = '1,1,0,0,10,10,1,1,1\n'


def test_output_that_matches_a_distractor_does_not_count(tmp_path) -> None:
    gt = f'{ROW}1,2,50,0,10,10,1,12,1\n'
    files = write(tmp_path, gt, '1,1,0,0,10,10,0.9,-1,-1,-1\n1,7,51,0,10,10,0.9,-1,-1,-1\n')
    assert evaluate('mot', *files)['summary']['MOTA'] == 100


@pytest.mark.parametrize(
    ('pred', 'message'),
    [
        ('3,1,0,0,10,10,1\n', 'expected frames 1 to 2, got 3'),
        ('1,1,0,0,10,10,1\n1,1,5,0,10,10,1\n', 'id 1 is twice in frame 1'),
        ('1,-4,0,0,10,10,1\n', 'expected ids from 0 on, got -4'),
        ('1,1,0,0,10,10,1,3\n', 'expected class 1 or -1, got 3'),
        ('1,1,0,0,10\n', 'row 1: expected at least 7 columns, got 5'),
        ('1,1,0,0,10,x,1\n', 'row 1: could not convert'),
        ('1,1,0,0,10,nan,1\n', 'expected finite numbers'),
        (None, 'no such file'),
    ],
)
def test_wrong_rows_are_named(tmp_path, pred, message) -> None:
    with pytest.raises(EvaluationStopped, match=message):
        evaluate('mot', *write(tmp_path, ROW, pred))


def test_missing_output_is_empty_if_corrected(tmp_path) -> None:
    files = write(tmp_path, ROW, None)
    assert evaluate('mot', *files, protocol='corrected')['summary']['HOTA'] == 0


def test_masks_that_overlap_are_an_error(tmp_path) -> None:
    gt = '1 2001 2 2 2 022\n'
    files = write(tmp_path, gt, '1 1 2 2 2 022\n1 2 2 2 2 04\n', 'MOTS-train')
    with pytest.raises(EvaluationStopped, match='masks of frame 1 overlap'):
        evaluate('mot', *files)


def test_sequence_without_length_is_an_error(tmp_path) -> None:
    files = write(tmp_path, ROW, ROW)
    (files[0] / 'seq-1' / 'seqinfo.ini').write_text('[Sequence]\nname=x\n')
    with pytest.raises(ValueError, match=r'seqinfo.ini: expected seqLength in \[Sequence\]'):
        evaluate('mot', *files)
