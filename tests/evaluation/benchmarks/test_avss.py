"""Problems of AVSS folders, and the frames that are scored."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.structures.labels import voc_palette
from tests.helpers.small_sets import SIZE, write_avss, write_png

SHORT = 'clip0'  # 5 frames
PALETTE = voc_palette(71)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return write_avss(tmp_path)


def test_split_is_selected_in_the_csv_file(folders) -> None:
    gt, pred = folders
    result = evaluate('avss', gt, pred)
    assert list(result['per_video']) == ['clip0', 'clip1', 'clip2']
    assert result['attributes']['clip1'] == {'length': 10, 'subset': 'v2', 'sources': 1}
    shutil.copytree(pred / 'clip1', tmp := pred.with_name('val') / 'clip3')
    assert list(evaluate('avss', gt, tmp.parent, split='val')['per_video']) == ['clip3']
    with pytest.raises(ValueError, match=r"no clip of split 'train', found \['test', 'val'\]"):
        evaluate('avss', gt, pred, split='train')


@pytest.mark.parametrize('layout', ['colors', 'subsets', 'labels_rgb'])
def test_layouts_of_the_prediction_have_equal_scores(folders, layout: str) -> None:
    gt, pred = folders
    expected = evaluate('avss', gt, pred)['summary']
    other = pred.with_name('other')
    for path in pred.rglob('*.png'):
        clip = path.parent.name
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if layout == 'colors':
            write_png(other / clip / path.name, PALETTE[labels][..., ::-1])
        elif layout == 'subsets':
            write_png(other / ('v1m', 'v2')[int(clip[-1]) % 2] / clip / path.name, labels)
        else:
            write_png(other / clip / 'labels_rgb' / path.name, labels)
    assert evaluate('avss', gt, other)['summary'] == expected


def test_padding_frames_are_scored_by_official_only(folders) -> None:
    gt, pred = folders
    before = {p: evaluate('avss', gt, pred, protocol=p) for p in ('official', 'corrected')}
    for frame in range(5, 10):
        write_png(pred / SHORT / f'{frame}.png', np.full(SIZE, 9, np.uint8))
    after = {p: evaluate('avss', gt, pred, protocol=p) for p in ('official', 'corrected')}
    assert after['official']['summary']['miou'] < before['official']['summary']['miou']
    assert after['corrected']['summary'] == before['corrected']['summary']
    assert not after['official']['problems']


def test_gt_of_another_size_is_resized_by_official_only(folders) -> None:
    gt, pred = folders
    expected = evaluate('avss', gt, pred)['summary']
    for path in gt.glob('v*/*/labels_rgb/*.png'):
        double = cv2.imread(str(path)).repeat(2, axis=0).repeat(2, axis=1)
        write_png(path, double)
    result = evaluate('avss', gt, pred)
    assert result['summary'] == expected
    assert result['problem_counts'] == {'wrong_size': 20}
    with pytest.raises(
        EvaluationStopped, match=r'\(24, 32\) \(H, W\), the ground truth of \(48, 64\)'
    ):
        evaluate('avss', gt, pred, protocol='corrected')


DEFECTS = {
    'no clip': (lambda gt, pred: shutil.rmtree(pred / SHORT), ('missing_prediction', 'empty')),
    'no frame': (lambda gt, pred: (pred / SHORT / '0.png').unlink(), ('missing_frame', 'empty')),
    'unreadable': (
        lambda gt, pred: (pred / SHORT / '0.png').write_bytes(b''),
        ('unreadable_prediction', 'empty'),
    ),
    'unknown': (
        lambda gt, pred: write_png(pred / 'clip9' / '0.png', np.zeros(SIZE, np.uint8)),
        ('unknown_video', 'ignore'),
    ),
    'extra frame': (
        lambda gt, pred: write_png(pred / 'clip1' / '10.png', np.zeros(SIZE, np.uint8)),
        ('extra_frame', 'ignore'),
    ),
    'no ground truth': (
        lambda gt, pred: shutil.rmtree(gt / 'v1m' / SHORT / 'labels_rgb'),
        ('missing_gt', 'skip'),
    ),
    'class': (
        lambda gt, pred: write_png(pred / SHORT / '0.png', np.full(SIZE, 71, np.uint8)),
        ('unknown_class', 'stop'),
    ),
    'ground truth': (
        lambda gt, pred: (gt / 'v1m' / SHORT / 'labels_rgb' / '0.png').write_bytes(b'GIF'),
        ('unreadable_gt', 'stop'),
    ),
}


@pytest.mark.parametrize('name', DEFECTS)
def test_defect_is_reported_with_its_effect(folders, name: str) -> None:
    gt, pred = folders
    intact = evaluate('avss', gt, pred)['per_video'][SHORT]
    break_files, (kind, effect) = DEFECTS[name]
    break_files(gt, pred)
    if effect == 'stop':
        with pytest.raises(EvaluationStopped, match=f'{kind}: stop'):
            evaluate('avss', gt, pred)
    else:
        result = evaluate('avss', gt, pred)
        assert {(p.kind, p.effect) for p in result['problems']} == {(kind, effect)}
        assert result['skipped'] == ([SHORT] if effect == 'skip' else [])
        assert (result['per_video'].get(SHORT) == intact) == (effect == 'ignore')
    with pytest.raises(EvaluationStopped, match=f'{kind}: stop'):
        evaluate('avss', gt, pred, protocol='corrected')


def test_invalid_csv_file_raises(folders) -> None:
    gt, pred = folders
    (gt / 'metadata.csv').write_text('name,split\nclip0,test\n')
    with pytest.raises(
        ValueError,
        match=r"expected the columns \['uid', 'label', 'split'\], got \['name', 'split'\]",
    ):
        evaluate('avss', gt, pred)
    (gt / 'metadata.csv').unlink()
    shutil.move(gt / 'v2', gt.with_name('alone'))
    assert list(evaluate('avss', gt.with_name('alone'), pred)['per_video']) == ['clip1', 'clip3']
    (gt / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match=r'neither metadata\.csv nor PNG files'):
        evaluate('avss', gt / 'empty', pred)
