"""Files of a folder: their order, and which are passed over."""

import random
from pathlib import Path

import pytest

from avis.utils.file_names import natural_key
from avis.utils.media_files import list_folder, same_stem


@pytest.mark.parametrize(
    'names',
    [
        ['0.png', '1.png', '2.png', '10.png'],
        ['a1b2.png', 'a1b10.png', 'a2b1.png', 'b.png'],
        ['1.png', '01.png', '001.png', '2.png'],
        ['1.png', '-1.png', '_1.png', 'a.png', 'ä.png'],
        ['9' * 5000, '1' + '0' * 5000],
        ['²1', '²2', '²10'],
    ],
)
def test_numbers_in_names_are_compared_as_numbers(names: list[str]) -> None:
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)
    if '01.png' not in names:
        assert sorted(shuffled, key=natural_key) == names


def listed(folder: Path) -> list[list[str]]:
    return [[path.name for path in paths] for paths in list_folder(folder)]


def test_hidden_files_and_thumbnails_are_passed_over(tmp_path: Path) -> None:
    for name in [
        '10.JPG',
        '9.jpg',
        '._9.jpg',
        '.DS_Store',
        '9_thumb.jpg',
        'thumbnail.png',
        'a.wav',
    ]:
        (tmp_path / name).touch()
    (tmp_path / '1.jpg').mkdir()
    images, videos, skipped = listed(tmp_path)
    assert images == ['9.jpg', '10.JPG']
    assert videos == []
    assert sorted(skipped) == sorted(
        ['._9.jpg', '.DS_Store', '1.jpg', '9_thumb.jpg', 'a.wav', 'thumbnail.png']
    )


def test_frames_may_be_called_thumbnails(tmp_path: Path) -> None:
    for name in ['thumb_2.jpg', 'thumb_10.jpg']:
        (tmp_path / name).touch()
    assert listed(tmp_path) == [['thumb_2.jpg', 'thumb_10.jpg'], [], []]


def test_files_that_differ_by_their_suffix_only_are_found() -> None:
    paths = [Path('a/1.jpg'), Path('a/2.jpg'), Path('a/2.png')]
    assert same_stem(paths) == (paths[1], paths[2])
    assert same_stem(paths[:2]) is None
