"""YouMVOS through ``evaluate``: J&F over cuts, with the scorer of DAVIS."""

import cv2
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.helpers.tiny_sets import write_image, write_youmvos

NAME = 'movie_trailer_-test______'


@pytest.fixture(scope='module')
def gt(tmp_path_factory):
    return write_youmvos(tmp_path_factory.mktemp('youmvos')) / 'Annotations'


def write_output(gt, folder, change):
    """Write the ground truth of the test video, changed."""
    for path in sorted((gt / NAME).glob('*.png')):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        write_image(folder / NAME / path.name, change(image, int(path.stem) - 1))
    return folder


def score(gt, pred, protocol):
    split_file = gt.parent / 'yt_test.txt'
    return evaluate('youmvos', gt, pred, protocol=protocol, split_file=split_file)['summary']


def test_perfect_ids_over_cuts_score_1(gt, tmp_path) -> None:
    pred = write_output(gt, tmp_path, lambda image, frame: image)
    assert score(gt, pred, 'corrected')['J&F'] == 1


def test_a_new_id_after_a_cut_loses_the_person(gt, tmp_path) -> None:
    def rename(image, frame):
        image[(image == 1) & (frame >= 8)] = 2
        return image

    summary = score(gt, write_output(gt, tmp_path, rename), 'corrected')
    # Of five valid frames the first and the last are not scored; person 1 is found in one of three.
    assert summary['J_mean'] == pytest.approx((1 / 3 + 1) / 2)


def test_frames_of_invalid_shots_count_if_official_only(gt, tmp_path) -> None:
    def invent(image, frame):
        image[image == 3] = 0
        image[:8, :8] = frame >= 20
        return image

    pred = write_output(gt, tmp_path, invent)
    assert score(gt, pred, 'official')['J_mean'] == pytest.approx(4 / 5)  # person 1 only
    assert score(gt, pred, 'corrected')['J_mean'] == pytest.approx((1 + 1 / 3) / 2)


def test_official_stops_at_a_person_who_enters_later(gt, tmp_path) -> None:
    pred = write_output(gt, tmp_path, lambda image, frame: image)
    with pytest.raises(EvaluationStopped, match='output index 3, but the first frame has 1'):
        score(gt, pred, 'official')


def test_videos_of_the_list_must_exist(gt, tmp_path) -> None:
    names = tmp_path / 'names.txt'
    names.write_text('sports_aaaaaaaaaaa\n')
    with pytest.raises(FileNotFoundError, match=r'1 of 1 videos of .*names.txt do not'):
        evaluate('youmvos', gt, gt, split_file=names)
