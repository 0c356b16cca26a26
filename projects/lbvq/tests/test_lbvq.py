"""LBVQ: every config is valid, the demo model trains and predicts without audio, streamed too."""

from pathlib import Path

import pytest
import torch
from lbvq import convert_lbvq
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData
from torch import nn

from avis.apis import load_config
from avis.models.trackers.base import TrackerWindow
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

CONFIGS = sorted((Path(__file__).parents[1] / 'configs').glob('*.py'))
DEMO = CONFIGS[0].with_name('demo_lbvq_synthetic.py')
LENGTH, SIZE = 4, (64, 96)


def clip(seed: int) -> dict:
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (LENGTH, 3, *SIZE), dtype=torch.uint8, generator=rng)
    masks = torch.zeros(2, LENGTH, *SIZE, dtype=torch.bool)
    masks[0, :, 8:40, 8:40] = True
    masks[1, 1:, :20, 50:90] = True
    sample = AVDataSample(metainfo={'img_shape': SIZE, 'ori_shape': SIZE})
    sample.gt_tracks = InstanceData(labels=torch.tensor([0, 0]), ids=torch.arange(2), masks=masks)
    return {'inputs': {'frames': frames}, 'data_samples': sample}


@pytest.fixture(scope='module')
def model() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(load_config(DEMO).model).eval()


def predict(model: nn.Module, *clips: dict) -> list[InstanceData]:
    return [sample.pred_tracks for sample in model.test_step(pseudo_collate(list(clips)))]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_is_valid_and_reads_no_audio(path) -> None:
    cfg = load_config(path)
    head, tracker = cfg.model.frame_head, cfg.model.tracker
    classes = (head, head.loss_set, tracker.head, tracker.loss_set)
    assert len({part.num_classes for part in classes}) == 1
    assert tracker.max_candidates == (20 if 'ovis' in path.stem else 10)
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    assert all(loader.dataset.pipeline.load_audio is None for loader in loaders if loader)


def test_published_config_with_fewer_layers_trains_and_predicts() -> None:
    cfg = load_config(DEMO.with_name('lbvq_r101_coco_youtube_vis_2019.py'))
    head, tracker = cfg.model.frame_head, cfg.model.tracker
    cfg.model.backbone.depth = 18
    head.update(num_layers=2, num_query_layers=2, num_queries=10, hidden_channels=64)
    head.pixel_decoder.update(num_layers=1, in_channels=[64, 128, 256, 512])
    tracker.head.update(num_decoder_layers=1, num_queries=10, hidden_channels=64)
    head.loss_set.num_points = tracker.loss_set.num_points = 64
    model = MODELS.build(cfg.model).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train_step(pseudo_collate([clip(0)]), wrapper)
    assert losses['loss'].isfinite()
    (tracks,) = predict(model.eval(), clip(0))
    assert len(tracks.scores) <= tracker.max_candidates


def test_demo_model_trains_with_the_losses_of_lbvq(model) -> None:
    model.train()
    data = model.data_preprocessor(pseudo_collate([clip(0), clip(1)]), training=True)
    losses = model(**data, mode='loss')
    layers = len(model.tracker.head.layers)
    assert sum(name.startswith('loss_lbvq_') for name in losses) == 3 * layers
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    model.zero_grad()
    model.eval()


def test_clips_of_a_batch_and_a_single_window_are_predicted_as_alone(model) -> None:
    clips = [clip(0), clip(1)]
    for item, together in zip(clips, predict(model, *clips), strict=True):
        (alone,) = predict(model, item)
        assert together.labels.tolist() == alone.labels.tolist()
        torch.testing.assert_close(together.scores, alone.scores)
        data = model.data_preprocessor(pseudo_collate([item]))
        state = model.start_video()
        window = TrackerWindow.from_sample(data['data_samples'][0])
        model.predict_window(state, data['inputs'], window)
        streamed = model.finish_video(state)
        assert torch.equal(streamed.scores, alone.scores)
        assert len(alone.scores) == 10
        for ours, theirs in zip(streamed.masks, alone.masks, strict=True):
            assert (ours.to_dense() == theirs.to_dense()).all()


def test_converter_takes_checkpoints_of_lbvq_and_of_mask2former() -> None:
    names = {
        'sem_seg_head.predictor.static_query.weight': 'frame_head.query_feat.weight',
        'backbone.stem.conv1.weight': 'backbone.conv1.weight',
    }
    mask2former = {name: torch.zeros(1) for name in names}
    constants = {'criterion.empty_weight': torch.ones(1)}
    converted, dropped = convert_lbvq({**mask2former, **constants})
    assert sorted(converted) == sorted(names.values())
    assert dropped == ['criterion.empty_weight']
    clip_module = {'lbvq_module.time_attention_weights.bias': torch.zeros(1)}
    converted, _ = convert_lbvq({**mask2former, **clip_module})
    assert 'tracker.head.time_attention.bias' in converted
    with pytest.raises(ValueError, match='1 unknown entries'):
        convert_lbvq({**mask2former, 'vita_module.query_feat.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match='0 known ones'):
        convert_lbvq({})
