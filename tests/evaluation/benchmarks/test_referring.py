"""Files of J-HMDB Sentences through ``evaluate``."""

import json

import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.golden_metrics.comparison import read_json
from tests.helpers.instance_goldens import GOLDEN

CASES = GOLDEN / 'jhmdb_sentences'
MASK = {'size': [2, 2], 'counts': '022'}


@pytest.mark.parametrize('case', ['one_prediction', 'many_queries', 'exact_thresholds'])
def test_scores_equal_the_recorded_ones(case: str) -> None:
    recorded = read_json(CASES / 'expected.json')[case]
    files = CASES / case / 'gt.json.gz', CASES / case / 'results.json.gz'
    for protocol, name in (('official', 'official'), ('corrected', 'intended')):
        summary = evaluate('referring', *files, protocol=protocol)['summary']
        for key, value in recorded[name].items():
            assert summary[key] == pytest.approx(value, abs=1e-6), key
        assert summary['mAP'] == pytest.approx(recorded['coco']['mAP 0.5:0.95'], abs=1e-9)


def write(folder, results, annotations=None):
    gt = {
        'images': [{'id': 'v_a_f_1'}, {'id': 'v_a_f_2'}],
        'annotations': annotations
        or [{'image_id': f'v_a_f_{n}', 'segmentation': MASK} for n in (1, 2)],
    }
    (folder / 'gt.json').write_text(json.dumps(gt))
    (folder / 'pred.json').write_text(json.dumps(results))
    return folder / 'gt.json', folder / 'pred.json'


def test_image_without_prediction_stops_official_and_is_empty_if_corrected(tmp_path) -> None:
    rows = [{'image_id': 'v_a_f_1', 'segmentation': MASK, 'score': 0.5}]
    files = write(tmp_path, rows)
    with pytest.raises(EvaluationStopped, match='no prediction of image "v_a_f_2"'):
        evaluate('referring', *files)
    result = evaluate('referring', *files, protocol='corrected')
    assert result['summary']['mean_iou'] == 0.5


@pytest.mark.parametrize(
    ('results', 'annotations', 'message'),
    [
        ([{'image_id': 'v_a_f_1', 'score': 1}], None, r'pred.json: \[0\]: missing segmentation'),
        (
            [{'image_id': 'v_a_f_1', 'score': None, 'segmentation': MASK}],
            None,
            r'\[0\].score: expected a number, got null',
        ),
        (
            [],
            [{'image_id': 'v_a_f_1', 'segmentation': MASK}] * 2,
            r'annotations\[1\]: image "v_a_f_1" has a second annotation',
        ),
        ([], [{'image_id': 'v_a_f_1', 'segmentation': MASK}], 'image "v_a_f_2" has no annotation'),
    ],
)
def test_wrong_entries_are_named(tmp_path, results, annotations, message) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate('referring', *write(tmp_path, results, annotations))


def test_masks_of_another_size_and_unknown_images_are_reported(tmp_path) -> None:
    wide = {'size': [2, 3], 'counts': '06'}
    rows = [{'image_id': f'v_a_f_{n}', 'segmentation': MASK, 'score': 1} for n in (1, 2, 3)]
    result = evaluate('referring', *write(tmp_path, rows))
    assert result['summary']['overall_iou'] == 1
    (problem,) = result['problems']
    assert 'no such image' in str(problem)
    rows[0]['segmentation'] = wide
    with pytest.raises(EvaluationStopped, match=r'image "v_a_f_1": expected masks of the size'):
        evaluate('referring', *write(tmp_path, rows))
