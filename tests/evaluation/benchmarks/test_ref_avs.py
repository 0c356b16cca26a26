"""Files of Ref-AVS Bench through ``evaluate``."""

import csv
import shutil

import cv2
import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.evaluation.functional.ref_avs import resize_label
from avis.evaluation.functional.referred_objects import (
    score_expression,
    summarize_expressions,
)
from avis.export.submission import write_probabilities
from tests.golden_metrics.comparison import read_json
from tests.helpers.instance_goldens import GOLDEN
from tests.helpers.tiny_sets import square, write_image, write_ref_avs

CASE = GOLDEN / 'refavs'
SIZE = (48, 80)


@pytest.fixture(scope='module')
def golden(tmp_path_factory):
    """The recorded clips as files: ground truth, predictions, and the 8-bit predictions."""
    folder = tmp_path_factory.mktemp('golden')
    rows, levels, labels = [['vid', 'uid', 'split', 'fid', 'exp']], {}, {}
    with np.load(CASE / 'clips.npz') as data:
        for split in ('test_s', 'test_u', 'test_n'):
            logits = (data[f'{split}_q'].astype(np.float32) - 128) * np.float32(0.0625)
            is_null = split == 'test_n'
            for number, clip in enumerate(1 / (1 + np.exp(-logits))):
                name = f'null_c-{number}' if is_null else f'{split.replace("_", "")}-{number}'
                uid = f'{name}_{"null" if is_null else "cat"}_1'
                rows.append([name, uid, split, '0', 'The cat.'])
                write_probabilities(folder / 'pred', uid, clip)
                paths = [folder / f'pred/{uid}/{uid}_{n + 1}.png' for n in range(len(clip))]
                images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
                levels[uid] = split, np.stack(images)
                labels[uid] = np.zeros(clip.shape) if is_null else data[f'{split}_g'][number]
                for frame, mask in enumerate(() if is_null else labels[uid]):
                    path = folder / f'gt/gt_mask/{name}/fid_0/{frame:05d}.png'
                    write_image(path, np.uint8(255) * mask)
    (folder / 'gt').mkdir(exist_ok=True)
    with (folder / 'gt/metadata.csv').open('w', newline='') as file:
        csv.writer(file).writerows(rows)
    return folder, levels, labels


def test_recorded_scores_are_those_of_the_files(golden) -> None:
    folder, levels, labels = golden
    recorded = read_json(CASE / 'expected.json')
    files = folder / 'gt', folder / 'pred'
    summary = evaluate('refavs', *files, resize=False)['summary']
    for split, suffix in (('test_s', '_seen'), ('test_u', '_unseen')):
        # No probability is rounded across the threshold of J, so that 8 bits do not change it.
        assert summary[f'J{suffix}'] == pytest.approx(recorded[split]['official']['J'], abs=2e-6)
        assert summary[f'F{suffix}'] == pytest.approx(recorded[split]['official']['F'], abs=0.02)
    assert summary['S'] == pytest.approx(recorded['test_n']['official']['S'], abs=2e-6)
    rows = [
        score_expression(prob, labels[uid], split=split, is_null=split == 'test_n')
        for uid, (split, prob) in levels.items()
    ]
    assert summary == summarize_expressions(rows, ['test_s', 'test_u', 'test_n'])
    mean = (recorded['test_s']['official']['J'] + recorded['test_u']['official']['J']) / 2
    assert summary['J_mix'] == pytest.approx(mean, abs=2e-6)


def test_corrected_scores_are_those_intended(golden) -> None:
    folder, _, _ = golden
    recorded = read_json(CASE / 'expected.json')
    summary = evaluate('refavs', folder / 'gt', folder / 'pred', protocol='corrected')['summary']
    for split, suffix in (('test_s', '_seen'), ('test_u', '_unseen')):
        intended = recorded[split]['intended']
        assert summary[f'J{suffix}'] == pytest.approx(
            intended['J_frame_mean_threshold_0.5'], abs=2e-6
        )
        assert summary[f'J_visible{suffix}'] == pytest.approx(
            intended['J_nonempty_frame_mean_threshold_0.5'], abs=2e-6
        )
    intended = recorded['test_n']['intended']['S_clip_mean']
    assert summary['S'] == pytest.approx(intended, abs=2e-6)


