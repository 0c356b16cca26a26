"""Problems of AVSBench folders, and the order in which clips are scored."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from avis.evaluation.functional.avsbench import pool_clips, score_clip
from tests.helpers.small_sets import SIZE, write_avsbench, write_png

CLIP = 'cat/clip1/clip1_2.png'


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return write_avsbench(tmp_path)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def score(gt: Path, pred: Path, names: list[str], **kwargs) -> float:
    """F of the clips in the given order."""
    clips = []
    for name in names:
        files = sorted(next(gt.rglob(name)).iterdir())
        maps = [read(pred / file.relative_to(gt)) for file in files]
        clips.append(score_clip(np.stack(maps), np.stack([read(file) for file in files])))
    return pool_clips(clips, **kwargs).F_score


def test_clips_are_batched_in_the_order_of_the_csv_file(folders) -> None:
    gt, pred = folders
    by_csv = [f'clip{n}' for n in (4, 3, 2, 1, 0)]
    by_path = [f'clip{n}' for n in (1, 3, 0, 2, 4)]  # cat before dog
    expected = [score(gt, pred, names, batch_size=2) for names in (by_csv, by_path)]
    assert expected[0] != expected[1]
    result = evaluate('avsbench', gt, pred, batch_size=2)
    assert result['summary']['F_score'] == expected[0]
    assert list(result['per_video']) == by_csv
    (gt.parents[2] / 's4_meta_data.csv').unlink()
    assert evaluate('avsbench', gt, pred, batch_size=2)['summary']['F_score'] == expected[1]


def test_categories_come_from_the_csv_file_or_the_folder(folders) -> None:
    gt, pred = folders
    assert evaluate('avsbench', gt, pred)['attributes']['clip2']['category'] == 'dog'
    rows = evaluate('avsbench', gt, pred, by='category')['breakdown']
    assert [(row['group'], row['num_videos']) for row in rows] == [
        ('all', 5),
        ('cat', 2),
        ('dog', 3),
    ]
    (gt.parents[2] / 's4_meta_data.csv').unlink()
    assert evaluate('avsbench', gt, pred)['attributes']['clip2']['category'] == 'dog'


def test_split_of_the_prediction_is_scored(folders) -> None:
    gt, pred = folders
    alone = evaluate('avsbench', gt, pred)
    shutil.copytree(gt, gt.with_name('val'))
    with pytest.raises(ValueError, match=r"contains the splits \['test', 'val'\]"):
        evaluate('avsbench', gt.parent, pred)
    shutil.move(pred, pred.with_name('all') / 'test')
    assert evaluate('avsbench', gt.parent, pred.with_name('all'))['summary'] == alone['summary']


def test_category_folders_may_be_missing_in_the_prediction(folders) -> None:
    gt, pred = folders
    expected = evaluate('avsbench', gt, pred)['summary']
    for clip in list(pred.glob('*/*')):
        clip.rename(pred / clip.name)
    for name in ('cat', 'dog'):
        (pred / name).rmdir()
    assert evaluate('avsbench', gt, pred)['summary'] == expected


def test_frame_numbers_may_start_at_zero(folders) -> None:
    gt, pred = folders
    expected = evaluate('avsbench', gt, pred)['summary']
    for clip in pred.glob('*/*'):
        for number, path in enumerate(sorted(clip.iterdir())):
            path.rename(clip / f'{clip.name}_{number}.png')
    assert evaluate('avsbench', gt, pred)['summary'] == expected


def blank(path: Path) -> None:
    write_png(path, np.zeros(SIZE, np.uint8))


DEFECTS = {
    'no clip': (
        lambda gt, pred: shutil.rmtree((pred / CLIP).parent),
        ('missing_prediction', 'empty', 'no such folder'),
    ),
    'no frame': (
        lambda gt, pred: (pred / CLIP).unlink(),
        ('missing_frame', 'empty', r'no prediction for clip1_2\.png'),
    ),
    'unreadable': (
        lambda gt, pred: (pred / CLIP).write_bytes(b'no image'),
        ('unreadable_prediction', 'empty', 'does not begin like a PNG'),
    ),
    'extra frame': (
        lambda gt, pred: blank((pred / CLIP).with_name('clip1_6.png')),
        ('extra_frame', 'ignore', 'the ground truth has 5 frames'),
    ),
    'unknown': (
        lambda gt, pred: blank(pred / 'dog' / 'clip9' / 'clip9_1.png'),
        ('unknown_video', 'ignore', 'the ground truth has no such clip'),
    ),
    'size': (
        lambda gt, pred: write_png(pred / CLIP, np.zeros((9, 9), np.uint8)),
        ('wrong_size', 'stop', r'\(9, 9\) \(H, W\), the ground truth has \(24, 32\)'),
    ),
    'depth': (
        lambda gt, pred: write_png(pred / CLIP, np.zeros(SIZE, np.uint16)),
        ('not_probabilities', 'stop', 'expected 8-bit gray levels'),
    ),
    'ground truth': (
        lambda gt, pred: (gt / CLIP).write_bytes(b''),
        ('unreadable_gt', 'stop', 'it is empty'),
    ),
    'ground truth size': (
        lambda gt, pred: write_png(gt / CLIP, np.zeros((9, 9), np.uint8)),
        ('wrong_size', 'stop', 'the first frame of the clip has'),
    ),
    'indices': (
        lambda gt, pred: [
            write_png(p, (read(p) > 127).astype(np.uint8)) for p in pred.rglob('*.png')
        ],
        ('low_probabilities', 'keep', 'no gray level above 1'),
    ),
}


@pytest.mark.parametrize('name', DEFECTS)
def test_defect_is_reported_with_its_effect(folders, name: str) -> None:
    gt, pred = folders
    intact = evaluate('avsbench', gt, pred)['per_video']['clip1']
    break_files, (kind, effect, message) = DEFECTS[name]
    break_files(gt, pred)
    if effect == 'stop':
        with pytest.raises(EvaluationStopped, match=message):
            evaluate('avsbench', gt, pred)
    else:
        result = evaluate('avsbench', gt, pred)
        (problem,) = result['problems']
        assert (problem.kind, problem.effect) == (kind, effect)
        assert (result['per_video']['clip1'] == intact) == (effect == 'ignore')
    with pytest.raises(EvaluationStopped, match=message) as error:
        evaluate('avsbench', gt, pred, protocol='corrected')
    assert {(p.kind, p.effect) for p in error.value.problems} == {(kind, 'stop')}


def test_missing_frame_counts_as_blank_prediction(folders) -> None:
    gt, pred = folders
    (pred / CLIP).unlink()
    without = evaluate('avsbench', gt, pred)['summary']
    blank(pred / CLIP)
    assert evaluate('avsbench', gt, pred)['summary'] == without


def test_one_bit_images_are_read(folders) -> None:
    gt, pred = folders
    for path in pred.rglob('*.png'):
        write_png(path, (read(path) > 127).astype(np.uint8) * 255)
    expected = evaluate('avsbench', gt, pred)['summary']
    for path in pred.rglob('*.png'):
        cv2.imwrite(str(path), read(path), [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert evaluate('avsbench', gt, pred)['summary'] == expected


def test_folder_without_images_raises(folders, tmp_path: Path) -> None:
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='contains no PNG files; expected <video>/'):
        evaluate('avsbench', tmp_path / 'empty', folders[1])
    with pytest.raises(FileNotFoundError, match='nothing does not exist; expected the predictions'):
        evaluate('avsbench', folders[0], tmp_path / 'nothing')
