"""Records from an index file: the same as from the annotations, and never of old ones."""

import pickle

import numpy as np
import pytest

from avis.datasets.avsbench import AVSBenchSemantic
from avis.datasets.avtrack import AVTrack
from avis.datasets.record_index import open_index, write_index
from avis.datasets.sound_localization import FrameAudioPairs
from tests.helpers.tiny_sets import write_avss
from tests.helpers.tiny_vis import write_avtrack


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_avss(tmp_path_factory.mktemp('avss'))


class Counted(AVSBenchSemantic):
    """Counts how often the annotations are read."""

    reads = 0

    def load_data_list(self):
        Counted.reads += 1
        return super().load_data_list()


@pytest.fixture
def build(root, tmp_path):
    Counted.reads = 0

    def build(split='train', data_root=root, **options):
        folder = str(tmp_path / 'index')
        return Counted(split=split, data_root=str(data_root), index_dir=folder, **options)

    return build


def records(dataset):
    return [dataset.record(index) for index in range(len(dataset))]


def test_records_of_the_index_equal_those_of_the_annotations(root, build) -> None:
    plain = AVSBenchSemantic(split='train', data_root=str(root))
    assert records(build()) == records(build()) == records(plain)
    assert Counted.reads == 1
    assert isinstance(build().data_bytes, np.memmap)
    assert build().metainfo == plain.metainfo


def test_other_arguments_have_an_index_of_their_own(build) -> None:
    build()
    assert records(build(split='val'))[0]['video_id'] == 'v1s_val'
    assert len(build(indices=1)) == 1
    assert Counted.reads == 3
    build(skip_broken=True)  # does not change the records
    assert Counted.reads == 3


def test_changed_annotations_are_read_again(root, build, tmp_path) -> None:
    table = tmp_path / 'metadata.csv'
    table.write_text((root / 'metadata.csv').read_text())
    assert len(build(ann_file=str(table))) == 3
    table.write_text(table.read_text().replace('v2_train', 'v2_other'))
    assert records(build(ann_file=str(table)))[2]['video_id'] == 'v2_other'
    assert Counted.reads == 2


def test_a_pickled_data_set_maps_the_index_again(build) -> None:
    dataset = build()
    data = pickle.dumps(dataset)
    assert b'v1s_train' not in data
    other = pickle.loads(data)
    assert records(other) == records(dataset)
    assert isinstance(other.data_bytes, np.memmap)
    assert Counted.reads == 1


def test_what_else_the_annotations_state_is_restored(tmp_path) -> None:
    root = str(write_avtrack(tmp_path / 'data'))
    first, second = (AVTrack(data_root=root, index_dir=str(tmp_path)) for _ in range(2))
    assert second.category_ids == first.category_ids == [1]
    assert second.unlisted_videos() == first.unlisted_videos() == []
    assert records(second) == records(first)


def test_frames_without_a_list_have_no_index(tmp_path) -> None:
    with pytest.raises(ValueError, match='index_dir needs ann_file'):
        FrameAudioPairs(data_root=str(tmp_path), index_dir=str(tmp_path))


@pytest.mark.parametrize('content', [b'', b'short', bytes(100)])
def test_a_file_that_is_no_index_is_written_again(tmp_path, content) -> None:
    path = tmp_path / 'x.index'
    path.write_bytes(content)
    assert open_index(path, 'key') is None
    write_index(path, 'key', [{'a': 1}, {'a': 2}], {'classes': ('cat',)})
    index = open_index(path, 'key')
    assert index is not None
    assert pickle.loads(index.records[index.ends[0] : index.ends[1]]) == {'a': 2}
    assert index.state == {'classes': ('cat',)}
    assert open_index(path, 'other') is None


def test_an_index_without_records_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match='expected at least one record, got none'):
        write_index(tmp_path / 'x.index', 'key', [], {})
