"""Official computation of AVISM, with the weights of a model of avis: reference of the benchmark.

Frozen norms are computed as norms. Every prediction of the frame decoder makes all masks at stride
4 and resizes them for the attention of the next layer, repeated for every head. Clips are padded to
whole windows and rolled along time; additive masks of -1000 are repeated for every head; the sound
is repeated for every query of a frame; attention returns its weights, as nn.MultiheadAttention does
by default. Mask features of the clip are computed for the whole map, and masks for all candidates.
In training every layer has dense masks with a gradient.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.ops import multi_scale_deform_attn, point_sample
from mmdet.models.backbones import ResNet
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmengine.config import ConfigDict
from published_clip_head import PublishedClipHead, attention, feed_forward
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.frame_predictions import Matching
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.task_modules.mask_targets import (
    MaskTarget,
    clip_targets,
    frame_targets,
    label_late_as_no_object,
)
from avis.models.trackers.base import TrackerWindow
from avis.structures.av_data_sample import AVDataSample


class PublishedFrameHead(nn.Module):
    """The frame decoder, computed as in the official code.

    Args:
        head: Whose weights to use.
    """

    def __init__(self, head: AVISMFrameHead) -> None:
        super().__init__()
        self.head = head
        self.pixel_decoder = _pixel_decoder(head.pixel_decoder)
        self.attend_audio = nn.ModuleList(
            attention(block) for block in head.audio_fusion.attentions
        )
        self.cross = nn.ModuleList(attention(layer.cross_attention) for layer in head.layers)
        self.among = nn.ModuleList(attention(layer.self_attention) for layer in head.layers)
        self.train(head.training)

    def forward(self, maps: Sequence[Tensor], audio: Tensor) -> dict[str, Any]:
        """Predict frames: maps (N, C_i, h_i, w_i) and audio (N, D).

        Returns:
            ``layers``: class logits (N, Q, K + 1) and masks (N, Q, h, w) of each prediction, the
            last one only in evaluation; ``queries`` (L, N, Q, C); ``features`` (N, C, h, w).
        """
        head, kept = self.head, {}
        hook = self.pixel_decoder.mask_feature.register_forward_pre_hook(
            lambda module, args: kept.update(features=args[0])
        )
        mask_features, levels = self.pixel_decoder(list(maps))
        hook.remove()
        count = len(maps[0])
        values, keys = [], []
        for level, embed in zip(levels, head.level_embed.weight, strict=True):
            value = level.flatten(2).permute(2, 0, 1) + embed  # (S, N, C)
            position = sine_encoding(level.shape[-2:], level.shape[1], device=level.device)
            values.append(value)
            keys.append(value + position[:, None].expand(-1, count, -1))
        position = head.query_embed.weight[:, None].expand(-1, count, -1)
        queries = head.query_feat.weight[:, None] + self._fuse_audio(audio, position, values)
        layers, normed = [self._predict(queries, mask_features)], []
        for index, layer in enumerate(head.layers):
            at = index % len(values)
            mask = self._forbidden(layers[-1][1], levels[at].shape[-2:])
            read, _ = self.cross[index](queries + position, keys[at], values[at], attn_mask=mask)
            queries = layer.cross_attention.norm(queries + read)
            placed = queries + position
            read, _ = self.among[index](placed, placed, queries)
            queries = feed_forward(layer.ffn, layer.self_attention.norm(queries + read))
            normed.append(head.decoder_norm(queries).transpose(0, 1))
            prediction = self._predict(queries, mask_features)
            layers = [*layers, prediction] if self.training else [prediction]
        normed = normed[-head.num_query_layers :] if self.training else normed[-1:]
        return {'layers': layers, 'queries': torch.stack(normed), **kept}

    def _fuse_audio(self, audio: Tensor, position: Tensor, values: Sequence[Tensor]) -> Tensor:
        fusion = self.head.audio_fusion
        audio_embed = fusion.audio_proj(audio)[None].expand(len(position), -1, -1)  # (Q, N, C)
        attended = [
            block.norm(audio_embed + layer(audio_embed + position, value, value)[0])
            for block, layer, value in zip(
                fusion.attentions, self.attend_audio, values, strict=True
            )
        ]
        return fusion.out_proj(torch.cat(attended, -1))

    def _predict(self, queries: Tensor, mask_features: Tensor) -> tuple[Tensor, Tensor]:
        queries = self.head.decoder_norm(queries).transpose(0, 1)
        embeds = self.head.mask_embed(queries)
        return self.head.class_embed(queries), torch.einsum('nqc,nchw->nqhw', embeds, mask_features)

    def _forbidden(self, masks: Tensor, size: Sequence[int]) -> Tensor:
        """(N * heads, Q, S), True where a query may not attend."""
        heads = self.head.layers[0].cross_attention.num_heads
        small = F.interpolate(masks.detach(), tuple(size), mode='bilinear')
        forbidden = small.sigmoid().flatten(2)[:, None].repeat(1, heads, 1, 1).flatten(0, 1) < 0.5
        forbidden[forbidden.sum(-1) == forbidden.shape[-1]] = False
        return forbidden


def _pixel_decoder(ours: Any) -> MSDeformAttnPixelDecoder:
    """The pixel decoder of mmdet: deformable attention by its PyTorch formula on any device."""
    # Otherwise mmcv calls its compiled operator on a GPU, which mmcv-lite does not have.
    multi_scale_deform_attn.IS_CUDA_AVAILABLE = False
    ffn = ours.encoder.layers[0].ffn.layers[0][0].out_features
    count = {'num_heads': 8, 'num_levels': 3, 'num_points': 4, 'batch_first': True}
    layer = {
        'self_attn_cfg': {'embed_dims': ours.channels, **count, 'dropout': 0.0},
        'ffn_cfg': {'embed_dims': ours.channels, 'feedforward_channels': ffn, 'ffn_drop': 0.0},
    }
    decoder = MSDeformAttnPixelDecoder(
        in_channels=[conv.conv.in_channels for conv in (*ours.input_convs, *ours.lateral_convs)][
            ::-1
        ],
        feat_channels=ours.channels,
        out_channels=ours.channels,
        encoder=ConfigDict(num_layers=len(ours.encoder.layers), layer_cfg=layer),
        positional_encoding={'num_feats': ours.channels // 2, 'normalize': True},
    )
    decoder.load_state_dict(ours.state_dict())
    return decoder


class PublishedAVISM(nn.Module):
    """The model, computed as in the official code for one clip.

    Args:
        model: Whose weights to use; with a ResNet.
    """

    def __init__(self, model: AVInstanceSegmentor) -> None:
        super().__init__()
        self.model = model
        self.backbone = ResNet(
            model.backbone.depth, norm_cfg={'type': 'BN', 'requires_grad': False}, norm_eval=True
        )
        self.backbone.load_state_dict(model.backbone.state_dict())
        self.frame_head = PublishedFrameHead(model.frame_head)
        self.clip_head = PublishedClipHead(model.tracker.head)
        self.train(model.training)  # also sets the frozen norms to evaluation mode

    def predict(self, frames: Tensor, audio: Tensor, window: TrackerWindow) -> dict[str, Any]:
        """Tracks of frames (T, 3, H, W) with audio (T, D): ``scores``, ``labels``, ``rles``."""
        queries, features = [], []
        for part in torch.arange(len(frames)).split(self.model.frames_per_chunk):
            frame = self.frame_head(self.backbone(frames[part]), audio[part])
            queries.append(frame['queries'])
            features.append(self.clip_head.head.mask_features(frame['features']))
        tiny = features[0].new_zeros(1, 1, features[0].shape[1], 1, 1)
        clip = self.clip_head(torch.cat(queries, 1)[:, None], audio[None], tiny)
        logits, embeds = clip['class_logits'][-1, 0, 0], clip['mask_embeds'][-1, 0, 0]
        return published_results(logits, embeds, torch.cat(features), window)

    def loss(self, frames: Tensor, audio: Tensor, sample: AVDataSample) -> dict[str, Tensor]:
        """Return the losses of one clip."""
        model, length = self.model, len(frames)
        (sample,) = label_late_as_no_object([sample], model.frame_head.num_classes)
        frame = self.frame_head(self.backbone(frames), audio)
        layers = [(logits, masks[:, :, None]) for logits, masks in frame['layers']]
        losses, matched = published_set_loss(
            model.frame_head.loss_set, layers, frame_targets([sample]), 'loss_{}'
        )
        features = frame['features'].unflatten(0, (1, length))
        clip = self.clip_head(frame['queries'].unflatten(1, (1, length)), audio[None], features)
        kept = len(frame['queries'])
        masks = torch.einsum('klbqc,btchw->klbqthw', clip['mask_embeds'], clip['mask_features'])
        layers = list(zip(clip['class_logits'].flatten(1, 2), masks.flatten(1, 2), strict=True))
        more, clip_matched = published_set_loss(
            model.tracker.loss_set, layers, clip_targets([sample]) * kept, 'loss_avism_{}'
        )
        similarity = model.tracker.loss_similarity(
            clip['frame_embeds'], clip['clip_embeds'], matched[-kept:], clip_matched[-1]
        )
        return {**losses, **more, 'loss_clip_sim': similarity}


def published_results(
    logits: Tensor,
    embeds: Tensor,
    features: Tensor,
    window: TrackerWindow,
    *,
    num: int = 100,
    threshold: float = 0.3,
) -> dict[str, Any]:
    """Compute all candidates with dense masks; those above the threshold as RLE.

    Of class logits (Q, K + 1), mask embeddings (Q, C) and mask features (T, C, h, w).
    """
    probs = logits.softmax(-1)[:, :-1]
    scores, index = probs.flatten().topk(num, sorted=False)
    embeds, labels = embeds[index // probs.shape[1]], index % probs.shape[1]
    inside, total, masks = 0.0, 0.0, []
    height, width = window.img_shape
    for chunk in features.split(5):
        x = torch.einsum('qc,tchw->qthw', embeds, chunk)
        x = F.interpolate(x, window.input_shape, mode='bilinear')[..., :height, :width]
        prob = x.sigmoid()
        hit = prob > 0.5
        inside = inside + (prob * hit).flatten(1).sum(1)
        total = total + hit.flatten(1).sum(1)
        x = F.interpolate(x, window.ori_shape, mode='bilinear')
        masks.append((x > 0).cpu())
    scores = scores * inside / (total + 1e-6)
    kept = (scores > threshold).nonzero()[:, 0]
    dense = torch.cat(masks, 1)[kept].numpy()  # (N, T, H, W)
    rles = [
        [coco_mask.encode(np.asfortranarray(mask.view(np.uint8))) for mask in track]
        for track in dense
    ]
    return {'scores': scores[kept], 'labels': labels[kept], 'rles': rles}


def published_set_loss(
    loss: MaskSetLoss,
    layers: Sequence[tuple[Tensor, Tensor]],
    targets: Sequence[MaskTarget],
    name: str,
    known: Sequence[Matching] | None = None,
) -> tuple[dict[str, Tensor], list[Any]]:
    """The set loss, layer by layer, of class logits (S, Q, K + 1) and masks (S, Q, T, h, w).

    ``known`` is the matching of each set, if it is not that of these predictions.
    """
    losses: dict[str, Tensor] = {}
    matchings = []
    count = max(sum(len(target.labels) for target in targets), 1)
    for number, (logits, masks) in enumerate(layers):
        if known is None:
            matched = [_match(loss, *rest) for rest in zip(logits, masks, targets, strict=True)]
        else:
            matched = [
                (queries, torch.searchsorted(target.instances, instances))
                for (queries, instances), target in zip(known, targets, strict=True)
            ]
        matchings.append(
            [(q, target.instances[i]) for (q, i), target in zip(matched, targets, strict=True)]
        )
        wanted = torch.full(logits.shape[:2], logits.shape[-1] - 1, device=logits.device)
        for row, (queries, rows), target in zip(wanted, matched, targets, strict=True):
            row[queries] = target.labels[rows]
        chosen = torch.cat([m[q] for m, (q, _) in zip(masks, matched, strict=True)])
        gt = torch.cat([t.masks[r] for t, (_, r) in zip(targets, matched, strict=True)])
        flat = chosen.flatten(0, 1)[:, None]
        points = loss.points.for_loss(flat.detach())
        t = point_sample(gt.flatten(0, 1)[:, None].float(), points).view(len(chosen), -1)
        x = point_sample(flat, points).view(len(chosen), -1)
        p = x.sigmoid()
        dice = 1 - (2 * (p * t).sum(-1) + 1) / (p.sum(-1) + t.sum(-1) + 1)
        entropy = F.binary_cross_entropy_with_logits(x, t, reduction='none').mean(-1)
        ce = F.cross_entropy(logits.transpose(1, 2), wanted, loss.class_weights)
        suffix = '' if number == len(layers) - 1 else f'_{number}'
        values = {'ce': ce, 'mask': entropy.sum() / count, 'dice': dice.sum() / count}
        losses |= {name.format(k) + suffix: loss.weights[k] * v for k, v in values.items()}
    return losses, matchings


@torch.no_grad()
def _match(
    loss: MaskSetLoss, logits: Tensor, masks: Tensor, target: MaskTarget
) -> tuple[Tensor, Tensor]:
    """Return indices of queries and of instances in the target."""
    points, matcher = loss.points.for_matching(masks), loss.matcher
    x, t = (
        point_sample(y.transpose(0, 1).float(), points.expand(y.shape[1], -1, -1))
        .transpose(0, 1)
        .reshape(len(y), -1)
        for y in (masks, target.masks)
    )
    ones, zeros = torch.ones_like(x), torch.zeros_like(x)
    pos = F.binary_cross_entropy_with_logits(x, ones, reduction='none')
    neg = F.binary_cross_entropy_with_logits(x, zeros, reduction='none')
    entropy = (pos @ t.T + neg @ (1 - t).T) / x.shape[1]
    p = x.sigmoid()
    dice = 1 - (2 * p @ t.T + 1) / (p.sum(-1)[:, None] + t.sum(-1)[None] + 1)
    cost = matcher.mask_weight * entropy + matcher.dice_weight * dice
    cost = cost - matcher.class_weight * logits.softmax(-1)[:, target.labels]
    queries, rows = linear_sum_assignment(cost.cpu())
    return torch.from_numpy(queries), torch.from_numpy(rows)
