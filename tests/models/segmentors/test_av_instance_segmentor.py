"""AVInstanceSegmentor: any frame head with any tracker, in chunks, batches and windows."""

import numpy as np
import pytest
import torch
from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import ByteTracker
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.trackers.base import Window
from avis.models.trackers.box_tracker import BoxTracker
from avis.models.trackers.clip_query_tracker import ClipQueryTracker
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from avis.models.trackers.query_matching_tracker import QueryMatchingTracker
from avis.models.trackers.sounding_gate import SoundingGate
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

K, C, D, P = 3, 32, 6, 5
LOSS = {'type': MaskSetLoss, 'num_classes': K, 'num_points': 32}
SMALL = {'num_classes': K, 'channels': C, 'hidden_channels': 16}
DETECTOR = {'type': 'Detector', 'score_threshold': 0.0}


def frame_head(hears: bool) -> dict:
    pixels = {
        'type': DeformablePixelDecoder,
        'in_channels': (64, 128, 256, 512),
        'channels': C,
        'num_layers': 1,
        'hidden_channels': 16,
    }
    head = {**SMALL, 'num_queries': P, 'num_layers': 3, 'pixel_decoder': pixels, 'loss_set': LOSS}
    if not hears:
        return {'type': Mask2FormerFrameHead, **head}
    fusion = {'type': AVISMQueryFusion, 'channels': C, 'audio_dim': D}
    return {'type': AVISMFrameHead, 'audio_fusion': fusion, **head}


def tracker(name: str, hears: bool) -> dict:
    byte = {'type': ByteTracker, 'motion': {'type': KalmanFilter}, 'init_track_thr': 0.1}
    head = {**SMALL, 'num_queries': 4, 'num_frame_queries': P, 'num_encoder_layers': 2}
    return {
        'clip': {
            'type': ClipQueryTracker,
            'head': {'type': AVISMClipHead, 'audio_dim': D if hears else None, **head},
            'loss_set': LOSS,
            'loss_similarity': {'type': ClipSimilarityLoss},
            'score_threshold': 0.01,
        },
        'query': {'type': QueryMatchingTracker, 'detector': DETECTOR, 'new_track_score': 0.0},
        'overlap': {'type': MaskOverlapTracker, 'detector': DETECTOR, 'new_track_score': 0.0},
        'byte': {'type': BoxTracker, 'detector': DETECTOR, 'tracker': byte},
    }[name]


def build(name: str = 'clip', hears: bool = True, **settings) -> AVInstanceSegmentor:
    torch.manual_seed(0)
    model = AVInstanceSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': FrozenResNet, 'depth': 18},
        audio_encoder={'type': PrecomputedAudio, 'channels': D},
        frame_head=frame_head(hears),
        tracker=tracker(name, hears),
        **settings,
    )
    model.eval()
    return model


def clip(length: int = 3, size=(64, 96), seed: int = 0) -> dict:
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (length, 3, *size), dtype=torch.uint8, generator=rng)
    masks = torch.zeros(2, length, *size, dtype=torch.bool)
    masks[0, :, 8:40, 8:40] = True
    masks[1, 1:, :8, :8] = True
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'video_name': 'a'})
    sample.gt_tracks = InstanceData(
        labels=torch.tensor([0, 2]), ids=torch.tensor([3, 5]), masks=masks
    )
    audio = torch.rand(length, D, generator=rng)
    return {'inputs': {'frames': frames, 'audio': audio}, 'data_samples': sample}


def predict(model, *clips) -> list[InstanceData]:
    samples = model.test_step(pseudo_collate(list(clips)))
    return [sample.pred_tracks for sample in samples]


def assert_same(ours: InstanceData, theirs: InstanceData, **tolerance) -> None:
    torch.testing.assert_close(ours.scores, theirs.scores, **tolerance)
    assert ours.labels.tolist() == theirs.labels.tolist()
    for a, b in zip(ours.masks, theirs.masks, strict=True):
        assert (a.to_dense() != b.to_dense()).mean() <= (0.01 if tolerance else 0)


@pytest.mark.parametrize('name', ['clip', 'query', 'overlap', 'byte'])
@pytest.mark.parametrize('hears', [True, False], ids=['avism', 'mask2former'])
@pytest.mark.parametrize('gated', [False, True], ids=['open', 'gated'])
def test_any_head_with_any_tracker(name, hears, gated) -> None:
    gate = {'type': SoundingGate, 'source': 'similarity', 'query_dim': C, 'audio_dim': D}
    model = build(name, hears, sounding_gate={**gate, 'threshold': 0.0} if gated else None)
    model.train()
    data = model.data_preprocessor(pseudo_collate([clip(), clip(seed=1)]), training=True)
    losses = model(**data, mode='loss')
    expected = {'clip': 10, 'query': 0, 'overlap': 0, 'byte': 0}[name] + 12 + gated
    assert len(losses) == expected
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    model.eval()
    tracks, _ = predict(model, clip(), clip(seed=1))
    assert len(tracks.scores) == len(tracks.ids) == len(tracks.masks) > 0
    assert all((len(m), m.height, m.width) == (3, 64, 96) for m in tracks.masks)


