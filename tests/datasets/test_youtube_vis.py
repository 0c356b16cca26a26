import pytest

from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.youtube_vis import YouTubeVIS
from tests.helpers.tiny_vis import content, write_json, write_media

CATEGORIES = [{'id': 40, 'name': 'zebra'}, {'id': 1, 'name': 'person'}, {'id': 26, 'name': 'sedan'}]
PIPELINE = (
    LoadFrames(),
    LoadAudio(source='features', missing='silence'),
    LoadTracks(),
    PackAVInputs(),
)


@pytest.mark.parametrize(
    ('file', 'images'),
    [
        ('train.json', 'train/JPEGImages'),
        ('annotations/train.json', 'train/JPEGImages'),
        ('annotations_train.json', 'train'),
    ],
)
def test_files_are_found_and_classes_come_from_the_file(tmp_path, file, images) -> None:
    write_json(tmp_path / file, content(categories=CATEGORIES))
    write_media(tmp_path / images)
    dataset = YouTubeVIS(split='train', data_root=str(tmp_path), pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ('person', 'sedan', 'zebra')
    assert dataset.category_ids == [1, 26, 40]
    assert dataset.record(0)['audio'] is None
    sample = dataset[1]
    assert sample['data_samples'].gt_tracks.labels.tolist() == [1]
    assert sample['inputs']['audio'].shape == (3, 128)
    assert not sample['inputs']['audio'].any()


def test_val_split_may_be_named_valid(tmp_path) -> None:
    write_json(tmp_path / 'valid.json', content())
    write_media(tmp_path / 'valid/JPEGImages')
    dataset = YouTubeVIS(split='val', data_root=str(tmp_path))
    assert dataset.record(0)['frames'][0] == str(tmp_path / 'valid/JPEGImages/-a_1/00000.jpg')


@pytest.mark.parametrize(('version', 'published'), [('2019', 302), ('2021', None), ('ovis', 140)])
def test_published_counts_follow_the_version(tmp_path, version, published) -> None:
    write_json(tmp_path / 'val.json', content())
    write_media(tmp_path / 'val')
    dataset = YouTubeVIS(split='val', version=version, data_root=str(tmp_path))
    assert dataset.published == published


def test_missing_files_and_categories_are_errors(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"expected version to be one of .* got '2020'"):
        YouTubeVIS(split='val', version='2020', data_root=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'(?s)train\.json does not exist.*JPEGImages'):
        YouTubeVIS(split='train', data_root=str(tmp_path))
    write_json(tmp_path / 'train.json', content(categories=[]))
    write_media(tmp_path / 'train')
    with pytest.raises(ValueError, match=r'train\.json: has no list categories'):
        YouTubeVIS(split='train', data_root=str(tmp_path))
