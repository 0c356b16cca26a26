"""Instance data of your own: classes that ``metainfo`` states, from check to metric."""

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from avis.apis.inference import class_names
from avis.datasets.aviseg import AVISeg
from avis.datasets.checking import check_dataset
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.vis import VISDataset
from avis.datasets.youtube_vis import YouTubeVIS
from avis.evaluation.metrics.track_metrics import AVISegMetric
from tests.helpers.tiny_vis import FRAMES, annotation, content, polygon, write_aviseg, write_json

CLASSES = ('robot', 'drum')
CATEGORIES = [{'id': 7, 'name': 'drum'}, {'id': 3, 'name': 'robot'}, {'id': 5, 'name': 'noise'}]
PIPELINE = (LoadFrames(), LoadAudio(), LoadTracks(form='tracks'), PackAVInputs())


@pytest.fixture
def root(tmp_path):
    """Two videos in the layout of AVISeg: a robot in the first, a drum in the second."""
    root = write_aviseg(tmp_path)
    masks = [polygon()] * FRAMES
    annotations = [
        annotation(1, 1, masks, category_id=3),
        annotation(2, 2, masks, category_id=7),
        annotation(3, 2, masks, category_id=5),
    ]
    for split in ('train', 'val', 'test'):
        lists = content(categories=CATEGORIES, annotations=annotations)
        write_json(root / f'{split}.json', lists)
    return root


def settings(root, kind, split: str) -> dict:
    common = {'type': kind, 'split': split, 'data_root': str(root), 'pipeline': PIPELINE}
    common['metainfo'] = {'classes': CLASSES}
    if kind is AVISeg:
        return common
    folders = {'image_dir': f'{split}/JPEGImages', 'audio_dir': f'{split}/WAVAudios'}
    return {**common, 'ann_file': f'{split}.json', **folders}


def build(root, kind, split: str = 'test'):
    return kind(
        **{key: value for key, value in settings(root, kind, split).items() if key != 'type'}
    )


@pytest.mark.parametrize('kind', [AVISeg, VISDataset, YouTubeVIS])
def test_check_dataset_reports_nothing_with_own_classes(root, kind, capsys) -> None:
    splits = ('train', 'val', 'test')
    loaders = {f'{s}_dataloader': {'dataset': settings(root, kind, s)} for s in splits}
    assert check_dataset(ConfigDict(loaders)) == 0
    text = capsys.readouterr().out
    assert 'published are' not in text
    assert 'officially' not in text
    assert 'No problems found' in text


@pytest.mark.parametrize('kind', [AVISeg, VISDataset, YouTubeVIS])
def test_own_classes_set_labels_in_their_order(root, kind) -> None:
    dataset = build(root, kind)
    assert dataset.metainfo['classes'] == CLASSES
    assert len(dataset.metainfo['palette']) == 2
    assert dataset.category_ids == [3, 7]
    assert dataset.published is None
    labels = [[track['label'] for track in dataset.record(index)['tracks']] for index in (0, 1)]
    assert labels == [[0], [1]]  # the track of 'noise' is ignored
    assert dataset[1]['data_samples'].gt_tracks.labels.tolist() == [1]


def test_classes_default_to_the_categories_of_the_file(root) -> None:
    folders = {'image_dir': 'test/JPEGImages', 'ann_file': 'test.json'}
    dataset = VISDataset(split='test', data_root=str(root), **folders)
    assert dataset.metainfo['classes'] == ('robot', 'noise', 'drum')
    assert [track['label'] for track in dataset.record(1)['tracks']] == [2, 1]


def test_class_that_is_no_category_is_an_error(root) -> None:
    with pytest.raises(
        ValueError, match=r"test\.json: expected the classes.*'robot'.*got \['cat'\]"
    ):
        AVISeg(split='test', data_root=str(root), metainfo={'classes': ('robot', 'cat')})


def test_metric_uses_own_classes(root) -> None:
    dataset = build(root, AVISeg)
    metric = AVISegMetric(protocol='corrected')
    metric.dataset_meta = dataset.metainfo
    samples = []
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        gt = sample.gt_tracks
        sample.pred_tracks = InstanceData(
            ids=gt.ids, labels=gt.labels, scores=torch.ones(len(gt.ids)), masks=gt.masks
        )
        samples.append(sample.to_dict())
    metric.process({}, samples)
    scores = metric.evaluate(len(dataset))
    assert scores['aviseg_corrected/AP_all'] == pytest.approx(100)
    assert scores['aviseg_corrected/HOTA'] == pytest.approx(100)
    assert not any(np.isnan(value) for key, value in scores.items() if 'AP_all' in key)


def test_class_names_of_a_model_are_own_classes(root) -> None:
    model = torch.nn.Identity()
    model.cfg = ConfigDict(test_dataloader={'dataset': settings(root, AVISeg, 'test')})
    assert class_names(model) == CLASSES