def test_raw_outputs_do_not_depend_on_the_chunks() -> None:
    model = build()
    inputs = model.data_preprocessor(pseudo_collate([clip(5), clip(5, seed=1)]))['inputs']
    whole = model(inputs)
    assert whole['class_logits'].shape == (2, 4, K + 1)
    assert whole['mask_logits'].shape == (2, 4, 5, 16, 24)
    assert whole['frame_class_logits'].shape == (2, 5, P, K + 1)
    assert whole['frame_mask_logits'].shape == (2, 5, P, 16, 24)
    model.frames_per_chunk = 2
    with torch.no_grad():
        for name, value in model(inputs).items():
            torch.testing.assert_close(value, whole[name], rtol=0, atol=1e-4)


def test_a_clip_does_not_depend_on_its_batch() -> None:
    model = build()
    clips = [clip(2, (64, 64)), clip(4, (50, 90), seed=1)]
    for alone, together in zip(clips, predict(model, *clips), strict=True):
        assert len(together.masks[0]) == len(alone['inputs']['frames'])
        assert_same(together, *predict(model, alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', ['clip', 'overlap'])
def test_one_window_is_the_whole_clip(name) -> None:
    model = build(name)
    data = model.data_preprocessor(pseudo_collate([clip()]))
    state = model.start_video()
    model.predict_window(state, data['inputs'], Window.of_sample(data['data_samples'][0]))
    assert_same(model.finish_video(state), *predict(model, clip()))


def test_reported_classes() -> None:
    (every,) = predict(build(), clip())
    assert len(set(every.labels.tolist())) > 1
    (some,) = predict(build(reported_classes=[2, 0]), clip())
    kept = [i for i, label in enumerate(every.labels.tolist()) if label in (2, 0)]
    assert some.ids.tolist() == every.ids[kept].tolist()
    assert some.labels.tolist() == [{2: 0, 0: 1}[int(every.labels[i])] for i in kept]
    assert len(some.masks) == len(kept)
    (none,) = predict(build(reported_classes=[]), clip())
    assert len(none.scores) == len(none.masks) == 0


def test_sound_counts() -> None:
    loud, muted = clip(), clip()
    muted['inputs']['audio'] = muted['inputs']['audio'] * 0
    for hears in (True, False):
        (one,), (other,) = (predict(build('clip', hears), item) for item in (loud, muted))
        assert torch.equal(one.scores, other.scores) != hears


def test_training_sees_every_clip_as_if_alone() -> None:
    model = build().train()
    one, other = clip(), clip(seed=1)
    batches = ([one], [other], [one, other])
    frames = []
    for batch in batches:
        inputs = model.data_preprocessor(pseudo_collate(batch))['inputs']
        frames.append(model.predict_frames(inputs)[0])
    for index, alone in enumerate(frames[:2]):
        torch.testing.assert_close(
            frames[2].queries[:, index], alone.queries[:, 0], rtol=0, atol=1e-4
        )


def test_mistakes_are_named() -> None:
    model = build()
    data = model.data_preprocessor(pseudo_collate([clip(2), clip(3)]), training=True)
    with pytest.raises(ValueError, match=r'clips of one length, got clips of \[2, 3\] frames'):
        model(**data, mode='loss')
    with pytest.raises(ValueError, match='multiples of 32'):
        model({'frames': torch.zeros(1, 2, 3, 40, 64), 'audio': torch.zeros(1, 2, D)})
    with pytest.raises(ValueError, match="mode is 'score'"):
        model(data['inputs'], mode='score')
    with pytest.raises(ValueError, match='frames_per_chunk is 0'):
        build(frames_per_chunk=0)
    audio = np.full((1, 2, D), np.nan, np.float32)
    with pytest.raises(ValueError, match='NaN'):
        model({'frames': torch.zeros(1, 2, 3, 64, 64), 'audio': torch.from_numpy(audio)})


def test_parts_are_found_by_name() -> None:
    names = ('AVInstanceSegmentor', 'ClipQueryTracker', 'AVISMClipHead', 'MaskSetLoss')
    assert all(MODELS.get(name) is not None for name in names)
