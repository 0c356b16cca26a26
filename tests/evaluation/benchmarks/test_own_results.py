"""The output folder of an inference is scored like a submission."""

import json
from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.export.results import write_results
from avis.structures.masks import decode_rle, rle_to_json
from avis.structures.video_result import VideoResult
from tests.helpers.small_sets import change, write_png
from tests.helpers.video_results import FRAMES, SIZE, make_result

NAMES = ('talk', 'debate')


@pytest.fixture
def results(tmp_path: Path) -> list[VideoResult]:
    """Two videos and one that no ground truth has, written below ``out``."""
    made = [make_result(('Ann',), name=name) for name in (*NAMES, 'extra')]
    for result in made:
        write_results(tmp_path / 'out' / result.name, result)
    return made[:2]


def sounding_masks(result: VideoResult) -> list:
    (track,) = result.tracks
    return [rle if track.sounding[t] else None for t, rle in enumerate(track.masks.rles)]


def write_gt(path: Path, results: list[VideoResult]) -> Path:
    """The sounding masks as ground truth of class 7."""
    gt: dict = {'videos': [], 'annotations': []}
    gt['categories'] = [{'id': 3, 'name': 'dog'}, {'id': 7, 'name': 'person'}]
    for number, result in enumerate(results, start=11):
        files = [f'{result.name}/{t}.jpg' for t in range(FRAMES)]
        video = {'id': number, 'file_names': files, 'height': SIZE[0], 'width': SIZE[1]}
        gt['videos'].append(video)
        masks = [None if rle is None else rle_to_json(rle) for rle in sounding_masks(result)]
        track = {'id': number, 'video_id': number, 'category_id': 7, 'segmentations': masks}
        gt['annotations'].append(track)
    path.write_text(json.dumps(gt))
    return path


@pytest.mark.parametrize(('benchmark', 'score'), [('aviseg', 'HOTA'), ('youtube_vis', 'AP')])
def test_output_folder_is_scored_by_class_name(
    benchmark: str, score: str, results: list[VideoResult], tmp_path: Path
) -> None:
    gt = write_gt(tmp_path / 'gt.json', results)
    result = evaluate(benchmark, gt, tmp_path / 'out', protocol='corrected')
    assert result['summary'][score] == pytest.approx(100)
    assert result['pred'] == str(tmp_path / 'out')
    assert not result['problems']
    assert not result['unpredicted']
    official = evaluate('aviseg', gt, tmp_path / 'out')
    assert 'blank masks' in str(official['protocol_gap'])


def test_person_folders_have_the_frame_numbers_of_the_ground_truth(
    results: list[VideoResult], tmp_path: Path
) -> None:
    for result in results:
        for number, rle in enumerate(sounding_masks(result), start=5):
            mask = np.zeros(SIZE, np.uint8) if rle is None else 200 * decode_rle(rle)
            path = tmp_path / 'gt' / result.name / f'frame_{number:05d}.png'
            write_png(path, mask.astype(np.uint8))
    result = evaluate('avtrack', tmp_path / 'gt', tmp_path / 'out', protocol='corrected')
    assert result['summary']['HOTA'] == pytest.approx(100)
    assert not result['problems']
    (tmp_path / 'gt' / 'talk' / 'frame_00005.png').unlink()
    with pytest.raises(ValueError, match='expected 11 frames of 24 x 32'):
        evaluate('avtrack', tmp_path / 'gt', tmp_path / 'out')


@pytest.mark.parametrize('pred', ['talk', 'talk/results.json'])
def test_folder_or_file_of_one_video_is_enough(
    pred: str, results: list[VideoResult], tmp_path: Path
) -> None:
    gt = write_gt(tmp_path / 'gt.json', results)
    result = evaluate('aviseg', gt, tmp_path / 'out' / pred, protocol='corrected')
    assert result['unpredicted'] == ['debate']
    assert result['per_video']['talk']['HOTA'] == pytest.approx(100)


def test_wrong_videos_and_classes_are_named(results: list[VideoResult], tmp_path: Path) -> None:
    gt = write_gt(tmp_path / 'gt.json', results)
    change(gt, lambda content: content['videos'][1].update(height=9))
    with pytest.raises(ValueError, match=r'debate.results\.json: expected 12 frames of 9 x 32'):
        evaluate('aviseg', gt, tmp_path / 'out')
    write_gt(gt, results)
    change(gt, lambda content: content['categories'][1].update(name='cat'))
    with pytest.raises(ValueError, match="classes of the ground truth, such as cat, dog; got 'per"):
        evaluate('aviseg', gt, tmp_path / 'out')
    write_gt(gt, [make_result(('Ann',), name='other')])
    with pytest.raises(ValueError, match='such as other; got debate, extra, talk'):
        evaluate('aviseg', gt, tmp_path / 'out')
