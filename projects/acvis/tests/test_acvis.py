"""Queries from audio, the count of sounding instances, and one training step of a small model."""

import math

import pytest
import torch
from acvis import (
    ACVISFrameHead,
    AudioCentricQueries,
    OrdinalCountLoss,
    convert_acvis,
    count_probabilities,
)
from acvis.query_generation import AudioBlock
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from torch import nn

from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers import tiny_avism
from tests.helpers.clip_query_models import check_predictions


def build() -> nn.Module:
    head = tiny_avism.frame_head(with_audio=False)
    head |= {
        'type': ACVISFrameHead,
        'query_generation': {
            'type': AudioCentricQueries,
            'channels': tiny_avism.C,
            'audio_dim': tiny_avism.D,
        },
        'loss_count': {'type': OrdinalCountLoss},
    }
    model = tiny_avism.build()
    model.frame_head = MODELS.build(head)
    return model.eval()


def test_block_equals_attention_to_a_single_token() -> None:
    torch.manual_seed(0)
    block, attention = AudioBlock(8), nn.MultiheadAttention(8, 2, batch_first=True)
    attention.in_proj_weight.data[16:] = block.value.weight
    attention.in_proj_bias.data[16:] = block.value.bias.data.normal_()
    attention.out_proj.load_state_dict(block.out_proj.state_dict())
    queries, audio = torch.randn(3, 5, 8), torch.randn(3, 8)
    attended, _ = attention(queries, audio[:, None], audio[:, None])
    torch.testing.assert_close(block(queries, audio), block.norm(queries + attended))


def test_probabilities_of_counts() -> None:
    logits = torch.tensor([math.log(3), 0.0])  # more than 0: 3/4, then more than 1: 1/2
    torch.testing.assert_close(count_probabilities(logits), torch.tensor([0.25, 0.375, 0.375]))


def test_count_loss_equals_hand_computed_value() -> None:
    annotated = torch.tensor([[False, True, True], [False, False, True]])  # counts 0, 1, 2
    samples = [
        AVDataSample(gt_tracks=InstanceData(annotated=annotated)),
        AVDataSample(gt_tracks=InstanceData(masks=torch.zeros(0, 3, 4, 4).bool())),  # counts 0
    ]
    logits = torch.tensor([math.log(3), -math.log(3)]).expand(2, 3, 2)  # 3/4 and 1/4
    # At least 0 in every frame; at least 1 in two frames of the first clip.
    first = (math.log(4) + 2 * math.log(4 / 3) + math.log(4 / 3) + math.log(4)) / 5
    loss = OrdinalCountLoss(weight=2.0)(logits, samples)
    assert loss.item() == pytest.approx(first + math.log(4), rel=1e-5)


def test_model_trains_predicts_and_listens() -> None:
    model, batch = build(), tiny_avism.clip()
    data = model.data_preprocessor(
        {
            'inputs': {k: [v] for k, v in batch['inputs'].items()},
            'data_samples': [batch['data_samples']],
        }
    )
    with torch.no_grad():
        outputs = model(data['inputs'])
        muted = model({**data['inputs'], 'audio': torch.zeros_like(data['inputs']['audio'])})
    assert outputs['frame_count_logits'].shape == (1, 3, 2)
    assert outputs['frame_class_logits'].shape[2] == tiny_avism.P  # without the count token
    for name in ('frame_count_logits', 'frame_class_logits', 'class_logits'):
        assert not torch.allclose(outputs[name], muted[name])
    (sample,) = model(**data, mode='predict')
    assert len(sample.pred_tracks)
    losses = model.train()(**data, mode='loss')
    sum(losses.values()).backward()
    assert 'loss_instance_cnt' in losses
    assert all(
        weight.grad.abs().sum() > 0
        for name, weight in model.frame_head.named_parameters()
        if name.startswith(('count_', 'query_generation'))
    )


def test_clips_of_a_batch_and_a_single_window_are_predicted_as_alone() -> None:
    model = build()
    model.tracker.max_candidates, model.tracker.score_threshold = 5, -1.0
    check_predictions(model, 8)


def test_frames_of_windows_are_predicted_as_those_of_the_whole_clip() -> None:
    model, length = build(), 7
    data = model.data_preprocessor(pseudo_collate([tiny_avism.clip(length)]))
    with torch.no_grad():
        whole = model(data['inputs'])
        for start in range(0, length, 3):
            frames = slice(start, start + 3)
            window = model({name: x[:, frames] for name, x in data['inputs'].items()})
            for name in ('frame_count_logits', 'frame_class_logits'):
                torch.testing.assert_close(window[name], whole[name][:, frames])


def test_converter_keeps_values_and_rejects_other_models() -> None:
    block = 'sem_seg_head.predictor.audio_centric_query_generator.0.'
    converted, dropped = convert_acvis(
        {
            'audio_backbone.pproc.pca_means': torch.zeros(128, 1),
            f'{block}multihead_attn.in_proj_weight': torch.arange(6.0)[:, None].expand(6, 2),
            'sem_seg_head.predictor.av_post_proj.bias': torch.zeros(2),
            'sem_seg_head.predictor.cls_token.weight': torch.zeros(1, 2),
            'vita_module.av_proj.bias': torch.zeros(1),
            'backbone.stem.conv1.weight': torch.zeros(1),
        }
    )
    assert dropped == ['sem_seg_head.predictor.av_post_proj.bias']
    value = converted['frame_head.query_generation.blocks.0.value.weight']
    assert value.tolist() == [[4.0, 4.0], [5.0, 5.0]]
    assert set(converted) == {
        'audio_encoder.network.pca_means',
        'backbone.conv1.weight',
        'frame_head.query_generation.blocks.0.value.weight',
        'frame_head.count_token.weight',
        'tracker.head.audio_proj.bias',
    }
    unknown = {
        'backbone.stem.conv1.weight': torch.zeros(1),
        'vita_module.av_proj.bias': torch.zeros(1),
        f'{block}scale': torch.zeros(1),
    }
    with pytest.raises(ValueError, match='unknown entry'):
        convert_acvis(unknown)
