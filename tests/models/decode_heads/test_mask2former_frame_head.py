"""The frame head equals mmdet's Mask2Former with the same weights; batches, losses and errors."""

import pytest
import torch
from mmdet.models.dense_heads import Mask2FormerHead
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.converters.mask2former import convert_mask2former
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.structures.av_data_sample import AVDataSample

MAPS = (8, 12, 16, 20)
CLASSES, QUERIES, CHANNELS = 5, 6, 32


def small_head(*, with_audio: bool = False) -> Mask2FormerFrameHead:
    torch.manual_seed(0)
    sizes = {'channels': CHANNELS, 'num_heads': 4, 'hidden_channels': 48}
    pixel_decoder = {'type': DeformablePixelDecoder, 'in_channels': MAPS, 'num_layers': 1, **sizes}
    arguments = {
        'num_classes': CLASSES,
        'pixel_decoder': pixel_decoder,
        'num_queries': QUERIES,
        'num_layers': 4,
        'loss_set': {'type': MaskSetLoss, 'num_classes': CLASSES, 'num_points': 50},
        **sizes,
    }
    if not with_audio:
        return Mask2FormerFrameHead(**arguments)
    fusion = {'type': AVISMQueryFusion, 'channels': CHANNELS, 'audio_dim': 7, 'num_heads': 4}
    return AVISMFrameHead(audio_fusion=fusion, **arguments)


