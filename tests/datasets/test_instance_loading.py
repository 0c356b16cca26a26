"""The pipelines of the configs, through the workers of a data loader."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from avis.apis.config import load_config
from avis.evaluation.metrics.sample_tracks import tracks_of
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.registry import DATASETS
from tests.helpers.tiny_vis import NAMES, content, write_aviseg, write_json

BASE = '_base_/datasets/aviseg'
WAVEFORM = 'avis/avism/ablations/avism_r50_in_aviseg_vggish'


def dataset(name: str, split: str, root) -> object:
    options = {f'{split}_dataloader.dataset.data_root': str(root)}
    cfg = load_config(f'configs/{name}.py', options)
    return DATASETS.build(cfg[f'{split}_dataloader'].dataset)


@pytest.fixture
def root(tmp_path):
    return write_aviseg(tmp_path)


@pytest.mark.parametrize('workers', [0, 2])
def test_training_batches_have_the_expected_shapes(root, workers) -> None:
    # The parent has used threads before the fork, as in training.
    F.interpolate(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), size=(32, 32), mode='bilinear')
    data = dataset(BASE, 'train', root)
    loader = DataLoader(
        data,
        batch_size=2,
        num_workers=workers,
        collate_fn=pseudo_collate,
        timeout=60 * bool(workers),
    )
    (batch,) = loader
    batch = AVDataPreprocessor()(batch, training=True)
    frames = batch['inputs']['frames']
    assert frames.shape[:3] == (2, 5, 3)
    assert batch['inputs']['audio'].shape == (2, 5, 128)
    for sample in batch['data_samples']:
        masks = sample.gt_tracks.masks
        assert masks.shape == (len(sample.gt_tracks), 5, *frames.shape[-2:])
        assert masks.dtype == torch.bool


@pytest.mark.parametrize('name', [BASE, WAVEFORM])
def test_whole_videos_are_loaded_for_the_metrics(root, name) -> None:
    data = dataset(name, 'test', root)
    item = data[0]
    assert min(item['inputs']['frames'].shape[-2:]) == 360
    sample = item['data_samples'].to_dict()
    sample['pred_tracks'] = {'masks': [], 'labels': [], 'scores': []}
    tracks = tracks_of(sample)
    assert tracks.size == (24, 32)
    assert tracks.gt.labels == [0]
    assert tracks.gt.sizes == [112.0]


@pytest.mark.parametrize('split', ['train', 'test'])
def test_video_of_one_frame_is_written(root, split) -> None:
    lists = content()
    for video in lists['videos']:
        video.update(length=1, file_names=video['file_names'][:1])
    for track in lists['annotations']:
        track.update({key: track[key][:1] for key in ('segmentations', 'bboxes')})
    write_json(root / f'{split}.json', lists)
    for name in NAMES:
        np.save(root / split / f'FEATAudios/{name}.npy', np.ones((1, 128), np.float32))
    item = dataset(BASE, split, root)[0]
    count = 5 if split == 'train' else 1
    assert len(item['inputs']['frames']) == len(item['inputs']['audio']) == count
    assert item['data_samples'].frame_ids.tolist() == [0] * count
