"""Compare CAVIS with a golden of the segmenter, the online or the offline model."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cavis
import numpy as np
import torch
from cavis.trackers import CAVISTracker
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.trackers.base import TrackerWindow
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, draw_blocks
from tests.parity.comparison import Comparison
from tests.parity.published import load_model, recorded_outputs, reference_names
from tests.parity.training import (
    ReplayedPoints,
    SamePoints,
    compare_gradients,
    compare_losses,
    draw_points,
)

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# Biases in front of a softmax over frames have no gradient: what is recorded is rounding.
_FLOOR = {'frame_weight.bias': 1e-3}


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare all cases of a golden ``cavis_<model>_r50``."""
    config = CONFIGS / f'cavis_{name.split("_")[1]}_r50_youtube_vis_2019.py'
    laplacian = torch.full((1, 1, 3, 3), -1.0)
    laplacian[..., 1, 1] = 8
    constants = {'sem_seg_head.predictor.laplacian': laplacian}
    model, dropped = load_model(golden, 'cavis', config, constants=constants)
    allowed = ('empty_weight', 'laplacian')
    comparison.value('dropped', sum(not entry.endswith(allowed) for entry in dropped))
    for case in comparison.eval_cases():
        compare_evaluation(model, case, comparison)
    if comparison.compares('train'):
        compare_training(model, comparison)


