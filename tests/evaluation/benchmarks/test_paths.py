"""A wrong path of an evaluation gets one line that names what is expected, and the right path."""

from pathlib import Path

import pytest

from avis.apis import evaluate
from tests.helpers.small_sets import write_avsbench, write_avss, write_avtrack, write_vis


@pytest.fixture(scope='module')
def sets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('sets')
    write_vis(folder / 'vis', videos=1, frames=1)
    write_avtrack(folder / 'avtrack', videos=1, frames=1)
    write_avsbench(folder / 'avsbench', clips=1)
    write_avss(folder / 'avss', clips=2)
    (folder / 'outer').mkdir()
    for name in ('avtrack', 'avss'):
        (folder / 'outer' / name).mkdir()
        (folder / 'outer' / name / 'data').symlink_to(folder / name)
    return folder


@pytest.mark.parametrize(
    ('benchmark', 'gt', 'pred', 'message'),
    [
        # The root of the data set instead of its ground truth, or a folder above the root.
        (
            'avsbench',
            'avsbench',
            'avsbench/pred',
            (
                'avsbench is not a folder of masks; expected gt_masks or one split of it, such as '
                'gt_masks/test. Use {}/avsbench/s4_data/gt_masks'
            ),
        ),
        (
            'avtrack',
            'outer/avtrack',
            'avtrack/pred',
            (
                'avtrack is not a ground truth of AVTrack; expected the data set, a folder with '
                'avtrack_meta.json and Instance_Masks_merged/<video>/frame_00000.png. '
                'Use {}/outer/avtrack/data'
            ),
        ),
        (
            'avss',
            'outer/avss',
            'avss/pred',
            (
                'avss contains no metadata.csv; expected the data set, a folder with metadata.csv, '
                'or a folder of clips. Use {}/outer/avss/data'
            ),
        ),
        # A folder instead of a file.
        (
            'aviseg',
            'vis',
            'vis/results.json',
            (
                'vis is a folder; expected the ground truth, a JSON file such as test.json. '
                'Use {}/vis/gt.json'
            ),
        ),
        (
            'youtube_vis',
            'vis/gt.json',
            'vis',
            (
                'vis is a folder; expected the results, a JSON file such as results.json. '
                'Use {0}/vis/gt.json or {0}/vis/results.json'
            ),
        ),
        # A file instead of a folder.
        (
            'avtrack',
            'avtrack/avtrack_meta.json',
            'avtrack/pred',
            (
                'avtrack_meta.json is a file, not a folder; expected the data set, a folder with '
                'avtrack_meta.json and Instance_Masks_merged/<video>/frame_00000.png. '
                'Use {}/avtrack'
            ),
        ),
        (
            'avss',
            'avss/metadata.csv',
            'avss/pred',
            (
                'metadata.csv is a file, not a folder; expected the data set, a folder with '
                'metadata.csv, or a folder of clips. Use {}/avss'
            ),
        ),
        (
            'avsbench',
            'avsbench/s4_meta_data.csv',
            'avsbench/pred',
            (
                's4_meta_data.csv is a file, not a folder; expected gt_masks or one split of it, '
                'such as gt_masks/test. Use {}/avsbench/s4_data/gt_masks'
            ),
        ),
        (
            'avtrack',
            'avtrack',
            'vis/results.json',
            (
                'results.json is a file, not a folder; expected the predictions, '
                '<video>/<person>/frame_0000.png'
            ),
        ),
        (
            'avss',
            'avss',
            'avss/nothing',
            'nothing does not exist; expected the predictions, <uid>/<n>.png',
        ),
    ],
)
def test_wrong_paths_name_the_expected_one(
    benchmark: str, gt: str, pred: str, message: str, sets: Path
) -> None:
    with pytest.raises(FileNotFoundError) as error:
        evaluate(benchmark, sets / gt, sets / pred)
    assert str(error.value).endswith(message.format(sets))


def test_results_are_not_proposed_as_ground_truth(tmp_path: Path) -> None:
    for name in ('results.json', 'train.json', 'test.json'):
        (tmp_path / name).write_text('{}')
    with pytest.raises(FileNotFoundError) as error:
        evaluate('aviseg', tmp_path, tmp_path / 'results.json')
    proposed = str(error.value).split('Use ')[1].split(' or ')
    assert proposed == [str(tmp_path / 'test.json'), str(tmp_path / 'train.json')]
