"""Where the official protocol differs much from the corrected one, the result says why."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.protocol_gap import describe_gap
from tests.helpers.small_sets import (
    SIZE,
    change,
    disk,
    rle,
    write_avsbench,
    write_avss,
    write_avtrack,
    write_png,
    write_vis,
)


def perfect(gt: Path, pred: Path) -> None:
    """Predict the ground truth."""
    annotations = json.loads(gt.read_text())['annotations']
    keys = ('video_id', 'category_id', 'segmentations')
    pred.write_text(
        json.dumps([{**{key: a[key] for key in keys}, 'score': 1} for a in annotations])
    )


def test_aviseg_names_the_classes_without_a_mask(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    more = [{'id': k, 'name': f'class{k}'} for k in range(4, 27)]
    change(gt, lambda content: content['categories'].extend(more))
    perfect(gt, pred)
    result = evaluate('aviseg', gt, pred)
    corrected = evaluate('aviseg', gt, pred, protocol='corrected')
    assert 'protocol_gap' not in corrected
    gap = result['protocol_gap']
    assert next(iter(gap['scores'])) == 'HOTA'
    for name, row in gap['scores'].items():
        assert row['official'] == result['summary'][name]
        assert row['corrected'] == corrected['summary'][name]
        assert abs(row['official'] - row['corrected']) > 5
    assert describe_gap(gap).startswith('HOTA is 11.54 under official and 100.00 under corrected')
    assert 'all 26 classes of the ground truth and counts the 23 without any mask as 0' in str(gap)
    assert 'blank' not in str(gap)


def test_aviseg_counts_blank_masks(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    perfect(gt, pred)
    assert 'blank' not in str(evaluate('aviseg', gt, pred).get('protocol_gap'))
    blank, count = rle(np.zeros(SIZE, bool)), 0

    def fill(results: list) -> None:
        nonlocal count
        for track in results:
            masks = track['segmentations']
            count += masks.count(None)
            track['segmentations'] = [mask or blank for mask in masks]

    change(pred, fill)
    gap = evaluate('aviseg', gt, pred)['protocol_gap']
    assert (
        f'official counts {count} blank masks, which are not null, as detections' in gap['causes']
    )


def test_there_is_no_gap_without_a_corrected_score(tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    perfect(gt, pred)
    more = [{'id': k, 'name': f'class{k}'} for k in range(4, 27)]
    change(gt, lambda content: content['categories'].extend(more))
    change(pred, lambda results: results.append({**results[0], 'video_id': 77}))
    assert 'protocol_gap' not in evaluate('aviseg', gt, pred)  # corrected would stop


def test_avtrack_names_a_video_that_counts_as_zero(tmp_path: Path) -> None:
    write_avtrack(tmp_path, videos=4)
    name = 'opera_A_01'
    shutil.rmtree(tmp_path / 'pred' / 'opera_A_03')  # 0 under both protocols
    person = np.where(disk(11, 8), 255, 0).astype(np.uint8)  # which official ignores
    for path in (tmp_path / 'Instance_Masks_merged' / name).iterdir():
        write_png(path, person)
        write_png(tmp_path / 'pred' / name / 'person_0' / f'frame_{path.stem[-4:]}.png', person)
    result = evaluate('avtrack', tmp_path, tmp_path / 'pred')
    corrected = evaluate('avtrack', tmp_path, tmp_path / 'pred', protocol='corrected')
    assert result['unpredicted'] == corrected['unpredicted'] == ['opera_A_03']
    gap = result['protocol_gap']
    assert {'HOTA', 'IDF1'} <= gap['scores'].keys()
    for score, row in gap['scores'].items():
        assert row['corrected'] == corrected['summary'][score]
    assert gap['causes'][0].startswith(
        'official counts 1 of 4 videos as 0, such as opera_A_01: no gt mask'
    )


def test_avsbench_depends_on_batches(tmp_path: Path) -> None:
    gt, pred = write_avsbench(tmp_path, clips=6)
    for path in (gt / 'dog' / 'clip0').iterdir():
        write_png(path, np.zeros(SIZE, np.uint8))
    result = evaluate('avsbench', gt, pred, batch_size=1)
    corrected = evaluate('avsbench', gt, pred, protocol='corrected')
    gap = result['protocol_gap']
    assert list(gap['scores']) == ['F_score']
    row = gap['scores']['F_score']
    assert row['official'] == 100 * result['summary']['F_score']
    assert row['corrected'] == 100 * corrected['summary']['F_score']
    assert gap['causes'] == [
        'official averages over 6 batches of 1 clips',
        'each batch has its own threshold of F',
        '1 batches without a sounding object count as F 0',
    ]


def test_avss_scores_padded_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 71, SIZE).astype(np.uint8)
    for frame in range(10):
        write_png(tmp_path / 'pred' / 'clip' / f'{frame}.png', labels)
        if frame < 5:
            write_png(tmp_path / 'gt' / 'clip' / f'{frame}.png', labels)
    gap = evaluate('avss', tmp_path / 'gt', tmp_path / 'pred')['protocol_gap']
    assert gap['scores']['miou']['corrected'] == 100
    assert gap['scores']['miou']['official'] < 51
    assert gap['causes'] == [
        'official leaves class 70 out of *_noBg instead of the background',
        'official scores 5 padded frames as background',
    ]


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_videos_without_a_prediction_are_named(protocol: str, tmp_path: Path) -> None:
    gt, pred = write_vis(tmp_path)
    change(pred, lambda results: results.__setitem__(slice(None), results[-1:]))
    left = json.loads(pred.read_text())[0]['video_id']
    result = evaluate('aviseg', gt, pred, protocol=protocol)
    assert result['unpredicted'] == [f'video{n:04d}' for n in range(4) if n != left - 1]
    assert not result['problems']


def test_clips_without_a_folder_are_named(tmp_path: Path) -> None:
    gt, pred = write_avss(tmp_path / 'avss')
    shutil.rmtree(pred / 'clip1')
    assert evaluate('avss', gt, pred)['unpredicted'] == ['clip1']
    gt, pred = write_avsbench(tmp_path / 'avsbench')
    shutil.rmtree(pred / 'dog' / 'clip2')
    assert evaluate('avsbench', gt, pred)['unpredicted'] == ['clip2']
