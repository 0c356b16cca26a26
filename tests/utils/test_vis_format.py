import pytest

from avis.utils.vis_format import (
    mean_area,
    missing_fields,
    track_attributes,
    video_attributes,
    video_name,
)


@pytest.mark.parametrize('name', ['-kXy_1_2', '_under', '12345678', 'a b'])
def test_video_is_named_by_its_folder(name) -> None:
    assert video_name({'id': 1, 'file_names': [f'{name}/00000.jpg']}) == name


def test_video_without_files_is_named_by_its_id() -> None:
    assert video_name({'id': 7, 'file_names': []}) == '7'


def test_unknown_keys_are_attributes() -> None:
    video = {'id': 1, 'file_names': [], 'height': 2, 'width': 2, 'length': 0, 'genre': 'opera'}
    assert video_attributes(video) == {'genre': 'opera'}
    assert track_attributes({'id': 1, 'video_id': 1, 'areas': [], 'voice': 'low'}) == {
        'voice': 'low'
    }


@pytest.mark.parametrize(
    ('areas', 'mean'), [(None, None), ([], 0.0), ([None, 0], 0.0), ([2, None, 4, 0], 3.0)]
)
def test_mean_area(areas, mean) -> None:
    assert mean_area(areas) == mean


def test_missing_fields_keep_their_order() -> None:
    assert missing_fields({'b': 1}, ('c', 'b', 'a')) == ['c', 'a']
