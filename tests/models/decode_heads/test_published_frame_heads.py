"""Backbone and frame head of the official AVISM models, converted, equal the recordings."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.models.backbones import SwinTransformer
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.converters.avism_frame import AVISM_PREFIXES, convert_avism_frame_parts
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import DATA, Golden, compare, generator, load_golden

MEAN = np.array([123.675, 116.28, 103.53], np.float32)[:, None, None]
STD = np.array([58.395, 57.12, 57.375], np.float32)[:, None, None]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Published:
    """Recorded values, and backbone and frame head with the weights of the recording."""

    golden: Golden
    backbone: nn.Module
    head: AVISMFrameHead

    def inputs(self, case: str) -> tuple[Tensor, Tensor]:
        """Frames (T, 3, H, W), normalized and padded, and audio (1, T, 128)."""
        meta = self.golden.meta[case]
        rng, size = generator(meta['seed']), (meta['height'], meta['width'])
        frames = rng.integers(0, 256, (meta['T'], 3, *size)).astype(np.float32)
        audio = rng.uniform(0, 1, (1, meta['T'], 128))
        padding = [(0, 0), (0, 0), *((0, -side % 32) for side in size)]
        frames = np.pad((frames - MEAN) / STD, padding)
        return torch.from_numpy(frames), torch.from_numpy(audio).float()

    def check(self, name: str, value: Tensor) -> None:
        compare(self.golden, name, value, rtol=2e-5, atol=3e-5)


@pytest.fixture(scope='module', params=['avism_r50', 'avism_swinl'])
def published(request) -> Published:
    golden = load_golden(f'models/{request.param}')
    if request.param == 'avism_r50':
        backbone, channels, queries = FrozenResNet(depth=50), (256, 512, 1024, 2048), 100
    else:
        backbone = SwinTransformer(
            embed_dims=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48), window_size=12
        )
        channels, queries = (192, 384, 768, 1536), 200
    head = AVISMFrameHead(
        num_classes=26,
        num_queries=queries,
        pixel_decoder={'type': DeformablePixelDecoder, 'in_channels': channels},
        audio_fusion={'type': AVISMQueryFusion},
        loss_set={'type': MaskSetLoss, 'num_classes': 26},
    )
    weights, dropped = convert_avism_frame_parts(golden.state_dict())
    assert not dropped
    parts = nn.ModuleDict({'backbone': backbone, 'frame_head': head})
    result = parts.load_state_dict(weights, strict=False)
    assert not result.unexpected_keys
    # Tables of integers are not recorded; they keep the values they are built with.
    assert all(name.endswith('relative_position_index') for name in result.missing_keys)
    return Published(golden, backbone.eval() or backbone, head.eval())


def test_every_recorded_layer_is_equal(published) -> None:
    head, (frames, audio) = published.head, published.inputs('eval')
    with torch.no_grad():
        maps = published.backbone(frames)
        pixels = head.pixel_decoder(maps)
        predictions: FramePredictions = head(maps, audio, (1, len(frames)))
        head.train()  # returns the predictions of all layers
        training = head(maps, audio, (1, len(frames)))
        head.eval()
    for level in range(4):
        published.check(f'eval/backbone.res{level + 2}', maps[level])
    published.check('eval/pixel.clip_mask_features', pixels.pixel_features)
    published.check('eval/pixel.mask_features', predictions.mask_features[0])
    for level in range(3):
        published.check(f'eval/pixel.multi_scale_{level}', pixels.levels[level])
    for index in (0, 1, 4):
        layer = training.layers[index]
        masks = training.mask_logits(mask_embeds=layer.mask_embeds)
        published.check(f'eval/frame.aux{index}.pred_logits', layer.class_logits[0])
        published.check(f'eval/frame.aux{index}.pred_masks', masks[0])
    published.check('eval/frame.pred_logits', predictions.class_logits[0])
    published.check('eval/frame.pred_masks', predictions.mask_logits()[0])
    published.check('eval/frame.queries', predictions.queries[-1, 0])


class SamePoints:
    """The points of the recorded training step, the same for every matching and loss."""

    def __init__(self, seed: int, count: int) -> None:
        self.points = torch.from_numpy(generator(seed).random((1, count, 2))).float()

    def for_matching(self, like: Tensor, generator: object = None) -> Tensor:
        return self.points

    def for_loss(self, logits: Tensor, generator: object = None) -> Tensor:
        return self.points.expand(len(logits), -1, -1)


def recorded_gt(golden: Golden) -> AVDataSample:
    """One clip with three instances, one of which disappears."""
    arrays = golden.arrays
    shape = arrays['train/target/masks_shape']  # (T, N, H, W)
    masks = np.unpackbits(arrays['train/target/masks_packed'], count=shape.prod()).reshape(shape)
    tracks = InstanceData(
        labels=torch.from_numpy(arrays['train/target/clip_labels']),
        ids=torch.from_numpy(arrays['train/target/ids'][0]),
        masks=torch.from_numpy(masks).bool().transpose(0, 1),
    )
    return AVDataSample(gt_tracks=tracks)


@pytest.mark.parametrize('published', ['avism_r50'], indirect=True)
def test_losses_and_matchings_of_training_step_are_equal(published) -> None:
    golden, head = published.golden, published.head
    meta, arrays = golden.meta['train'], golden.arrays
    frames, audio = published.inputs('train')
    sample = recorded_gt(golden)
    head.loss_set.points = SamePoints(meta['point_seed'], meta['num_points'])
    published.backbone.train()
    with torch.no_grad():
        predictions = head.train()(published.backbone(frames), audio, (1, len(frames)))
        losses, matchings = head.loss(predictions, [sample])
    head.eval()
    published.backbone.eval()
    recorded = dict(
        zip(arrays['train/fixed/loss_names'], arrays['train/fixed/loss_values'], strict=True)
    )
    assert len(losses) == 30
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(recorded[name], rel=1e-5), name

    frame_matchings = [
        pairs
        for level, pairs in json.loads(arrays['train/fixed/matching'].item())
        if level == 'frame'
    ]
    visible = sample.gt_tracks.masks.flatten(2).any(-1).T  # (T, N)
    for layer, expected in zip([matchings[-1], *matchings[:-1]], frame_matchings, strict=True):
        for frame, (queries, instances) in enumerate(layer):
            positions = visible[frame].cumsum(0)[instances] - 1  # counted among those of the frame
            assert [queries.tolist(), positions.tolist()] == expected[frame]


def test_both_namings_convert_equally() -> None:
    """The variant initialized from COCO renames parts of the clip module only."""
    folder: Path = DATA / 'models' / 'avism_r50'
    names = {
        file: {
            name
            for name, _, _ in json.loads((folder / file).read_text())['keys']
            if name.startswith(AVISM_PREFIXES)
        }
        for file in ('keys.json', 'keys_coco_variant.json')
    }
    assert names['keys.json'] == names['keys_coco_variant.json']
