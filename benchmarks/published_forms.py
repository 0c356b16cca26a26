"""Operations of avis in the form of official code: the same model computes the same with more work.

:func:`published_forms` puts them in place of methods of avis; weights and gradients are those of
the model. A backbone computes its frozen norms. Deformable attention samples with the PyTorch code
of Deformable DETR. Attention has a copy of its mask per head and returns its weights; that in
windows pads, rolls and masks, and repeats the audio for all queries of a frame. In inference each
layer of a frame decoder makes all masks at stride 4 and resizes them; all candidates have dense
masks until the end of the video. In training each layer has dense masks with a gradient.

Where the official code is between both forms, the faster one is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch
from mmdet.models.backbones import ResNet
from published_avism import published_results, published_set_loss
from published_clip_head import attend_windows, attention, feed_forward, pad_time
from torch import Tensor, nn

from avis.models.backbones.checkpointed_resnet import CheckpointedResNet
from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.layers.attention import AttentionBlock
from avis.models.layers.linear import TokenLinear
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.layers.window_attention import WindowBlock, WindowSelfAttention
from avis.models.losses.mask_set_loss import MaskSetLoss, SetPredictions
from avis.models.necks import deformable_pixel_decoder
from avis.models.necks.deformable_pixel_decoder import DeformableSelfAttention
from avis.models.segmentors.query_av_segmentor import QueryAVSegmentor
from avis.models.task_modules.mask_targets import MaskTarget
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.clip_query_tracker import ClipQueryTracker
from avis.models.trackers.stitching import WindowTracks
from avis.structures.av_data_sample import AVDataSample

_CHUNK = 18  # frames


class Form(NamedTuple):
    """What takes the place of an attribute of a class or module."""

    owner: type | ModuleType
    name: str
    function: Callable[..., Any]


@contextmanager
def published_forms(more: Sequence[Form] = ()) -> Iterator[None]:
    """Compute in the form of official code, with ``more`` forms of a method."""
    with ExitStack() as stack:
        for owner, name, function in (*_FORMS, *more):
            stack.enter_context(mock.patch.object(owner, name, function))
        yield


def attend(
    block: AttentionBlock,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
) -> Tensor:
    """``AttentionBlock.attend`` with a mask per head, and weights, which are not used."""
    q, k, v = (heads.flatten(0, 1) for heads in block._heads(query, key, value))
    q = q * q.shape[-1] ** -0.5
    if attn_mask is None:
        weights = torch.bmm(q, k.mT).softmax(-1)
    else:
        forbidden = ~attn_mask.repeat_interleave(block.num_heads, 0)
        added = q.new_zeros(forbidden.shape).masked_fill_(forbidden, -torch.inf)
        weights = torch.baddbmm(added, q, k.mT).softmax(-1)
    read = torch.bmm(weights, v).unflatten(0, (-1, block.num_heads))
    weights.unflatten(0, (-1, block.num_heads)).mean(1)
    out: Tensor = block.out_proj(read.transpose(1, 2).flatten(2))
    return out


def attend_deformably(
    layer: DeformableSelfAttention,
    tokens: Tensor,
    position: Tensor,
    reference: Tensor,
    shapes: Sequence[tuple[int, int]],
) -> Tensor:
    """``DeformableSelfAttention.attend`` with ``grid_sample`` of all levels at once."""
    images, length = tokens.shape[:2]
    samples = (layer.num_heads, layer.num_levels, layer.num_points)
    query = tokens + position
    value = layer.value_proj(tokens).unflatten(-1, (layer.num_heads, -1))
    offsets = layer.sampling_offsets(query).view(images, length, *samples, 2)
    weights = layer.attention_weights(query).view(images, length, layer.num_heads, -1)
    sizes = torch.tensor(shapes, device=tokens.device)
    locations = reference[:, None, None, None] + offsets / sizes.flip(1)[:, None]
    read = multi_scale_deformable_attn_pytorch(
        value, sizes, locations, weights.softmax(-1).view(images, length, *samples)
    )
    out: Tensor = layer.output_proj(read)
    return out


def attend_in_window(block: WindowBlock, tokens: Tensor, key: Tensor, shifted: bool) -> Tensor:
    """A block of window attention from tokens (N, T, P, C) to keys of that shape."""
    length, window = tokens.shape[1], block.window
    query, key = (pad_time(x.permute(1, 2, 0, 3), window) for x in (tokens, key))
    read = attend_windows(attention(block), query, key, length, window, shifted=shifted)
    return feed_forward(block.ffn, block.norm(tokens + read[:length].permute(2, 0, 1, 3)))


def encode_window(block: WindowSelfAttention, tokens: Tensor, *, shifted: bool) -> Tensor:
    """``WindowSelfAttention.forward``."""
    return attend_in_window(block, tokens, tokens, shifted)


def fuse_repeated(head: AVISMClipHead, audio_embed: Tensor, tokens: Tensor) -> Tensor:
    """``AVISMClipHead.fuse`` with the audio repeated for each query."""
    repeated = audio_embed[:, :, None].expand_as(tokens)
    for index, block in enumerate(head.fusion):
        repeated = attend_in_window(block, repeated, tokens, index % 2 == 1)
    return repeated[:, :, 0]


_decode_queries = Mask2FormerFrameHead.decode_queries
_make_attn_mask = Mask2FormerFrameHead.make_attn_mask


def decode_queries(
    head: Mask2FormerFrameHead,
    queries: Tensor,
    tokens: Sequence[Tensor],
    levels: Sequence[Tensor],
    pixel_features: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """``Mask2FormerFrameHead.decode_queries``; in training the losses make the masks."""
    if head.training:
        return _decode_queries(head, queries, tokens, levels, pixel_features)
    mask_features = head.projection.project_features(pixel_features)
    shapes = [(level.shape[-2], level.shape[-1]) for level in levels]
    keys = [
        value + sine_encoding(shape, value.shape[-1], device=value.device)
        for value, shape in zip(tokens, shapes, strict=True)
    ]
    outputs = [head.decoder_norm(queries)]
    for index, layer in enumerate(head.layers):
        level = index % len(tokens)
        mask = head.make_attn_mask(outputs[-1], (mask_features, shapes[level]))
        queries = layer(queries, keys[level], tokens[level], head.query_positions(), mask)
        outputs.append(head.decoder_norm(queries))
    return queries, outputs


def make_attn_mask(head: Mask2FormerFrameHead, queries: Tensor, features: Any) -> Tensor:
    """``Mask2FormerFrameHead.make_attn_mask`` of mask features and the size of a level."""
    if isinstance(features, Tensor):
        return _make_attn_mask(head, queries, features)
    mask_features, shape = features
    masks = torch.einsum('nqc,nchw->nqhw', head.mask_embed(queries), mask_features)
    inside = F.interpolate(masks, shape, mode='bilinear').sigmoid().flatten(2) >= 0.5
    return inside | ~inside.any(-1, keepdim=True)


def loss_by_layer(
    loss: MaskSetLoss,
    layers: Sequence[SetPredictions],
    features: Tensor,
    targets: Sequence[MaskTarget],
    matchings: Sequence[Sequence[Matching]] | None = None,
) -> tuple[list[dict[str, Tensor]], list[list[Matching]]]:
    """``MaskSetLoss.forward`` with the masks of all queries."""
    values, matched = [], []
    for index, (logits, embeds, offsets) in enumerate(layers):
        sets = enumerate(zip(embeds, offsets, strict=True))
        masks = torch.stack(
            [loss.compute_logits(*parts, features[i % len(features)]) for i, parts in sets]
        )
        known = None if matchings is None else matchings[index]
        layer_values, (pairs,) = published_set_loss(loss, [(logits, masks)], targets, '{}', known)
        values.append(layer_values)
        matched.append(pairs)
    return values, matched


def track_clip(
    tracker: ClipQueryTracker,
    state: Any,
    frames: FramePredictions,
    audio: Tensor,
    window: TrackerWindow,
) -> None:
    """``ClipQueryTracker.update`` for a whole video, with dense masks of all candidates."""
    predictions = tracker.head(frames.queries[-1:], audio)
    class_logits, embeds = (part[0, 0] for part in predictions.layers[-1])
    features = frames.pixel_features[0]
    for chunk in features.split(_CHUNK):  # in place
        chunk.copy_(predictions.projection.project_features(chunk))
    num = min(tracker.max_candidates, class_logits[:, :-1].numel())
    threshold = tracker.score_threshold
    found = published_results(class_logits, embeds, features, window, num=num, threshold=threshold)
    order = found['scores'].argsort(descending=True, stable=True).tolist()
    tracks = WindowTracks(
        labels=found['labels'][order].tolist(),
        scores=found['scores'][order].tolist(),
        embeds=np.zeros((len(order), 1)),  # of a single window
        rles=[found['rles'][index] for index in order],
        num_frames=len(features),
    )
    state.store.add(tracks, window)


def predict_clips(
    model: QueryAVSegmentor, inputs: dict[str, Tensor], data_samples: list[AVDataSample]
) -> list[AVDataSample]:
    """``QueryAVSegmentor.predict`` with the masks of all queries and frames at full size."""
    predictions = model.predict_frames(inputs)
    logits = torch.einsum('btqc,btchw->btqhw', predictions.mask_embeds, predictions.mask_features)
    for clip, sample in enumerate(data_samples):
        masks = model.upsample_masks(logits[clip], sample.img_shape).sigmoid()
        classes = predictions.class_logits[clip].softmax(-1)[..., :-1]
        scores = torch.einsum('tqk,tqhw->tkhw', classes, masks)
        if model.output_size is not None:
            scores = F.interpolate(scores, model.output_size, mode='bilinear')
        sample.pred_sem_seg = model.label_pixels(scores)
    return data_samples


_FORMS = (
    Form(TokenLinear, 'forward', nn.Linear.forward),
    Form(deformable_pixel_decoder, 'linear', F.linear),
    Form(FrozenResNet, 'forward', ResNet.forward),
    Form(CheckpointedResNet, 'forward', ResNet.forward),
    Form(AttentionBlock, 'attend', attend),
    Form(DeformableSelfAttention, 'attend', attend_deformably),
    Form(WindowSelfAttention, 'forward', encode_window),
    Form(AVISMClipHead, 'fuse', fuse_repeated),
    Form(Mask2FormerFrameHead, 'decode_queries', decode_queries),
    Form(Mask2FormerFrameHead, 'make_attn_mask', make_attn_mask),
    Form(MaskSetLoss, 'forward', loss_by_layer),
    Form(ClipQueryTracker, 'update', track_clip),
    Form(QueryAVSegmentor, 'predict', predict_clips),
)