def test_trivial_answers_stand_beside_the_scores(golden) -> None:
    folder, _, _ = golden
    summary = evaluate('refavs', folder / 'gt', folder / 'pred', resize=False)['summary']
    assert summary['whole_image_S'] == 1
    assert summary['empty_S'] == 0
    assert 0.6 < summary['center_box_S'] < 0.8
    assert summary['empty_J_seen'] < summary['whole_image_J_seen'] < summary['J_seen']


@pytest.fixture
def files(tmp_path):
    """A data set, and perfect predictions of its test splits at the size of the files."""
    root, pred = write_ref_avs(tmp_path / 'gt'), tmp_path / 'pred'
    object_prob = np.stack([square(SIZE, t % 5) for t in range(10)])
    for split, names in (('test-s', ('1', '2')), ('test-u', ('1', '1~2'))):
        for name in names:
            write_probabilities(pred, f'-{split}_0_10000_hair-dryer_{name}', object_prob)
    write_probabilities(pred, 'null_c--test-n_0_10000_null_1', np.zeros_like(object_prob))
    return root, pred


def test_perfect_predictions_are_perfect_if_corrected(files) -> None:
    result = evaluate('refavs', *files, protocol='corrected', by='split')
    summary = result['summary']
    assert result['num_videos'] == 5
    assert [summary[key] for key in ('J_seen', 'J_mix', 'F_unseen')] == pytest.approx([1, 1, 1])
    assert summary['S'] == 0
    assert [row['group'] for row in result['breakdown']][1:] == ['test_n', 'test_s', 'test_u']


def test_official_labels_are_larger_than_the_masks(files) -> None:
    root, pred = files
    official = evaluate('refavs', root, pred)['summary']
    assert 0.9 < official['J_seen'] < 0.999
    resized = np.stack([255 * resize_label(square(SIZE, t % 5)) for t in range(10)])
    for folder in pred.glob('-test-s*'):
        write_probabilities(pred, folder.name, resized.astype(np.uint8))
    assert evaluate('refavs', root, pred)['summary']['J_seen'] == pytest.approx(1, abs=1e-4)


def test_only_predicted_test_splits_are_scored(files) -> None:
    root, pred = files
    for folder in [*pred.glob('-test-u*'), *pred.glob('null*')]:
        shutil.rmtree(folder)
    result = evaluate('refavs', root, pred)
    assert {'J_seen', 'F_seen'} <= set(result['summary'])
    assert not {'J_unseen', 'J_mix', 'S'} & set(result['summary'])


def test_missing_object_is_empty_and_missing_null_reference_stops(files) -> None:
    root, pred = files
    shutil.rmtree(pred / '-test-s_0_10000_hair-dryer_2')
    result = evaluate('refavs', root, pred)
    assert result['unpredicted'] == ['-test-s_0_10000_hair-dryer_2']
    assert result['summary']['J_seen'] < 0.5
    (pred / 'null_c--test-n_0_10000_null_1/null_c--test-n_0_10000_null_1_4.png').unlink()
    with pytest.raises(EvaluationStopped, match=r'9 PNG files that can be read, expected 10'):
        evaluate('refavs', root, pred)


def test_problems_of_files_are_named(files) -> None:
    root, pred = files
    write_probabilities(pred, 'another_0_1_cat_1', np.zeros((1, *SIZE)))
    result = evaluate('refavs', root, pred)
    assert 'metadata.csv has no such uid' in str(result['problems'][0])
    write_probabilities(pred, '-test-s_0_10000_hair-dryer_1', np.zeros((10, 8, 9)))
    with pytest.raises(EvaluationStopped, match=r'images of \[\(8, 9\)\] \(H, W\), expected all'):
        evaluate('refavs', root, pred)
    (root / 'gt_mask/-test-u_0_10000/fid_3/00002.png').write_bytes(b'nothing')
    with pytest.raises(EvaluationStopped, match=r'fid_3/00002\.png'):
        evaluate('refavs', root, pred)


def test_unknown_split_raises(files) -> None:
    with pytest.raises(ValueError, match=r"split must be one of .* got 'test'"):
        evaluate('refavs', *files, split='test')