def draw(clips: int = 2, frames: int = 3) -> tuple[list[Tensor], Tensor, tuple[int, int]]:
    generator = torch.Generator().manual_seed(1)
    maps = [
        torch.randn(clips * frames, channels, 64 // stride, 96 // stride, generator=generator)
        for channels, stride in zip(MAPS, (4, 8, 16, 32), strict=True)
    ]
    return maps, torch.randn(clips, frames, 7, generator=generator), (clips, frames)


def draw_gt(clips: int = 2, frames: int = 3, instances: int = 2) -> list[AVDataSample]:
    generator = torch.Generator().manual_seed(2)
    samples = []
    for _ in range(clips):
        masks = torch.rand(instances, frames, 64, 96, generator=generator) < 0.3
        labels = torch.arange(instances)
        masks[1:, 1:] = False  # only the first instance remains
        tracks = InstanceData(labels=labels, ids=labels + 3, masks=masks)
        samples.append(AVDataSample(gt_tracks=tracks))
    return samples


def mmdets(head: Mask2FormerFrameHead) -> Mask2FormerHead:
    """mmdet's head with random weights, and the frame head with these weights converted."""
    attention = {'embed_dims': CHANNELS, 'num_heads': 4, 'batch_first': True}
    deformable = {**attention, 'num_levels': 3, 'num_points': 4, 'dropout': 0.0}
    ffn = {'embed_dims': CHANNELS, 'feedforward_channels': 48, 'num_fcs': 2}
    theirs = Mask2FormerHead(
        in_channels=list(MAPS),
        feat_channels=CHANNELS,
        out_channels=CHANNELS,
        num_things_classes=CLASSES,
        num_stuff_classes=0,
        num_queries=QUERIES,
        pixel_decoder=ConfigDict(
            type='MSDeformAttnPixelDecoder',
            encoder={
                'num_layers': 1,
                'layer_cfg': {'self_attn_cfg': deformable, 'ffn_cfg': ffn},
            },
            positional_encoding={'num_feats': CHANNELS // 2, 'normalize': True},
        ),
        transformer_decoder=ConfigDict(
            num_layers=4,
            layer_cfg={'self_attn_cfg': attention, 'cross_attn_cfg': attention, 'ffn_cfg': ffn},
        ),
        positional_encoding={'num_feats': CHANNELS // 2, 'normalize': True},
        loss_cls=ConfigDict(type='CrossEntropyLoss', class_weight=[1.0] * CLASSES + [0.1]),
    )
    torch.manual_seed(7)  # masks of both signs after every layer
    for name, parameter in theirs.named_parameters():
        nn.init.normal_(parameter, 1.0 if 'norm' in name else 0.0, 0.2)
    nn.init.normal_(theirs.mask_embed[-1].weight)
    nn.init.zeros_(theirs.mask_embed[-1].bias)
    published = {f'panoptic_head.{name}': value for name, value in theirs.state_dict().items()}
    published['backbone.conv1.weight'] = torch.zeros(1)
    converted, dropped = convert_mask2former(published)
    assert dropped == ['panoptic_head.cls_embed.weight', 'panoptic_head.cls_embed.bias']
    assert converted.pop('backbone.conv1.weight').shape == (1,)
    state = {name.removeprefix('frame_head.'): value for name, value in converted.items()}
    state['class_embed.weight'] = theirs.cls_embed.weight
    state['class_embed.bias'] = theirs.cls_embed.bias
    head.load_state_dict(state, strict=True)
    return theirs


def test_every_prediction_equals_mmdet() -> None:
    head = small_head()
    theirs, (maps, audio, clip) = mmdets(head).train(), draw()
    with torch.no_grad():
        predictions = head.train()(maps, audio, clip)
        classes, masks = theirs(maps, [])
    assert len(predictions.layers) == len(classes) == 5
    for layer, logits, mask in zip(predictions.layers, classes, masks, strict=True):
        torch.testing.assert_close(layer.class_logits.flatten(0, 1), logits, rtol=0, atol=1e-4)
        ours = predictions.mask_logits(mask_embeds=layer.mask_embeds).flatten(0, 1)
        torch.testing.assert_close(ours, mask, rtol=0, atol=1e-4 * mask.std().item() + 1e-4)
        assert (mask < 0).any()  # so that attention is masked somewhere
        assert (mask > 0).any()


def test_evaluation_returns_last_layer_of_training() -> None:
    head, inputs = small_head(), draw()
    with torch.no_grad():
        training, evaluation = head.train()(*inputs), head.eval()(*inputs)
    assert training.queries.shape == (3, 2, 3, QUERIES, CHANNELS)
    assert evaluation.queries.shape == (1, 2, 3, QUERIES, CHANNELS)
    assert not evaluation.layers
    torch.testing.assert_close(evaluation.queries[-1], training.queries[-1], atol=1e-5, rtol=0)
    torch.testing.assert_close(evaluation.class_logits, training.layers[-1].class_logits)
    torch.testing.assert_close(evaluation.mask_logits(), training.mask_logits())


@pytest.mark.parametrize('with_audio', [False, True])
def test_clip_does_not_depend_on_batch(with_audio: bool) -> None:
    head, (maps, audio, clip) = small_head(with_audio=with_audio).eval(), draw()
    with torch.no_grad():
        together = head(maps, audio, clip)
        alone = head([level[3:] for level in maps], audio[1:], (1, 3))
    for name in ('class_logits', 'mask_embeds', 'pixel_features'):
        torch.testing.assert_close(
            getattr(alone, name), getattr(together, name)[1:], rtol=1e-5, atol=1e-5
        )
    torch.testing.assert_close(alone.mask_logits(), together.mask_logits()[1:])


def test_audio_changes_queries_of_avism_head_only() -> None:
    maps, audio, clip = draw()
    for with_audio in (False, True):
        head = small_head(with_audio=with_audio).eval()
        with torch.no_grad():
            original, other = head(maps, audio, clip), head(maps, audio.flip(1), clip)
        assert torch.equal(original.class_logits, other.class_logits) != with_audio
        # The middle frame has the same audio in both.
        assert torch.equal(original.class_logits[:, 1], other.class_logits[:, 1])


def step(head: Mask2FormerFrameHead, samples: list[AVDataSample]) -> dict[str, Tensor]:
    head.train()
    predictions: FramePredictions = head(*draw())
    torch.manual_seed(3)
    losses, matchings = head.loss(predictions, samples)
    assert [len(layer) for layer in matchings] == [6] * 5
    sum(losses.values()).backward()
    return losses


def test_training_step_has_gradient_for_every_parameter() -> None:
    head = small_head(with_audio=True)
    losses = step(head, draw_gt())
    suffixes = ['', *(f'_{i}' for i in range(4))]
    assert set(losses) == {f'loss_{n}{s}' for n in ('ce', 'mask', 'dice') for s in suffixes}
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())
    missing = [name for name, weight in head.named_parameters() if weight.grad is None]
    assert not missing


def test_matchings_index_instances_of_the_clip() -> None:
    head = small_head().train()
    _, matchings = head.loss(head(*draw()), draw_gt())
    for layer in matchings:
        for number, (queries, instances) in enumerate(layer):
            shown = [0, 1] if number % 3 == 0 else [0]
            assert sorted(instances.tolist()) == shown
            assert len(queries) == len(shown)


def test_clip_without_instances_has_class_loss_only() -> None:
    head = small_head()
    samples = draw_gt()
    for sample in samples:
        sample.gt_tracks = sample.gt_tracks[:0]
    losses = step(head, samples)
    assert all(losses[f'loss_{name}'] == 0 for name in ('mask', 'dice'))
    assert losses['loss_ce'] > 0
    assert all(weight.grad is not None for weight in head.parameters())


def test_nan_features_do_not_spread_to_other_frames() -> None:
    head, (maps, audio, clip) = small_head().eval(), draw()
    for level in maps:
        level[0] = torch.nan
    with torch.no_grad():
        predictions = head(maps, audio, clip)
    logits = predictions.class_logits.flatten(0, 1)
    assert logits[0].isnan().all()
    assert logits[1:].isfinite().all()


def test_inconsistent_sizes_raise() -> None:
    maps, audio, _ = draw()
    with pytest.raises(ValueError, match=r'maps of B \* T = 2 \* 4 frames, got 6'):
        small_head()(maps, audio, (2, 4))
    with pytest.raises(ValueError, match=r'for each of 6 frames, \(B, T, D\), got \(2, 2, 7\)'):
        small_head(with_audio=True)(maps, audio[:, :2], (2, 3))
    head = small_head()
    head.loss_set = None
    with pytest.raises(ValueError, match='expected loss_set for training'):
        head.loss(head(*draw()), draw_gt())
