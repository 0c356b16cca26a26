"""Checks of models that track by queries of whole clips: VITA, LBVQ and ACVIS."""

from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData
from torch import nn

from avis.apis import load_config
from avis.models.trackers.base import TrackerWindow
from avis.registry import MODELS
from tests.helpers.tiny_avism import clip
from tests.helpers.two_processes import check_gradients, gradients_of_config


def predict(model: nn.Module, *clips: dict) -> list[InstanceData]:
    """The tracks of each clip."""
    return [sample.pred_tracks for sample in model.test_step(pseudo_collate(list(clips)))]


def check_config(path: Path) -> None:
    """Assert that a config is valid, has one number of classes, and reads no audio."""
    cfg = load_config(path)
    head, tracker = cfg.model.frame_head, cfg.model.tracker
    classes = (head, head.loss_set, tracker.head, tracker.loss_set)
    assert len({part.num_classes for part in classes}) == 1
    assert tracker.max_candidates == (20 if 'ovis' in path.stem else 10)
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    for loader in filter(None, loaders):
        mixed = loader.dataset.get('datasets', {'alone': loader.dataset})
        # Clips of images have no audio to load.
        audio = [part.pipeline.get('load_audio') for part in mixed.values()]
        assert audio == [None] * len(mixed)


def check_training_step(cfg: Config, item: dict) -> None:
    """Assert that the model of a config trains on a clip with its optimizer, and predicts it."""
    model = MODELS.build(cfg.model).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train_step(pseudo_collate([item]), wrapper)
    assert losses['loss'].isfinite()
    (tracks,) = predict(model.eval(), item)
    assert len(tracks.scores) <= model.tracker.max_candidates


def check_losses(model: nn.Module, length: int, prefix: str, layers: int) -> None:
    """Assert that two clips give three losses per layer, and each parameter a gradient."""
    model.train()
    clips = [clip(length), clip(length, seed=1)]
    data = model.data_preprocessor(pseudo_collate(clips), training=True)
    losses = model(**data, mode='loss')
    assert sum(name.startswith(prefix) for name in losses) == 3 * layers
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    model.zero_grad()
    model.eval()


def check_predictions(model: nn.Module, length: int) -> None:
    """Assert that clips of a batch, and a single window, are predicted as a clip alone."""
    clips = [clip(length), clip(length, seed=1)]
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
        assert len(alone.scores) == model.tracker.max_candidates
        for ours, theirs in zip(streamed.masks, alone.masks, strict=True):
            assert (ours.to_dense() == theirs.to_dense()).all()


def check_two_processes(config: Path, folder: Path) -> None:
    """Assert that two processes with one clip each have the gradients of one with both."""
    clips = [clip(3), clip(3, seed=1)]
    clips[1]['data_samples'].gt_tracks = clips[1]['data_samples'].gt_tracks[:1]
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index)})
    check_gradients(partial(gradients_of_config, config), clips, folder)
