import pytest

from avis.evaluation.benchmarks.breakdown import group_videos


def test_values_become_groups_with_numbers_first_and_unknown_last() -> None:
    values = [{'x': 'b'}, {}, {'x': 2}, {'x': 'a'}, {'x': 10}, {'x': 'b'}]
    groups = group_videos(values, 'x')
    assert list(groups.items()) == [
        *(('2', [2]), ('10', [4]), ('a', [3]), ('b', [0, 5]), ('(unknown)', [1])),
    ]


def test_video_is_in_the_group_of_each_of_its_names() -> None:
    videos = [{'x': ['cut', 'blur']}, {'x': ('blur',)}, {'x': []}, {}]
    expected = {'blur': [0, 1], 'cut': [0], '(none)': [2], '(unknown)': [3]}
    assert group_videos(videos, 'x') == expected
    mappings = [
        {'x': {'cut': 1, 'blur': True}},
        {'x': {'cut': 0, 'blur': True}},
        {'x': {'cut': 0}},
        {},
    ]
    assert group_videos(mappings, 'x') == expected


def test_name_splits_the_videos() -> None:
    videos = [{'x': {'cut': True}}, {'x': {'cut': False}}, {'y': ['cut']}, {}]
    assert group_videos(videos, 'cut') == {'with cut': [0, 2], 'without cut': [1, 3]}
    assert group_videos(videos[1:2], 'cut') == {'without cut': [0]}


def test_booleans_become_groups() -> None:
    assert group_videos([{'x': True}, {'x': False}], 'x') == {'False': [1], 'True': [0]}


def test_many_numbers_are_split_at_their_quartiles() -> None:
    groups = group_videos([{'x': n} for n in range(1, 13)], 'x')
    assert groups == {
        'up to 3.75': [0, 1, 2],
        '3.75 to 6.5': [3, 4, 5],
        '6.5 to 9.25': [6, 7, 8],
        'above 9.25': [9, 10, 11],
    }


def test_unknown_attribute_raises_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"attribute 'y'; use one of \['cut', 'length', 'x'\]"):
        group_videos([{'x': ['cut'], 'length': 3}], 'y')
