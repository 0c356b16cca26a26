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
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.layers.attention import AttentionBlock, FeedForwardBlock
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.layers.window_attention import WindowBlock
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

MASKED = -1000.0


def attention(block: AttentionBlock | WindowBlock) -> nn.MultiheadAttention:
    """Build nn.MultiheadAttention with the weights of an attention block of avis."""
    layer = nn.MultiheadAttention(block.in_proj.in_features, block.num_heads)
    layer.in_proj_weight, layer.in_proj_bias = block.in_proj.weight, block.in_proj.bias
    layer.out_proj.weight, layer.out_proj.bias = block.out_proj.weight, block.out_proj.bias
    return layer.train(block.training)


def feed_forward(block: FeedForwardBlock, x: Tensor) -> Tensor:
    """A feed-forward block with torch's own linear layers."""
    hidden = F.relu(F.linear(x, block.linear1.weight, block.linear1.bias))
    return block.norm(x + F.linear(hidden, block.linear2.weight, block.linear2.bias))


class PublishedClipHead(nn.Module):
    """The clip module, computed as in the official code for one clip.

    Args:
        head: Whose weights to use.
    """

    def __init__(self, head: AVISMClipHead) -> None:
        super().__init__()
        self.head = head
        self.window = head.encoder[0].window
        self.encoder = nn.ModuleList(attention(block) for block in head.encoder)
        self.fusion = nn.ModuleList(attention(block) for block in head.fusion)
        self.cross = nn.ModuleList(attention(layer.cross_attention) for layer in head.decoder)
        self.among = nn.ModuleList(attention(layer.self_attention) for layer in head.decoder)
        self.train(head.training)

    def forward(self, frame_queries: Tensor, audio: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Predict.

        Args:
            frame_queries: (L, 1, T, P, C).
            audio: (1, T, D).
            features: Pixel features (1, T, C, h, w).

        Returns:
            ``class_logits`` (layers, L, 1, Q, K + 1), ``mask_embeds`` (layers, L, 1, Q, C), and
            ``mask_features`` (1, T, C, h, w); ``encoded`` and ``fused`` (T padded, P, L, C).
        """
        head, length = self.head, frame_queries.shape[2]
        tokens = head.input_proj(frame_queries[:, 0]).permute(1, 2, 0, 3)  # (T, P, L, C)
        audio_embed = head.audio_proj(audio[0])[:, None, None].expand_as(tokens)
        padding = -length % self.window
        tokens, audio_embed = (
            F.pad(x, (0, 0, 0, 0, 0, 0, 0, padding)) for x in (tokens, audio_embed)
        )
        for index, block in enumerate(head.encoder):
            shifted = index % 2 == 1 and not self.training
            read = self._windows(self.encoder[index], tokens, tokens, length, shifted)
            tokens = feed_forward(block.ffn, block.norm(tokens + read))
        for index, block in enumerate(head.fusion):
            read = self._windows(self.fusion[index], audio_embed, tokens, length, index % 2 == 1)
            audio_embed = feed_forward(block.ffn, block.norm(audio_embed + read))
        memory = (tokens + audio_embed)[:length]
        outputs = self._decode(memory)  # each (L, Q, C)
        return {
            'class_logits': torch.stack([head.class_embed(x)[:, None] for x in outputs]),
            'mask_embeds': torch.stack([head.mask_embed(x)[:, None] for x in outputs]),
            'frame_embeds': head.frame_similarity(memory).permute(2, 0, 1, 3)[:, None],
            'clip_embeds': head.clip_similarity(outputs[-1])[:, None],
            'mask_features': head.mask_features(features[0])[None],
            'encoded': tokens,
            'fused': audio_embed,
        }

    def _windows(
        self, layer: nn.Module, query: Tensor, key: Tensor, length: int, shifted: bool
    ) -> Tensor:
        """Attention within windows of (T padded, P, L, C)."""
        half, heads = self.window // 2, layer.num_heads
        padded, slots, batch, _ = key.shape
        if shifted:
            query, key = query.roll(half, 0), key.roll(half, 0)
        mask = self._masks(padded, length, shifted, key)  # (windows, W, W)
        mask = mask.repeat_interleave(slots, 1).repeat_interleave(slots, 2)
        mask = mask.repeat_interleave(batch * heads, 0)  # (windows * L * heads, W * P, W * P)
        read, _ = layer(*(self._split(x) for x in (query, key, key)), attn_mask=mask)
        read = read.unflatten(0, (self.window, slots)).unflatten(2, (-1, batch))
        read = read.permute(2, 0, 1, 3, 4).flatten(0, 1)  # (T padded, P, L, C)
        return read.roll(-half, 0) if shifted else read

    def _split(self, x: Tensor) -> Tensor:
        """(T padded, P, L, C) to (W * P, windows * L, C)."""
        x = x.unflatten(0, (-1, self.window)).permute(1, 2, 0, 3, 4)
        return x.flatten(2, 3).flatten(0, 1)

    def _masks(self, padded: int, length: int, shifted: bool, like: Tensor) -> Tensor:
        """Additive masks between the frames of each window, (windows, W, W)."""
        half = self.window // 2
        frames = torch.arange(padded).roll(half if shifted else 0).view(-1, self.window)
        pad = frames >= length
        mask = like.new_zeros(len(frames), self.window, self.window)
        mask[pad] = MASKED
        for index in {0, len(frames) - 1}:
            mask[index, :, pad[index]] += MASKED
        if shifted:
            mask[0, :half, half:] += MASKED
            mask[0, half:, :half] += MASKED
        return mask

    def _decode(self, memory: Tensor) -> list[Tensor]:
        head, batch = self.head, memory.shape[2]
        value = memory.flatten(0, 1)  # (T * P, L, C)
        key = (memory + head.frame_query_embed.weight[:, None]).flatten(0, 1)
        position = head.query_embed.weight[:, None].expand(-1, batch, -1)
        queries = head.query_feat.weight[:, None].expand(-1, batch, -1)
        outputs = []
        for index, layer in enumerate(head.decoder):
            read, _ = self.cross[index](queries + position, key, value)
            queries = layer.cross_attention.norm(queries + read)
            placed = queries + position
            read, _ = self.among[index](placed, placed, queries)
            queries = feed_forward(layer.ffn, layer.self_attention.norm(queries + read))
            outputs.append(head.decoder_norm(queries).transpose(0, 1))
        return outputs if self.training else outputs[-1:]


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
    logits: Tensor, embeds: Tensor, features: Tensor, window: TrackerWindow
) -> dict[str, Any]:
    """Compute all 100 candidates with dense masks; those above the threshold as RLE.

    Of class logits (Q, K + 1), mask embeddings (Q, C) and mask features (T, C, h, w).
    """
    probs = logits.softmax(-1)[:, :-1]
    scores, index = probs.flatten().topk(100, sorted=False)
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
    kept = (scores > 0.3).nonzero()[:, 0]
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
) -> tuple[dict[str, Tensor], list[Any]]:
    """The set loss, layer by layer, of class logits (S, Q, K + 1) and masks (S, Q, T, h, w)."""
    losses: dict[str, Tensor] = {}
    matchings = []
    count = max(sum(len(target.labels) for target in targets), 1)
    for number, (logits, masks) in enumerate(layers):
        matched = [_match(loss, *rest) for rest in zip(logits, masks, targets, strict=True)]
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
