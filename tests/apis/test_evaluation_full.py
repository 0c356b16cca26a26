"""Golden numbers of AVSBench and AVSS from images, per clip, class and frame."""

from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from tests.helpers.instance_goldens import GOLDEN, read_json, unpack_avtrack
from tests.helpers.small_sets import write_png

PROTOCOLS = ('official', 'corrected')


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_avsbench(subset: str, tmp_path: Path) -> None:
    """8-bit images rounded to the side of one half of the logits: mIoU is exact."""
    with np.load(GOLDEN / 'avsbench' / f'{subset}.npz') as data:
        logits, gt = (data['q'].astype(np.float32) - 128) * data['scale'], data['g']
    prob = (255 / (1 + np.exp(-logits))).round()
    prob = np.where(logits > 0, np.maximum(prob, 128), np.minimum(prob, 127)).astype(np.uint8)
    write_clips(tmp_path / 'gt', 255 * gt)
    write_clips(tmp_path / 'pred', prob)
    expected = read_json(GOLDEN / 'avsbench' / f'{subset}_expected.json')
    for batch_size in (1, 4):
        result = evaluate(
            'avsbench', tmp_path / 'gt', tmp_path / 'pred', batch_size=batch_size, full=True
        )
        wanted = [
            (batch['miou'], batch['F_score'])
            for batch in expected[f'batch_size_{batch_size}']['per_batch']
        ]
        got = np.array(result['details']['per_batch'])
        np.testing.assert_allclose(got[:, 0], np.array(wanted)[:, 0], rtol=0, atol=2e-6)
        np.testing.assert_allclose(got[:, 1], np.array(wanted)[:, 1], rtol=0, atol=1e-2)  # 8 bits
    clips = list(result['details']['per_video'].values())
    got, wanted = np.stack([c['miou'] for c in clips]), np.array(expected['per_frame_miou'])
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)
    got = np.stack([clip['max_F'] for clip in clips])
    wanted = np.array(expected['per_frame_max_F'], float)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-2)
    files = tmp_path / 'gt', tmp_path / 'pred'
    corrected = evaluate('avsbench', *files, protocol='corrected')['summary']
    assert corrected['miou'] == pytest.approx(expected['frame_average_miou'], abs=2e-6)
    sounding = expected['frame_average_miou_nonempty_gt']
    assert corrected['miou_sounding'] == pytest.approx(sounding, abs=2e-6)
    whole = expected['one_batch_all_frames']['F_score']
    assert corrected['F_score'] == pytest.approx(whole, abs=3e-3)


def test_avss(tmp_path: Path) -> None:
    with np.load(GOLDEN / 'avss' / 'labels.npz') as data:
        write_clips(tmp_path / 'gt', data['gt'])
        write_clips(tmp_path / 'pred', data['pred'])
    expected = read_json(GOLDEN / 'avss' / 'expected.json')['labels']
    for protocol in PROTOCOLS:
        result = evaluate('avss', tmp_path / 'gt', tmp_path / 'pred', protocol=protocol, full=True)
        clips = list(result['details']['per_video'].values())
        wanted = {'iou': 'per_class_iou_sum', 'f': 'per_class_F_sum'}
        wanted['frames'] = 'per_class_frame_count'
        for key, name in wanted.items():
            sums = np.sum([clip[key] for clip in clips], axis=0)
            np.testing.assert_allclose(sums, expected[name], rtol=0, atol=2e-6)
        for key, name in {'class_iou': 'per_class_iou', 'class_f': 'per_class_F'}.items():
            wanted_means = np.nan_to_num(np.array(expected[name], float))
            np.testing.assert_allclose(result['details'][key], wanted_means, rtol=0, atol=2e-6)
    present = result['summary']
    over_present = expected['running_iou_over_present_classes']
    assert present['miou_present'] == pytest.approx(over_present, abs=2e-6)
    over_present = expected['running_F_over_present_classes']
    assert present['F_score_present'] == pytest.approx(over_present, abs=2e-6)


def write_clips(root: Path, clips: np.ndarray) -> None:
    """Write clips of label maps (V, T, H, W) as images."""
    for number, clip in enumerate(clips):
        for frame, image in enumerate(clip):
            write_png(root / f'{number:03d}' / f'{number:03d}_{frame + 1}.png', image)


def test_details_of_videos_need_full(tmp_path: Path) -> None:
    folder = unpack_avtrack(tmp_path)
    result = evaluate('avtrack', folder, folder / 'pred', with_jf=False)
    assert 'per_video' not in result['details']
