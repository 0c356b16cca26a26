import pytest

from avis.synthetic.recipe import CHALLENGES, LAYOUTS, Recipe


def test_there_are_nine_layouts_and_eight_challenges():
    assert len(LAYOUTS) == 9
    assert len(CHALLENGES) == 8


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layout': 'coco'}, r"layout must be one of \('avsbench_s4'.*got 'coco'"),
        ({'videos': 0}, 'videos must be at least 1, got 0'),
        ({'seconds': 0}, 'seconds must be at least 1, got 0'),
        ({'seed': -1}, 'seed must be at least 0, got -1'),
        ({'identities': 1}, 'identities must be at least 2, got 1'),
        ({'video_fps': 0}, 'video_fps must be at least 1'),
        ({'size': (16, 64)}, r'size must be \(height, width\) in 32..4096, got \(16, 64\)'),
        ({'challenges': {'rain': 1.0}}, "challenge must be one of .* got 'rain'"),
        ({'challenges': {'background_switch': 1.5}}, 'background_switch must be in 0..1, got 1.5'),
        ({'splits': (1, 1)}, r'three counts \(train, val, test\), got \(1, 1\)'),
        ({'splits': (1, 1, -1)}, 'splits must be three counts'),
        ({'splits': (1, 1, 1), 'videos': 4}, 'sum to 3, but videos is 4'),
        ({'layout': 'avtrack', 'splits': (0, 0, 12)}, 'avtrack has a test split only'),
        ({'layout': 'ava', 'splits': (8, 0, 4)}, 'ava has no test split'),
    ],
)
def test_invalid_options_are_reported(options, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**{'layout': 'avsbench_ms3', **options})


@pytest.mark.parametrize(
    ('videos', 'counts'), [(1, (1, 0, 0)), (2, (2, 0, 0)), (3, (1, 1, 1)), (20, (14, 3, 3))]
)
def test_videos_are_divided_over_the_splits(videos, counts):
    splits = Recipe(layout='avss', videos=videos).split_of_videos()
    assert tuple(splits.count(name) for name in ('train', 'val', 'test')) == counts
    assert splits == ['train'] * counts[0] + ['val'] * counts[1] + ['test'] * counts[2]


def test_explicit_splits_are_kept():
    recipe = Recipe(layout='avss', videos=6, splits=(1, 0, 5))
    assert recipe.split_of_videos() == ['train'] + ['test'] * 5


def test_avtrack_has_a_test_split_only():
    assert Recipe(layout='avtrack', videos=2).split_of_videos() == ['test', 'test']


def test_ava_has_no_test_split():
    assert Recipe(layout='ava', videos=4).split_of_videos() == ['train'] * 2 + ['val'] * 2


def test_in_turn_each_video_has_one_challenge():
    challenges = {'visual_occlusion': 1.0, 'background_switch': 0.5}
    recipe = Recipe(layout='avtrack', videos=3, challenges=challenges, in_turn=True)
    assert [dict(recipe.challenges_of(index)) for index in range(3)] == [
        {'visual_occlusion': 1.0},
        {'background_switch': 0.5},
        {'visual_occlusion': 1.0},
    ]
    together = Recipe(layout='avtrack', videos=3, challenges=challenges)
    assert together.challenges_of(2) == challenges
    assert Recipe(layout='avtrack', in_turn=True).challenges_of(1) == {}
