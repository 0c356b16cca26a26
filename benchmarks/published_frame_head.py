"""Official computation of AVISM's backbone and frame head: the reference of the benchmark.

Frozen batch norms are layers of their own; deformable attention is one grid_sample per level
(mmcv's PyTorch form); attention returns its weights, as nn.MultiheadAttention does by default, and
takes one copy of its mask per head; the masks of all queries are made at stride 4 before every
layer, and resized for its attention. Everything runs on the weights of parts of ours.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.models.backbones import ResNet
from mmdet.models.layers import MSDeformAttnPixelDecoder, SinePositionalEncoding
from mmengine.config import ConfigDict
from torch import Tensor, nn

from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.layers.attention import AttentionBlock
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder


def published_backbone(backbone: FrozenResNet) -> ResNet:
    """Build mmdet's ResNet with the weights of a backbone of avis."""
    theirs = ResNet(depth=backbone.depth, norm_cfg={'type': 'BN', 'requires_grad': False})
    _share(theirs, backbone)
    theirs.train(backbone.training)
    return theirs


def published_pixel_decoder(decoder: DeformablePixelDecoder) -> MSDeformAttnPixelDecoder:
    """Build mmdet's pixel decoder with the weights of one of avis."""
    attention = {'embed_dims': decoder.channels, 'num_heads': 8, 'num_levels': 3, 'num_points': 4}
    attention |= {'dropout': 0.0, 'batch_first': True}
    ffn = {'embed_dims': decoder.channels, 'feedforward_channels': 1024, 'num_fcs': 2}
    theirs = MSDeformAttnPixelDecoder(
        in_channels=[
            *(conv.in_channels for conv in decoder.lateral_convs),
            *(conv.in_channels for conv in reversed(decoder.input_convs)),
        ],
        feat_channels=decoder.channels,
        out_channels=decoder.channels,
        encoder=ConfigDict(
            num_layers=len(decoder.encoder.layers),
            layer_cfg={'self_attn_cfg': attention, 'ffn_cfg': ffn},
        ),
        positional_encoding={'num_feats': decoder.channels // 2, 'normalize': True},
    )
    _share(theirs, decoder)
    return theirs


def _share(theirs: nn.Module, ours: nn.Module) -> None:
    """Share the parameters and buffers of another module, without copies."""
    modules = dict(ours.named_modules())
    for name, module in theirs.named_modules():
        for kind in ('_parameters', '_buffers'):
            for key in getattr(module, kind):
                getattr(module, kind)[key] = getattr(modules[name], kind)[key]


class PublishedAttention(nn.Module):
    """An attention block of avis computed by nn.MultiheadAttention, sharing its weights.

    Args:
        block: Whose weights to use.
    """

    def __init__(self, block: AttentionBlock) -> None:
        super().__init__()
        self.norm = block.norm
        self.attention = nn.MultiheadAttention(block.in_proj.in_features, block.num_heads)
        self.attention.in_proj_weight = block.in_proj.weight
        self.attention.in_proj_bias = block.in_proj.bias
        self.attention.out_proj.weight = block.out_proj.weight
        self.attention.out_proj.bias = block.out_proj.bias

    def forward(
        self, x: Tensor, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Tokens first: x (M, N, C), key and value (S, N, C), mask (N * heads, M, S)."""
        return self.norm(x + self.attention(query, key, value, attn_mask=mask)[0])


class PublishedFrameHead(nn.Module):
    """A frame head computed as in the official code.

    Args:
        head: Whose weights to use.
    """

    def __init__(self, head: AVISMFrameHead) -> None:
        super().__init__()
        self.head = head
        self.pixel_decoder = published_pixel_decoder(head.pixel_decoder)
        self.position = SinePositionalEncoding(head.pixel_decoder.channels // 2, normalize=True)
        self.listen = nn.ModuleList(map(PublishedAttention, head.audio_fusion.attentions))
        self.cross = nn.ModuleList(PublishedAttention(x.cross_attention) for x in head.layers)
        self.among = nn.ModuleList(PublishedAttention(x.self_attention) for x in head.layers)
        self.train(head.training)
        self._pixel_features: list[Tensor] = []
        # mmdet does not return the map before the projection, which the clip module needs.
        self.pixel_decoder.mask_feature.register_forward_pre_hook(
            lambda _, inputs: self._pixel_features.append(inputs[0])
        )

    def forward(
        self, maps: Sequence[Tensor], audio: Tensor, clip: tuple[int, int]
    ) -> FramePredictions:
        """Predict; see :class:`Mask2FormerFrameHead`. The masks of every layer are computed."""
        predictions, _ = self.predict(maps, audio, clip)
        return predictions

    def predict(
        self, maps: Sequence[Tensor], audio: Tensor, clip: tuple[int, int]
    ) -> tuple[FramePredictions, list[tuple[Tensor, Tensor]]]:
        """Predict, with class logits (N, Q, K + 1) and masks (N, Q, h, w) of every layer."""
        head = self.head
        mask_features, levels = self.pixel_decoder(maps)
        values, keys = [], []
        for level, embed in zip(levels, head.level_embed.weight, strict=True):
            tokens = level.flatten(2) + embed[None, :, None]
            place = self.position(level.new_zeros(len(level), *level.shape[-2:], dtype=torch.bool))
            values.append(tokens.permute(2, 0, 1))
            keys.append(values[-1] + place.flatten(2).permute(2, 0, 1))
        where = head.query_embed.weight[:, None].repeat(1, len(mask_features), 1)
        queries = head.query_feat.weight[:, None].repeat(1, len(mask_features), 1)
        queries = queries + self._fuse_audio(audio.flatten(0, 1), where, values)
        outputs = [self._predict(queries, mask_features)]
        kept = []
        for index, layer in enumerate(head.layers):
            turn = index % len(levels)
            mask = self._forbidden(outputs[-1][1], levels[turn].shape[-2:])
            queries = self.cross[index](queries, queries + where, keys[turn], values[turn], mask)
            queries = self.among[index](queries, queries + where, queries + where, queries)
            queries = layer.ffn(queries)
            outputs.append(self._predict(queries, mask_features))
            kept.append(head.decoder_norm(queries).transpose(0, 1))
        embeds = head.mask_embed(kept[-1])
        kept = kept[-head.num_query_layers :] if self.training else kept[-1:]
        predictions = FramePredictions(
            class_logits=outputs[-1][0].unflatten(0, clip),
            mask_embeds=embeds.unflatten(0, clip),
            queries=torch.stack(kept).unflatten(1, clip),
            pixel_features=self._pixel_features.pop().unflatten(0, clip),
            projection=head.pixel_decoder.projection,
        )
        return predictions, outputs

    def _fuse_audio(self, audio: Tensor, where: Tensor, values: Sequence[Tensor]) -> Tensor:
        fusion = self.head.audio_fusion
        audio_embed = fusion.audio_proj(audio)[None].repeat(len(where), 1, 1)
        attended = [
            attention(audio_embed, audio_embed + where, value, value)
            for attention, value in zip(self.listen, values, strict=True)
        ]
        return fusion.out_proj(torch.cat(attended, -1))

    def _predict(self, queries: Tensor, mask_features: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.head.decoder_norm(queries).transpose(0, 1)
        embeds = self.head.mask_embed(normed)
        masks = torch.einsum('bqc,bchw->bqhw', embeds, mask_features)
        return self.head.class_embed(normed), masks

    def _forbidden(self, masks: Tensor, size: Sequence[int]) -> Tensor:
        small = F.interpolate(masks, size, mode='bilinear', align_corners=False)
        heads = self.cross[0].attention.num_heads
        mask = (small.sigmoid().flatten(2)[:, None].repeat(1, heads, 1, 1) < 0.5).flatten(0, 1)
        mask = mask.detach()
        mask[mask.all(-1)] = False
        return mask
