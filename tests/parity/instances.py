"""Models with frame queries and clip queries: AVISM and methods of the same structure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.models.trackers.base import TrackerWindow
from avis.structures.av_data_sample import AVDataSample
from tests.parity.comparison import Comparison
from tests.parity.published import recorded_outputs
from tests.parity.training import (
    ReplayedPoints,
    SamePoints,
    compare_gradients,
    compare_losses,
    draw_points,
)

# A mask may differ in the pixels at its border: in this share of its pixels, but at least in 2.
_PIXELS = 1e-4
_NEAR = 1e-4  # scores that rounding may swap, or move over the threshold


@dataclass(frozen=True)
class InstanceParity:
    """A comparison in progress.

    Attributes:
        comparison: Receives the differences.
        model: An ``AVInstanceSegmentor`` with the weights of the golden.
        names: Entries of the reference checkpoint of each entry of the model.
        draw_inputs: Maps ``meta`` of a case to uint8 ``frames`` (T, 3, H, W), and ``audio`` if the
            model reads it.
        loss_names: Recorded names of losses that are called differently here.
        floor: Of the gradients, see :func:`~tests.parity.training.compare_gradients`.
        gradient_rtol: Of the gradients; batch norms with the statistics of few values need more.
    """

    comparison: Comparison
    model: nn.Module
    names: Mapping[str, Sequence[str]]
    draw_inputs: Callable[[Mapping[str, Any]], dict[str, Tensor]]
    loss_names: Mapping[str, str] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    gradient_rtol: float = 1e-3

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        return self.comparison.golden.arrays

    def batch(self, case: str) -> dict[str, Any]:
        """The preprocessed batch of a case, with a data sample that knows the sizes."""
        meta = self.comparison.golden.meta[case]
        size = (meta['height'], meta['width'])
        out = (meta.get('out_height', size[0]), meta.get('out_width', size[1]))
        inputs = {name: [value] for name, value in self.draw_inputs(meta).items()}
        sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': out})
        batch: dict[str, Any] = self.model.data_preprocessor(
            {'inputs': inputs, 'data_samples': [sample]}
        )
        return batch

    def tensor(self, name: str, value: Tensor) -> None:
        """Compare a value that not every golden records."""
        if f'{name}/shape' in self.arrays:
            self.comparison.tensor(name, value)


def compare_eval(parity: InstanceParity, case: str) -> None:
    """Compare the layers, the candidates and the tracks of a case in evaluation mode."""
    model, batch = parity.model.eval(), parity.batch(case)
    parts = {
        'backbone': model.backbone,
        'pixels': model.frame_head.pixel_decoder,
        'clip': model.tracker.head,
    }
    for name, layers in (('encoded', 'encoder'), ('fused', 'fusion')):
        if getattr(model.tracker.head, layers, ()):
            parts[name] = getattr(model.tracker.head, layers)[-1]
    window = TrackerWindow.from_sample(batch['data_samples'][0])
    with torch.no_grad(), recorded_outputs(parts) as seen:
        frames, audio = model.predict_frames(batch['inputs'])
        tracks = []
        for threshold in (model.tracker.score_threshold, -1.0):
            state = model.start_video()
            kept, model.tracker.score_threshold = model.tracker.score_threshold, threshold
            model.tracker.update(state, frames, audio, window)
            model.tracker.score_threshold = kept
            tracks.append(model.finish_video(state))
        _compare_frames(parity, case, frames, seen)
        _compare_clip(parity, case, frames, seen)
        _compare_layers(parity, case, batch['inputs'], audio)
        parity.tensor(f'{case}/audio_embedding', audio[0])
    compare_tracks(parity.comparison, case, tracks[0])
    compare_candidates(parity.comparison, case, tracks[1])


def _compare_frames(
    parity: InstanceParity, case: str, frames: FramePredictions, seen: Mapping[str, list]
) -> None:
    maps = [torch.cat(level) for level in zip(*seen['backbone'], strict=True)]
    for level, value in enumerate(maps):
        parity.tensor(f'{case}/backbone.res{level + 2}', value)
    levels = [torch.cat(x) for x in zip(*(out.levels for out in seen['pixels']), strict=True)]
    for level, value in enumerate(levels):
        parity.tensor(f'{case}/pixel.multi_scale_{level}', value)
    parity.tensor(f'{case}/pixel.clip_mask_features', frames.pixel_features[0])
    parity.tensor(f'{case}/pixel.mask_features', frames.mask_features[0])
    parity.tensor(f'{case}/frame.pred_logits', frames.class_logits[0])
    parity.tensor(f'{case}/frame.queries', frames.queries[-1, 0])
    for name, value in frames.extras.items():
        parity.tensor(f'{case}/frame.{name}', value[0])
    if f'{case}/frame.pred_masks' in parity.arrays:
        parity.tensor(f'{case}/frame.pred_masks', frames.mask_logits()[0])


def _compare_clip(
    parity: InstanceParity, case: str, frames: FramePredictions, seen: Mapping[str, list]
) -> None:
    clip, head = seen['clip'][0], parity.model.tracker.head
    frame_embeds, clip_embeds = head.similarity_embeds(clip)
    features = clip.projection.project_features(frames.pixel_features)
    parity.tensor(f'{case}/clip.mask_features', features[0])
    parity.tensor(f'{case}/clip.pred_logits', clip.layers[-1].class_logits)
    parity.tensor(f'{case}/clip.pred_mask_embed', clip.layers[-1].mask_embeds)
    parity.tensor(f'{case}/clip.pred_fq_embed', frame_embeds)
    parity.tensor(f'{case}/clip.pred_cq_embed', clip_embeds)
    if 'encoded' in seen:
        _compare_tokens(parity, f'{case}/clip.frame_encoder', seen['encoded'][0][0])
    if 'fused' in seen:  # one token per frame of ours, as many equal ones as queries of theirs
        tokens = seen['fused'][0][0, :, None].expand(-1, frame_embeds.shape[3], -1)
        _compare_tokens(parity, f'{case}/clip.av_fusion', tokens)


def _compare_tokens(parity: InstanceParity, name: str, tokens: Tensor) -> None:
    """Compare tokens (T, P, C) with those recorded, which continue with the padded frames."""
    if name in parity.arrays:
        frames, slots, _, channels = parity.arrays[f'{name}/step']
        ours = tokens[::frames, ::slots, ::channels].numpy()
        recorded = parity.arrays[name][: len(ours), :, 0]
        scale = max(1.0, float(parity.arrays[f'{name}/stats'][1]))
        parity.comparison.value(name, np.abs(ours - recorded).max() / scale, 1e-4)


def _compare_layers(
    parity: InstanceParity, case: str, inputs: Mapping[str, Tensor], audio: Tensor
) -> None:
    """Compare the predictions after single decoder layers, which training computes."""
    prefix, model = f'{case}/frame.aux', parity.model
    if not any(name.startswith(prefix) for name in parity.arrays):
        return
    frames = inputs['frames']
    model.frame_head.train()
    predictions = model.frame_head(
        model.backbone(frames.flatten(0, 1)), audio, (1, frames.shape[1])
    )
    model.frame_head.eval()
    for index, layer in enumerate(predictions.layers):
        parity.tensor(f'{prefix}{index}.pred_logits', layer.class_logits[0])
        if f'{prefix}{index}.pred_masks' in parity.arrays:
            masks = predictions.mask_logits(mask_embeds=layer.mask_embeds)
            parity.tensor(f'{prefix}{index}.pred_masks', masks[0])


def compare_tracks(comparison: Comparison, case: str, tracks: InstanceData) -> None:
    """Compare the tracks of a video with the recorded ones, of which 6 have masks.

    Tracks whose score is as near to the threshold as rounding moves it may be on either side.
    """
    arrays, name = comparison.golden.arrays, f'{case}/final'
    recorded, ours = arrays[f'{name}/scores'], tracks.scores.numpy()
    count = min(len(recorded), len(ours))
    extra = np.concatenate([recorded[count:], ours[count:]])
    same = not extra.size or np.ptp([*extra, min([*recorded, *ours])]) < _NEAR
    difference = np.abs(recorded[:count] - ours[:count]).max(initial=0)
    comparison.value(f'{name}/scores', difference if same else np.inf, _NEAR)
    apart = _apart(recorded)[:count]
    labels = tracks.labels.numpy()[:count] != arrays[f'{name}/labels'][:count]
    comparison.value(f'{name}/labels', labels[apart].sum())
    shape = arrays[f'{name}/masks_shape']
    sizes = {(len(mask), mask.height, mask.width) for mask in tracks.masks}
    comparison.value(f'{name}/masks_shape', len(sizes - {tuple(shape[1:].tolist())}))
    masks = np.unpackbits(arrays[f'{name}/masks_packed'], count=shape.prod()).reshape(shape)
    flipped = [
        (track.to_dense() != mask).mean()
        for track, mask, ordered in zip(tracks.masks, masks.astype(bool), apart, strict=False)
        if ordered
    ]
    comparison.value(f'{name}/masks_packed', max(flipped, default=0), _PIXELS)


def compare_candidates(comparison: Comparison, case: str, tracks: InstanceData) -> None:
    """Compare all pairs of query and class before the threshold: scores, labels, mask areas."""
    arrays, name = comparison.golden.arrays, f'{case}/top'
    scores = arrays[f'{name}/scores']
    areas = np.stack([track.areas for track in tracks.masks])  # (M, T)
    recorded, kept = arrays[f'{name}/mask_area'], len(areas)
    if not recorded[kept:].any():  # without a mask in any frame the score is 0: we return none
        recorded, scores = recorded[:kept], scores[:kept]
    if areas.shape != recorded.shape:
        comparison.value(f'{name}/mask_area', np.inf)
        return
    flipped = np.abs(areas - recorded)
    ours = tracks.scores.numpy()
    # A score is a mean over the pixels of the mask. The processor decides whether a pixel at the
    # threshold is one of them, so the recording fixes the scores of masks of equal area only.
    same = flipped.sum(1) == 0
    comparison.value(f'{name}/scores', np.abs(ours - scores).max(), 1e-4)
    comparison.value(
        f'{name}/scores/of_equal_masks', np.abs(ours - scores)[same].max(initial=0), 2e-5
    )
    apart = _apart(scores)  # the order of the others may change
    labels = tracks.labels.numpy() != arrays[f'{name}/labels'][:kept]
    comparison.value(f'{name}/labels', labels[apart].sum())
    pixels = tracks.masks[0].to_dense()[0].size
    comparison.value(f'{name}/mask_area', flipped[apart].max(initial=0), max(2.0, pixels * _PIXELS))
    comparison.value(f'{name}/compared', float((same & apart).mean() < 0.7))


def _apart(scores: np.ndarray) -> np.ndarray:
    """Whether the order of each falling score is beyond rounding."""
    gaps = np.abs(np.diff(scores)) > 1e-5
    return np.append(True, gaps) & np.append(gaps, True)


def compare_training(parity: InstanceParity) -> None:
    """Compare the losses, matchings and gradients of the recorded training steps."""
    comparison = parity.comparison
    if not comparison.compares('train'):
        return
    meta = comparison.golden.meta['train']
    frame_loss, clip_loss = parity.model.frame_head.loss_set, parity.model.tracker.loss_set
    sampler = (frame_loss.points, clip_loss.points)
    frame_loss.points = clip_loss.points = SamePoints(meta)
    compare_step(parity, 'train/fixed')
    if 'train/rng/loss_values' in parity.arrays:
        frame_loss.points, clip_loss.points = replayed_points(parity, _drawn_points(parity))
        compare_step(parity, 'train/rng')
        comparison.skip('train/rng/rand_calls', 'input of the case')
    frame_loss.points, clip_loss.points = sampler
    for name in ('target/', 'point_seed', 'flag'):
        comparison.skip(f'train/{name}', 'input of the case')


def compare_step(parity: InstanceParity, case: str) -> None:
    """Compare losses, matchings and gradients of one step, with points that were set before."""
    model, sample = parity.model.train(), recorded_gt(parity.arrays)
    losses_of = {'frame': model.frame_head.loss_set, 'clip': model.tracker.loss_set}
    gradients = f'{case}/grad_norm' in parity.arrays
    with torch.set_grad_enabled(gradients), recorded_outputs(losses_of) as seen:
        inputs = parity.batch('train')['inputs']
        losses = model(inputs, [sample], mode='loss')
    named = {parity.loss_names.get(name, name): value for name, value in losses.items()}
    compare_losses(parity.comparison, case, named)
    matchings = {level: outputs[0][1] for level, outputs in seen.items()}
    compare_matchings(parity.comparison, case, matchings, sample)
    if gradients:
        sum(losses.values()).backward()
        compare_gradients(
            parity.comparison,
            case,
            model,
            parity.names,
            rtol=parity.gradient_rtol,
            floor=parity.floor,
        )
    model.zero_grad()
    model.eval()


def compare_matchings(
    comparison: Comparison,
    case: str,
    matchings: Mapping[str, Sequence[Sequence[Matching]]],
    sample: AVDataSample,
) -> None:
    """Count the frames and clips whose matching differs, in all layers.

    Args:
        comparison: Receives ``matching``.
        case: Prefix of its name in the golden.
        matchings: ``frame`` and ``clip``; of each layer and set, see ``MaskSetLoss``.
        sample: Ground truth of the clip.
    """
    recorded = json.loads(comparison.golden.arrays[f'{case}/matching'].item())
    visible = sample.gt_tracks.masks.flatten(2).any(-1).T  # (T, N)
    different = 0
    for level, layers in matchings.items():
        theirs = [pairs for name, pairs in recorded if name == level]
        for layer, expected in zip([layers[-1], *layers[:-1]], theirs, strict=True):
            for index, (queries, instances) in enumerate(layer):
                if level == 'frame':  # theirs are counted among the instances of the frame
                    instances = visible[index].cumsum(0)[instances] - 1
                different += [queries.tolist(), instances.tolist()] != expected[index]
    comparison.value(f'{case}/matching', different)


def recorded_gt(arrays: Mapping[str, np.ndarray]) -> AVDataSample:
    """One clip with instances that may be absent in some frames."""
    shape = arrays['train/target/masks_shape']  # (T, N, H, W)
    packed = arrays['train/target/masks_packed']
    masks = np.unpackbits(packed, count=shape.prod()).reshape(shape).swapaxes(0, 1).astype(bool)
    classes, ids = arrays['train/target/classes'].T, arrays['train/target/ids'].T  # (N, T)
    annotated = ids >= 0
    fields = {
        'labels': np.where(annotated, classes, -1).max(1, initial=-1),
        'ids': ids.max(1, initial=-1),
        'masks': masks,
        'annotated': annotated,
    }
    kept = masks.any(axis=(1, 2, 3))
    tracks = {name: torch.from_numpy(values[kept]) for name, values in fields.items()}
    return AVDataSample(gt_tracks=InstanceData(**tracks))


def _drawn_points(parity: InstanceParity) -> list[list[Tensor]]:
    """The points of the step with random points, layer by layer."""
    shapes = json.loads(parity.arrays['train/rng/rand_calls'].item())
    seed = parity.comparison.golden.meta['train']['torch_seed']
    return draw_points(torch.Generator().manual_seed(seed), shapes)


def replayed_points(
    parity: InstanceParity, layers: Sequence[Sequence[Tensor]]
) -> tuple[ReplayedPoints, ReplayedPoints]:
    """Return the points of the frame level and of the clip level, of all layers."""
    num_frame_layers = len(parity.model.frame_head.layers) + 1
    masks = recorded_gt(parity.arrays).gt_tracks.masks  # (N, T, H, W)
    visible = masks.flatten(2).any(-1).sum(0).tolist()
    num_clips = len(layers[-1]) - 2
    return (
        ReplayedPoints(layers[:num_frame_layers], visible, num_features=len(visible)),
        ReplayedPoints(
            layers[num_frame_layers:],
            [len(masks)] * num_clips,
            num_features=1,
            num_frames=masks.shape[1],
        ),
    )
