"""A small H2S: audio, batches, windows, gradients, and the converter of both namings."""

import numpy as np
import pytest
import torch
from h2s import LoadSeparatedAudio, convert_h2s
from mmengine.dataset import pseudo_collate

from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from projects.h2s.tests.tiny_h2s import STREAMS, build, streams_clip
from tests.helpers.tiny_avism import C, D, K, P


def outputs(model: AVInstanceSegmentor, *clips: dict) -> dict[str, torch.Tensor]:
    inputs = model.data_preprocessor(pseudo_collate(list(clips)))['inputs']
    with torch.no_grad():
        return model(inputs)


def test_outputs_depend_on_audio_but_not_on_the_order_of_streams() -> None:
    model, item, shuffled, muted = build(), streams_clip(), streams_clip(), streams_clip()
    audio = item['inputs']['audio'].unflatten(1, (STREAMS, D))
    shuffled['inputs']['audio'] = audio[:, [2, 0, 1]].flatten(1)
    muted['inputs']['audio'] = torch.zeros_like(muted['inputs']['audio'])
    expected, same, silent = (outputs(model, x) for x in (item, shuffled, muted))
    for name, value in expected.items():
        torch.testing.assert_close(same[name], value, rtol=1e-3, atol=1e-3)
    assert (silent['class_logits'] - expected['class_logits']).abs().max() > 1e-3


def test_clip_does_not_depend_on_its_batch_without_fillers() -> None:
    model, clips = build(count_fillers=False), [streams_clip(), streams_clip(seed=1)]
    together = outputs(model, *clips)
    for index, item in enumerate(clips):
        for name, value in outputs(model, item).items():
            torch.testing.assert_close(together[name][index], value[0], rtol=1e-3, atol=1e-3)


def test_every_parameter_gets_a_gradient() -> None:
    model = build().train()
    data = model.data_preprocessor(pseudo_collate([streams_clip(), streams_clip(seed=1)]), True)
    losses = model(**data, mode='loss')
    assert len(losses) == 12 + 10
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_audio_of_another_width_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'expected audio \(B, T, S \* 6\)'):
        build().frame_head.audio_tokens(torch.zeros(1, 2, 7), torch.zeros(P, C))


def test_converter_reads_both_namings_and_drops_what_is_unused() -> None:
    names = ['sem_seg_head.predictor.av_pre_proj.weight', 'avism_module.av_proj.weight']
    names += ['avism_module.encode_av_fusion.3.mamba.audio_gate.gate_fusion.0.bias']
    names += [
        'avism_module.fq_pos.weight',
        'backbone.stem.conv1.weight',
        'backbone.stem.conv1.norm.num_batches_tracked',
    ]
    unused = 'sem_seg_head.pixel_decoder.bi_attn.0.to_v.weight'
    for naming in ('avism', 'vita'):
        checkpoint = {name.replace('avism_', f'{naming}_'): torch.ones(2) for name in names}
        checkpoint |= {unused: torch.ones(1), 'criterion.empty_weight': torch.ones(K)}
        converted, dropped = convert_h2s(checkpoint)
        assert dropped == [unused, 'criterion.empty_weight']
        assert sorted(converted) == [
            'backbone.bn1.num_batches_tracked',
            'backbone.conv1.weight',
            'frame_head.audio_tokens.audio_proj.weight',
            'tracker.head.audio_tokens.audio_proj.weight',
            'tracker.head.frame_query_embed.weight',
            'tracker.head.modulator.3.scan.audio_gate.gate_fusion.0.bias',
        ]
    with pytest.raises(ValueError, match='not an official H2S model'):
        convert_h2s({'vita_module.unknown': torch.ones(1)})


def test_streams_are_read_side_by_side(tmp_path) -> None:
    rows = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    (tmp_path / 'a').mkdir()
    for index, stream in enumerate(rows):
        np.save(tmp_path / 'a' / f'source_0{index + 1}.npy', stream)
    record = {
        'features': str(tmp_path / 'a.npy'),
        'length': 4,
        'audio': None,
        'frame_ids': np.array([3, 1]),
    }
    audio = LoadSeparatedAudio(num_streams=2).transform(record)['audio']
    assert audio.tolist() == np.concatenate(rows, 1)[[3, 1]].tolist()
    with pytest.raises(FileNotFoundError, match='source_03'):
        LoadSeparatedAudio(num_streams=3).transform(record)
