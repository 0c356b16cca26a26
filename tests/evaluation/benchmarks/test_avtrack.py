"""Problems of AVTrack folders, and their effect on the scores."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.avtrack import AVTrackBenchmark
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.helpers.small_sets import SIZE, change, disk, write_avtrack, write_png

VIDEO = 'opera_A_01'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_avtrack(tmp_path)
    return tmp_path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])  # its last rows are missing too


def frame(root: Path, side: str = 'pred') -> Path:
    """The first image of the video."""
    return sorted((root / side / VIDEO).rglob('*.png'))[0]


def widen(path: Path) -> None:
    write_png(path, np.zeros((SIZE[0], SIZE[1] + 1), np.uint8))


# Name: how the folder is broken; kind, file, effects under both protocols, message.
DEFECTS = {
    'no ground truth': (
        lambda root: shutil.rmtree(root / 'Instance_Masks_merged' / VIDEO),
        ('missing_gt', f'Instance_Masks_merged/{VIDEO}', 'skip', 'skip', 'no such folder'),
    ),
    'empty ground truth': (
        lambda root: [
            path.unlink() for path in (root / 'Instance_Masks_merged' / VIDEO).glob('*.png')
        ],
        ('empty_gt', f'Instance_Masks_merged/{VIDEO}', 'zero', 'skip', 'no PNG file'),
    ),
    'no prediction': (
        lambda root: shutil.rmtree(root / 'pred' / VIDEO),
        ('missing_prediction', f'pred/{VIDEO}', 'zero', 'empty', 'no such folder'),
    ),
    'no persons': (
        lambda root: [shutil.rmtree(path) for path in (root / 'pred' / VIDEO).iterdir()],
        ('missing_persons', f'pred/{VIDEO}', 'zero', 'empty', 'no person folder'),
    ),
    'unknown video': (
        lambda root: (root / 'pred' / 'other').mkdir(),
        ('unknown_video', 'pred/other', 'ignore', 'stop', 'the ground truth has no such video'),
    ),
    'unknown frame': (
        lambda root: shutil.copy(frame(root), frame(root).with_name('frame_0009.png')),
        (
            'unknown_frame',
            f'pred/{VIDEO}/person_0/frame_0009.png',
            'ignore',
            'stop',
            'has no such frame',
        ),
    ),
    'five digits': (
        lambda root: frame(root).rename(frame(root).with_name('frame_00001.png')),
        (
            'unknown_frame',
            f'pred/{VIDEO}/person_0/frame_00001.png',
            'ignore',
            'stop',
            'four digits',
        ),
    ),
    'size': (
        lambda root: widen(frame(root)),
        (
            'wrong_size',
            f'pred/{VIDEO}/person_0/',
            'zero',
            'zero',
            r'\(24, 33\) \(H, W\), the ground truth has',
        ),
    ),
    'size of ground truth': (
        lambda root: widen(sorted((root / 'Instance_Masks_merged' / VIDEO).iterdir())[-1]),
        (
            'wrong_size',
            f'Instance_Masks_merged/{VIDEO}/frame_00003.png',
            'zero',
            'zero',
            'expected one',
        ),
    ),
    'colors': (
        lambda root: write_png(frame(root, 'Instance_Masks_merged'), np.ones((*SIZE, 3), np.uint8)),
        (
            'wrong_size',
            f'Instance_Masks_merged/{VIDEO}/frame_00000.png',
            'zero',
            'zero',
            r'\(24, 32, 3\)',
        ),
    ),
    'unreadable': (
        lambda root: truncate(frame(root)),
        (
            'unreadable_prediction',
            f'pred/{VIDEO}/person_0/',
            'zero',
            'stop',
            'is not a readable PNG',
        ),
    ),
    'unreadable ground truth': (
        lambda root: truncate(frame(root, 'Instance_Masks_merged')),
        (
            'unreadable_gt',
            f'Instance_Masks_merged/{VIDEO}/',
            'zero',
            'stop',
            'is not a readable PNG',
        ),
    ),
}


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
@pytest.mark.parametrize('name', DEFECTS)
def test_defect_is_reported_with_its_effect(root: Path, name: str, protocol: str) -> None:
    intact = evaluate('avtrack', root, root / 'pred', protocol=protocol)
    break_files, (kind, file, official, corrected, message) = DEFECTS[name]
    break_files(root)
    effect = official if protocol == 'official' else corrected
    if effect == 'stop':
        with pytest.raises(EvaluationStopped, match=message) as error:
            evaluate('avtrack', root, root / 'pred', protocol=protocol)
        (problem,) = error.value.problems
    else:
        result = evaluate('avtrack', root, root / 'pred', protocol=protocol)
        problem = next(p for p in result['problems'] if p.kind == kind)
        assert (VIDEO in result['per_video']) == (effect != 'skip')
        assert result['skipped'] == ([VIDEO] if effect == 'skip' else [])
        scores = result['per_video'].get(VIDEO, {}).get('HOTA')
        assert (scores == 0) == (effect in ('zero', 'empty'))
        others = set(result['per_video']) - {VIDEO}
        assert all(result['per_video'][name] == intact['per_video'][name] for name in others)
    assert (problem.kind, problem.effect) == (kind, effect)
    assert problem.file.startswith(str(root / file))


def test_frames_of_the_gt_folder_count(root: Path) -> None:
    sorted((root / 'Instance_Masks_merged' / VIDEO).iterdir())[-1].unlink()
    for path in (root / 'pred' / VIDEO).rglob('frame_0003.png'):
        path.unlink()
    for protocol in ('official', 'corrected'):
        result = evaluate('avtrack', root, root / 'pred', protocol=protocol)
        (problem,) = result['problems']
        assert (problem.kind, problem.effect) == ('frame_count', 'keep')
        assert problem.message == '3 images, the JSON file has 4 frames'
        assert result['per_video'][VIDEO]['Frames'] == 3


def test_all_problems_are_listed_at_once(root: Path) -> None:
    defects = ('five digits', 'unreadable ground truth', 'unknown video')
    for name in defects:
        DEFECTS[name][0](root)
    truncate(sorted((root / 'pred' / VIDEO).rglob('*.png'))[-1])
    other = sorted((root / 'pred' / 'film_A_00').rglob('*.png'))[-1]
    truncate(other)
    with pytest.raises(EvaluationStopped) as error:
        evaluate('avtrack', root, root / 'pred', protocol='corrected')
    assert len(error.value.problems) == 5
    assert f'{other}: is not a readable PNG' in str(error.value)


def test_images_may_have_three_channels_or_one_bit(root: Path) -> None:
    expected = evaluate('avtrack', root, root / 'pred')
    for path in (root / 'pred').rglob('*.png'):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if path.parent.name == 'person_0':
            cv2.imwrite(str(path), cv2.merge([mask] * 3))
        else:
            cv2.imwrite(str(path), mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert evaluate('avtrack', root, root / 'pred')['summary'] == expected['summary']


def test_persons_are_merged_in_string_order_of_their_names(tmp_path: Path) -> None:
    """person_10 is merged before person_9, which hides it."""
    write_png(tmp_path / 'gt' / 'v' / 'frame_00000.png', disk(12, 12).astype(np.uint8))
    for person in (9, 10):
        found = disk(12, 12).astype(np.uint8)
        write_png(tmp_path / 'pred' / 'v' / f'person_{person}' / 'frame_0000.png', found)
    result = evaluate('avtrack', tmp_path / 'gt', tmp_path / 'pred')
    assert result['per_video']['v']['IDs'] == 1
    assert result['summary']['HOTA'] == 100


def test_frame_numbers_need_not_start_at_zero(root: Path) -> None:
    expected = evaluate('avtrack', root, root / 'pred')['summary']
    for path in sorted(root.rglob('frame_*.png'), reverse=True):
        digits = path.stem.removeprefix('frame_')
        path.rename(path.with_name(f'frame_{int(digits) + 70:0{len(digits)}d}.png'))
    assert evaluate('avtrack', root, root / 'pred')['summary'] == expected


def test_gt_may_be_the_folder_of_merged_masks(root: Path) -> None:
    whole = evaluate('avtrack', root, root / 'pred')
    alone = evaluate('avtrack', root / 'Instance_Masks_merged', root / 'pred')
    assert alone['per_video'] == whole['per_video']
    assert alone['attributes']['film_A_00'] == {'sources': 2}


def test_attributes_come_from_the_json_file(root: Path) -> None:
    result = evaluate('avtrack', root, root / 'pred', by='blur')
    assert result['attributes'][VIDEO]['conditions'] == {'blur': False, 'cut': True}
    assert (result['attributes'][VIDEO]['genre'], result['attributes'][VIDEO]['length']) == (
        'opera',
        4,
    )
    groups = {row['group']: row['num_videos'] for row in result['breakdown']}
    assert groups == {'all': 3, 'with blur': 2, 'without blur': 1}


def test_wrong_folders_raise(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nothing does not exist; expected the predictions'):
        evaluate('avtrack', root, root / 'nothing')
    (root / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match=r'a folder with avtrack_meta\.json and'):
        evaluate('avtrack', root / 'empty', root / 'pred')
    shutil.rmtree(root / 'Instance_Masks_merged')
    with pytest.raises(ValueError, match=r'no video can be scored:\n.*missing_gt: skip'):
        evaluate('avtrack', root, root / 'pred')


def test_masks_of_a_frame_do_not_remain_in_the_next(root: Path) -> None:
    change(root / 'avtrack_meta.json', lambda meta: meta['videos'].reverse())
    with AVTrackBenchmark(root, root / 'pred', protocol='official') as benchmark:
        names = [video.name for video in benchmark.videos]
        assert names == ['film_A_02', 'opera_A_01', 'film_A_00']
        intact = benchmark.score(1).partial
    for path in (root / 'pred' / VIDEO / 'person_0').iterdir():
        path.unlink()
    with AVTrackBenchmark(root, root / 'pred', protocol='official') as benchmark:
        assert benchmark.score(1).partial.summary['HOTA'] < intact.summary['HOTA']
