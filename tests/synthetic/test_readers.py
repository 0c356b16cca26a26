"""The data set classes read synthetic sets like the official ones."""

import numpy as np
import pytest

from avis.datasets.avsbench import AVSBenchMS3, AVSBenchS4, AVSBenchSemantic
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.synthetic.generator import make_dataset


def read_all(dataset_class, root, label_maps, **options):
    pipeline = [
        {'type': LoadFrames},
        {'type': LoadAudio, 'sample_rate': 16000},
        {'type': LoadLabelMaps, **label_maps},
        {'type': PackAVInputs},
    ]
    clips = []
    for split in ('train', 'val', 'test'):
        dataset = dataset_class(data_root=str(root), split=split, pipeline=pipeline, **options)
        assert len(dataset) == 1
        clips.append(dataset[0])
    return clips


@pytest.mark.parametrize(
    ('layout', 'dataset_class', 'labeled'),
    [('avsbench_s4', AVSBenchS4, [1, 5, 5]), ('avsbench_ms3', AVSBenchMS3, [5, 5, 5])],
)
def test_avsbench_reads_waveforms_and_log_mel(layout, dataset_class, labeled, tmp_path):
    report = make_dataset(layout=layout, out=tmp_path, videos=3, size=(48, 64))
    for audio, shape in (('wav', (80000,)), ('log_mel', (5, 96, 64))):
        clips = read_all(dataset_class, report.root, {'encoding': 'binary'}, audio=audio)
        for clip, count in zip(clips, labeled, strict=True):
            assert tuple(clip['inputs']['frames'].shape) == (5, 3, 48, 64)
            assert tuple(clip['inputs']['audio'].shape) == shape
            assert int(clip['data_samples'].labeled_frames.sum()) == count
            labels = clip['data_samples'].gt_sem_seg.sem_seg
            assert set(np.unique(labels)) == {0, 1}


def test_avss_reads_all_subsets(tmp_path):
    report = make_dataset(layout='avss', out=tmp_path, videos=3, size=(48, 64))
    clips = read_all(AVSBenchSemantic, report.root, {'encoding': 'voc_colors', 'num_classes': 71})
    for clip, frames in zip(clips, (5, 5, 10), strict=True):  # v1s, v1m, v2
        assert tuple(clip['inputs']['frames'].shape) == (frames, 3, 48, 64)
        assert tuple(clip['inputs']['audio'].shape) == (16000 * frames,)
        labels = set(np.unique(clip['data_samples'].gt_sem_seg.sem_seg))
        assert labels <= {0, 6, 11, 17, 28, 41, 68, 70}  # bell, car, dog, guitar, man, ...
        assert len(labels) > 1