def make_batch(model: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preprocessed clip of a case."""
    size = (meta['height'], meta['width'])
    out = (meta.get('out_height', size[0]), meta.get('out_width', size[1]))
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': out})
    batch: dict[str, Any] = model.data_preprocessor(
        {'inputs': {'frames': [draw_blocks(meta)['frames']]}, 'data_samples': [sample]}
    )
    return batch


class Recorder:
    """Compares the values that a golden records.

    Args:
        comparison: Receives the differences.
        case: First part of the names.
    """

    def __init__(self, comparison: Comparison, case: str) -> None:
        self.comparison = comparison
        self.case = case

    def __call__(self, name: str, value: Tensor) -> None:
        """Compare a tensor, if it is recorded."""
        if f'{self.case}/{name}/shape' in self.comparison.golden.arrays:
            self.comparison.tensor(f'{self.case}/{name}', value)

    def exact(self, name: str, value: Tensor) -> None:
        """Compare an array of integers, if it is recorded."""
        if f'{self.case}/{name}' in self.comparison.golden.arrays:
            self.comparison.array(f'{self.case}/{name}', value)


def model_parts(model: nn.Module) -> dict[str, nn.Module]:
    """The parts of a model whose outputs are recorded."""
    parts = {
        'backbone': model.backbone,
        'pixels': model.frame_head.pixel_decoder,
        'frames': model.frame_head,
        'context': model.frame_head.context,
    }
    for name in ('head', 'refiner'):
        if hasattr(model.tracker, name):
            parts[name] = getattr(model.tracker, name)
    return parts


def compare_evaluation(model: nn.Module, case: str, comparison: Comparison) -> None:
    """Compare what an evaluation computes, and its tracks."""
    model.eval()
    meta = comparison.golden.meta[case]
    batch = make_batch(model, meta)
    window = TrackerWindow.from_sample(batch['data_samples'][0])
    tracker, state = model.tracker, model.start_video()
    assert isinstance(tracker, CAVISTracker)
    record = Recorder(comparison, case)
    with torch.no_grad(), recorded_outputs(model_parts(model)) as seen:
        frames, audio = model.predict_frames(batch['inputs'])
        tracker.update(state, frames, audio, window)
        compare_segmenter(frames, seen, record)
        if 'head' in seen:
            compare_tracker(frames, seen['head'][0][0], record)
        if 'refiner' in seen:
            compare_refiner(frames, seen['refiner'][0], record)
        if not seen.get('head'):
            order = tracker.align(tracker.start(), frames.extras['embeds'])
            record.exact('segmenter.match_indices', order[0, 1:])
        compare_earlier_layers(model, batch, record)
        queries, labels, scores = tracker.candidates(state)
        tracks = tracker.finish(state)
    compare_tracks(tracks, (queries, labels, scores), case, comparison)


def compare_segmenter(frames: Any, seen: Mapping[str, list[Any]], record: Recorder) -> None:
    """Compare backbone, pixel decoder and frame head."""
    for level, maps in enumerate(zip(*seen['backbone'], strict=True)):
        record(f'backbone.res{level + 2}', torch.cat(maps))
    for level, maps in enumerate(zip(*(x.levels for x in seen['pixels']), strict=True)):
        record(f'pixel.multi_scale_{level}', torch.cat(maps))
    record('pixel.mask_features', frames.mask_features[0])
    record('segmenter.context', torch.cat(seen['context']).transpose(0, 1))
    record('segmenter.pred_logits', frames.class_logits)
    record('segmenter.pred_masks', frames.mask_logits().transpose(1, 2))
    record('segmenter.queries', frames.extras['states'].permute(0, 3, 1, 2))
    record('segmenter.embeds', frames.extras['embeds'].permute(0, 3, 1, 2))


def compare_tracker(frames: Any, tracked: Any, record: Recorder) -> None:
    """Compare the output of the tracker for a video."""
    record('tracker.pred_logits', tracked.class_logits[-1])
    if f'{record.case}/tracker.pred_masks/shape' in record.comparison.golden.arrays:
        masks = frames.mask_logits(mask_embeds=tracked.mask_embeds[-1])
        record('tracker.pred_masks', masks.transpose(1, 2))
    record('tracker.embeds', tracked.embeds.permute(0, 3, 1, 2))
    record('tracker.references', tracked.references.permute(0, 3, 1, 2))
    for index, logits in enumerate(tracked.class_logits[:-1]):
        record(f'tracker.aux{index}.pred_logits', logits)
    record.exact('tracker.frame_indices', tracked.frame_index[0])
    record.exact('tracker.context_indices', tracked.context_index[0])


def compare_refiner(frames: Any, refined: Any, record: Recorder) -> None:
    """Compare the output of the refiner for a video."""
    logits = refined.class_logits[-1][:, None]
    record('refiner.pred_logits', logits.expand(-1, refined.embeds.shape[1], -1, -1))
    masks = frames.mask_logits(mask_embeds=refined.mask_embeds[-1])
    record('refiner.pred_masks', masks.transpose(1, 2))
    record('refiner.embeds', refined.embeds.permute(0, 3, 1, 2))


def compare_earlier_layers(model: nn.Module, batch: dict[str, Any], record: Recorder) -> None:
    """Compare the class logits of earlier decoder layers, which training computes."""
    prefix = f'{record.case}/segmenter.aux'
    if not any(name.startswith(prefix) for name in record.comparison.golden.arrays):
        return
    frames = batch['inputs']['frames']
    model.frame_head.train()
    maps = model.backbone(frames.flatten(0, 1))
    layers = model.frame_head(maps, None, (1, frames.shape[1])).layers
    model.frame_head.eval()
    for index, layer in enumerate(layers):
        record(f'segmenter.aux{index}.pred_logits', layer.class_logits)


def compare_tracks(
    tracks: InstanceData,
    candidates: tuple[Tensor, Tensor, Tensor],
    case: str,
    comparison: Comparison,
) -> None:
    """Compare all tracks; those whose scores are equal up to rounding may swap."""
    arrays = comparison.golden.arrays
    queries, labels, scores = (value.numpy() for value in candidates)
    recorded = arrays[f'{case}/final/scores']
    gaps = np.abs(np.diff(recorded)) > 1e-5
    apart = np.append(True, gaps) & np.append(gaps, True)
    for part in ('final', 'top'):
        comparison.array(f'{case}/{part}/scores', scores, atol=1e-5)
        for name, ours in (('labels', labels), ('ids', queries)):
            different = ours != arrays[f'{case}/{part}/{name}']
            comparison.value(f'{case}/{part}/{name}', different[apart].sum())
    shape = arrays[f'{case}/final/masks_shape']
    packed = arrays[f'{case}/final/masks_packed']
    masks = np.unpackbits(packed, count=shape.prod()).reshape(shape).astype(bool)
    ours = np.stack([track.to_dense() for track in tracks.masks[: shape[0]]])
    comparison.array(f'{case}/final/masks_shape', np.array(ours.shape))
    flipped = (ours != masks).mean((1, 2, 3))[apart[: shape[0]]]
    comparison.value(f'{case}/final/masks_packed', flipped.max(initial=0), 1e-4)
    areas = np.stack([track.areas for track in tracks.masks])
    flipped = np.abs(areas - arrays[f'{case}/top/mask_area'])[apart]
    comparison.value(f'{case}/top/mask_area', flipped.max(initial=0), 3)


def make_gt(arrays: Mapping[str, np.ndarray]) -> AVDataSample:
    """One clip with the recorded instances, some of which are absent in some frames."""
    shape = arrays['train/target/masks_shape']  # (T, N, H, W)
    packed = arrays['train/target/masks_packed']
    masks = np.unpackbits(packed, count=shape.prod()).reshape(shape).astype(bool)
    ids, classes = arrays['train/target/ids'], arrays['train/target/classes']  # (T, N)
    tracks = InstanceData(
        labels=torch.from_numpy(classes.min(0)),  # "no object" has the largest index
        ids=torch.from_numpy(ids.max(0)),
        masks=torch.from_numpy(masks).transpose(0, 1),
        annotated=torch.from_numpy(ids >= 0).T,
    )
    return AVDataSample(gt_tracks=tracks)


@contextmanager
def iteration(number: int) -> Iterator[None]:
    """Let the trackers see an iteration of the training."""
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', number)
    yield
    hub.update_info('iter', 0)


def compare_training(model: nn.Module, comparison: Comparison) -> None:
    """Compare the recorded training steps: ``fixed``, ``late`` and ``rng``."""
    golden = comparison.golden
    arrays, meta = golden.arrays, golden.meta['train']
    segments = 'head' not in model_parts(model)
    loss_set = model.frame_head.loss_set if segments else model.tracker.loss_set
    for step, number in {'fixed': 0, 'late': 10**9, 'rng': 0}.items():
        if f'train/{step}/loss_values' in arrays:
            offline = 'refiner' in model_parts(model)
            loss_set.points = (
                replayed_points(golden, offline=offline) if step == 'rng' else SamePoints(meta)
            )
            with iteration(number):
                compare_step(model, loss_set, f'train/{step}', comparison)
    for name in ('train/target/', 'train/point_seed', 'train/rng/rand_calls'):
        comparison.skip(name, 'input of the case')
    model.eval()


def replayed_points(golden: Golden, *, offline: bool) -> ReplayedPoints:
    """Return the random points of the recorded step, in the order in which avis draws them."""
    shapes = json.loads(golden.arrays['train/rng/rand_calls'].item())
    length, instances = golden.arrays['train/target/masks_shape'][:2].tolist()
    sets = 1 if offline else length  # the frames of a clip are one tall image
    rng = torch.Generator().manual_seed(golden.meta['train']['torch_seed'])
    draws = draw_points(rng, shapes)
    return ReplayedPoints(draws, [instances] * sets, num_features=sets)


def compare_step(model: nn.Module, loss_set: nn.Module, case: str, comparison: Comparison) -> None:
    """Compare tensors, losses, matchings and gradients of a training step."""
    golden = comparison.golden
    inputs = make_batch(model, golden.meta['train'])['inputs']
    model.train()
    parts = {**model_parts(model), 'losses': loss_set}
    with recorded_outputs(parts) as seen:
        losses = model(inputs, [make_gt(golden.arrays)], mode='loss')
    record = Recorder(comparison, 'train')
    if case.endswith('fixed'):
        frames = seen['frames'][0]
        record('segmenter.pred_logits', frames.class_logits)
        record('segmenter.embeds', frames.extras['embeds'].permute(0, 3, 1, 2))
        if 'head' in seen:
            tracked = seen['head'][0][0]
            record('tracker.references', tracked.references.permute(0, 3, 1, 2))
            record.exact('tracker.frame_indices', tracked.frame_index[0])
            record.exact('tracker.context_indices', tracked.context_index[0])
    compare_losses(comparison, case, losses)
    compare_matchings(comparison, case, seen['losses'][0][1])
    if f'{case}/grad_norm' in golden.arrays:
        sum(losses.values()).backward()
        names = reference_names(golden, cavis.convert_cavis)
        compare_gradients(comparison, case, model, names, floor=_FLOOR)
    model.zero_grad()


def compare_matchings(comparison: Comparison, case: str, layers: list[Any]) -> None:
    """Count the images whose matched pairs differ; recorded once if layers share them."""
    recorded = json.loads(comparison.golden.arrays[f'{case}/matching'].item())
    layers = [layers[-1], *layers[:-1]][: len(recorded)]
    different = 0
    for ours, expected in zip(layers, recorded, strict=True):
        for (queries, instances), pairs in zip(ours, expected, strict=True):
            mine = sorted(zip(queries.tolist(), instances.tolist(), strict=True))
            different += mine != sorted(zip(*pairs, strict=True))
    comparison.value(f'{case}/matching', different)
