"""Statistics of a split are those of its annotations."""

import numpy as np

from avis.datasets.ava import AVAActiveSpeaker
from avis.datasets.avsbench import AVSBenchSemantic
from avis.datasets.avtrack import AVTrack
from avis.datasets.statistics import count_split
from avis.datasets.transforms.loading import LoadLabelMaps
from avis.datasets.transforms.tracks import LoadTracks
from avis.structures.labels import AVSS_CLASSES
from avis.synthetic.generator import make_dataset
from tests.helpers.tiny_sets import write_avss


def test_instances_are_counted_per_frame(tmp_path) -> None:
    root = make_dataset(layout='avtrack', out=tmp_path / 'data', videos=2, seconds=4, size=(48, 64))
    dataset = AVTrack(data_root=str(root.root), pipeline=[LoadTracks(form='tracks')])
    found = count_split(dataset)
    assert (found.videos, found.frames, found.labeled_frames) == (2, 8, 8)
    assert found.seconds == [4.0, 4.0]
    assert found.sizes == {'48x64': 2}
    present = [
        [mask is not None for mask in track['masks']]
        for index in range(2)
        for track in dataset_of_json(root.root).record(index)['tracks']
    ]
    assert found.classes == {'person': len(present)}
    assert sum(number * count for number, count in found.sources.items()) == np.sum(present)
    assert len(found.areas) == np.sum(present)
    assert found.silent_share == found.sources[0] / 8
    assert sum(found.attributes['genre'].values()) == 2


def dataset_of_json(root) -> AVTrack:
    return AVTrack(data_root=str(root), masks='json')


def test_label_maps_count_classes_and_frames_without_labels(tmp_path) -> None:
    root = write_avss(tmp_path / 'avss')
    loader = LoadLabelMaps(encoding='voc_colors', num_classes=len(AVSS_CLASSES))
    dataset = AVSBenchSemantic(split='train', data_root=str(root), pipeline=[loader])
    found = count_split(dataset)
    assert (found.videos, found.frames) == (3, 20)
    assert found.labeled_frames == 16  # of the clip v1s only the first frame
    assert found.classes == {'dog': found.labeled_frames - found.sources[0]}
    assert found.attributes['subset'] == {'v1s': 1, 'v1m': 1, 'v2': 1}
    (root / 'v2').rename(root / 'elsewhere')
    (root / 'v2').mkdir()
    assert count_split(dataset).unreadable == 1


def test_faces_count_as_sources_while_they_speak(tmp_path) -> None:
    options = {'videos': 1, 'seconds': 2, 'size': (64, 96), 'video_fps': 10}
    root = make_dataset(layout='ava', out=tmp_path / 'ava', **options).root
    dataset = AVAActiveSpeaker(split='train', data_root=str(root))
    found = count_split(dataset)
    speaking = np.concatenate([dataset.record(k)['speaking'] for k in range(len(dataset))])
    assert found.sources == {0: int((speaking != 1).sum()), 1: int((speaking == 1).sum())}
