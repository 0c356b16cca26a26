"""AVSegmentor with small parts: shapes, padding, losses, predictions and errors."""

import copy

import pytest
import torch
from mmdet.models.backbones import ResNet
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from torch import Tensor

from avis.models.audio_encoders.log_mel_cnn import LogMelCNN
from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.refine_fpn_head import RefineFPNHead
from avis.models.fusion.cross_attention import CrossAttentionFusion
from avis.models.fusion.simple import AddFusion, ConcatFusion, NoFusion
from avis.models.fusion.tpavi import TPAVI
from avis.models.losses.avm_loss import AVMLoss
from avis.models.losses.labeled_losses import LabeledBCELoss, LabeledCrossEntropyLoss
from avis.models.necks.dilated_conv_neck import DilatedConvNeck
from avis.models.segmentors.av_segmentor import AVSegmentor
from avis.structures.av_data_sample import AVDataSample


def build(num_classes: int = 1, **parts) -> AVSegmentor:
    """Build a narrow model; ``parts`` replace its configs."""
    torch.manual_seed(0)
    loss = LabeledBCELoss if num_classes == 1 else LabeledCrossEntropyLoss
    config = {
        'data_preprocessor': {'type': AVDataPreprocessor},
        'backbone': {'type': ResNet, 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
        'neck': {'type': DilatedConvNeck, 'in_channels': [8, 16, 32, 64], 'out_channels': 16},
        'audio_encoder': {'type': PrecomputedAudio, 'channels': 6},
        'fusion': {'type': TPAVI, 'channels': 16, 'audio_dim': 6, 'identity_init': False},
        'decode_head': {'type': RefineFPNHead, 'num_classes': num_classes, 'channels': 16},
        'loss_seg': {'type': loss},
    }
    return AVSegmentor(**{**config, **parts})


def clip(frames: int = 3, size: tuple[int, int] = (64, 96), audio: Tensor | None = None) -> dict:
    """Return one item of a data set, whose ground truth is the middle of the frame."""
    height, width = size
    mask = torch.zeros(frames, *size, dtype=torch.uint8)
    mask[:, height // 4 : -height // 4, width // 4 : -width // 4] = 1
    sample = AVDataSample(
        metainfo={'video_name': 'guitar_1', 'img_shape': size, 'frame_ids': list(range(frames))},
        gt_sem_seg=PixelData(sem_seg=mask),
        labeled_frames=torch.tensor([True] + [False] * (frames - 1)),
    )
    inputs = {
        'frames': torch.randint(0, 256, (frames, 3, *size), dtype=torch.uint8),
        'audio': torch.rand(frames, 6) if audio is None else audio,
    }
    return {'inputs': inputs, 'data_samples': sample}


def batch_of(model: AVSegmentor, *clips: dict, training: bool = False) -> dict:
    return model.data_preprocessor(pseudo_collate(copy.deepcopy(list(clips))), training)


@pytest.mark.parametrize('num_classes', [1, 5])
@pytest.mark.parametrize(('frames', 'size'), [(1, (32, 32)), (7, (64, 96))])
def test_raw_outputs_have_expected_shapes(num_classes, frames, size) -> None:
    model = build(num_classes).eval()
    outputs = model(batch_of(model, clip(frames, size), clip(frames, size))['inputs'])
    height, width = size
    assert outputs['logits'].shape == (2, frames, num_classes, height, width)
    for level, (features, audio) in enumerate(
        zip(outputs['feature_maps'], outputs['audio_features'], strict=True)
    ):
        stride = 4 * 2**level
        assert features.shape == (2, frames, 16, height // stride, width // stride)
        assert features.min() >= 0  # after ReLU
        assert audio.shape == (2, frames, 16)


def test_logits_do_not_depend_on_batch() -> None:
    model = build().eval()
    first, second = clip(), clip()
    with torch.no_grad():
        alone = model(batch_of(model, first)['inputs'])['logits']
        together = model(batch_of(model, first, second)['inputs'])['logits']
    torch.testing.assert_close(alone[0], together[0], rtol=1e-4, atol=1e-5)


def test_waveform_changes_logits() -> None:
    model = build(audio_encoder={'type': LogMelCNN, 'out_channels': 6}).eval()
    loud = clip(2, audio=torch.rand(32000) - 0.5)
    with torch.no_grad():
        logits = model(batch_of(model, loud)['inputs'])['logits']
        loud['inputs']['audio'] = torch.zeros(32000)
        silent = model(batch_of(model, loud)['inputs'])['logits']
    assert (logits - silent).abs().max() > 1e-4


def test_predictions_exclude_padding() -> None:
    model = build().eval()
    batch = batch_of(model, clip(3), clip(2, (64, 64)))
    with torch.no_grad():
        logits = model(batch['inputs'])['logits']
        predictions = model(**batch, mode='predict')
    assert not logits[1, 2].any()
    assert predictions[0].pred_sem_seg.sem_seg.shape == (3, 64, 96)
    assert predictions[1].pred_sem_seg.sem_seg.shape == (2, 64, 64)


def test_binary_prediction_thresholds_at_half() -> None:
    model = build().eval()
    batch = batch_of(model, clip())
    with torch.no_grad():
        logits = model(batch['inputs'])['logits']
        (sample,) = model(**batch, mode='predict')
    prediction = sample.pred_sem_seg
    torch.testing.assert_close(prediction.prob, logits[0, :, 0].sigmoid())
    assert prediction.sem_seg.dtype == torch.uint8
    assert torch.equal(prediction.sem_seg, (logits[0, :, 0] > 0).byte())


def test_semantic_prediction_is_argmax() -> None:
    model = build(num_classes=5).eval()
    batch = batch_of(model, clip())
    with torch.no_grad():
        logits = model(batch['inputs'])['logits']
        (sample,) = model(**batch, mode='predict')
    assert torch.equal(sample.pred_sem_seg.sem_seg, logits[0].argmax(1).byte())
    assert 'prob' not in sample.pred_sem_seg


FUSIONS = [TPAVI, AddFusion, ConcatFusion, CrossAttentionFusion, NoFusion]


@pytest.mark.parametrize('fusion', FUSIONS)
def test_training_reduces_loss_with_every_fusion_block(fusion) -> None:
    """Every block of the ablation can be exchanged by one config line and reduces the loss."""
    model = build(fusion={'type': fusion, 'channels': 16, 'audio_dim': 6})
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    batch = batch_of(model, clip(), training=True)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        (loss,) = model(**batch, mode='loss').values()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[1:]) < losses[0]
    assert all(weight.grad is not None for weight in model.parameters())


def test_loss_avm_is_optional() -> None:
    model = build(loss_avm={'type': AVMLoss, 'reduction': 'sum'})
    losses = model(**batch_of(model, clip(), training=True), mode='loss')
    assert set(losses) == {'loss_seg', 'loss_avm'}
    plain = build()(**batch_of(model, clip(), training=True), mode='loss')
    assert set(plain) == {'loss_seg'}


def test_loss_ignores_unlabeled_frames() -> None:
    model, item = build(), clip()
    before = model(**batch_of(model, item, training=True), mode='loss')['loss_seg']
    model, other = build(), copy.deepcopy(item)
    other['data_samples'].gt_sem_seg.sem_seg[1:] = 0
    after = model(**batch_of(model, other, training=True), mode='loss')['loss_seg']
    assert before == after
    model = build()
    del other['data_samples'].labeled_frames  # without flags all frames are labeled
    assert model(**batch_of(model, other, training=True), mode='loss')['loss_seg'] != before


@pytest.mark.parametrize(('num_classes', 'label'), [(1, 2), (5, 70)])
def test_label_above_num_classes_raises(num_classes, label) -> None:
    model, item = build(num_classes), clip()
    item['data_samples'].gt_sem_seg.sem_seg[0, 0, 0] = label
    with pytest.raises(ValueError, match=rf"'guitar_1'.*num_classes is .*got {label}\."):
        model(**batch_of(model, item, training=True), mode='loss')


@pytest.mark.parametrize('shape', [(1, 2, 3, 64, 100), (2, 3, 64, 64)])
def test_invalid_frame_shape_raises(shape) -> None:
    with pytest.raises(ValueError, match=r'multiples of 32, got .*size_divisor=32'):
        build()({'frames': torch.zeros(shape), 'audio': torch.zeros(1, 2, 6)})


def test_modes_without_data_samples_raise() -> None:
    model = build()
    inputs = batch_of(model, clip())['inputs']
    for mode in ('loss', 'predict', 'train'):
        with pytest.raises(ValueError, match=f"mode is '{mode}'"):
            model(inputs, mode=mode)
