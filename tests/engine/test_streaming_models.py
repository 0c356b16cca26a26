"""Complete models of every tracker: a training step, and streaming equal to whole videos."""

import copy

import pytest
import torch
from mmdet.models.backbones import ResNet
from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import ByteTracker, OCSORTTracker
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from avis.engine.streaming import VideoStream
from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.trackers.box_tracker import BoxTracker
from avis.models.trackers.clip_query_tracker import ClipQueryTracker
from avis.models.trackers.detections import Detector
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from avis.models.trackers.query_matching_tracker import QueryMatchingTracker
from avis.models.trackers.sounding_gate import SoundingGate
from avis.structures.av_data_sample import AVDataSample
from avis.structures.windows import WindowSpec, cut_windows
from tests.helpers.track_samples import content

WIDTH, QUERIES, CLASSES, SIZE, LENGTH = 32, 6, 3, (50, 90), 8
LOSS = {'type': MaskSetLoss, 'num_classes': CLASSES, 'num_points': 64}
# Scores of random weights are low: thresholds must not drop all predictions.
DETECTOR = {'type': Detector, 'score_threshold': 0.1, 'duplicate_iou': None}
MOTION = {'type': KalmanFilter}
ONLINE = {'detector': DETECTOR, 'new_track_score': 0.1}
TRACKERS = {
    'query': {'type': QueryMatchingTracker, **ONLINE},
    'overlap': {'type': MaskOverlapTracker, **ONLINE},
    'byte': {
        'type': BoxTracker,
        'detector': DETECTOR,
        'tracker': {
            'type': ByteTracker,
            'motion': MOTION,
            'init_track_thr': 0.1,
            'obj_score_thrs': {'high': 0.1, 'low': 0.05},
        },
    },
    'oc': {
        'type': BoxTracker,
        'detector': DETECTOR,
        'tracker': {
            'type': OCSORTTracker,
            'motion': MOTION,
            'init_track_thr': 0.1,
            'obj_score_thr': 0.1,
        },
    },
    'clip': {
        'type': ClipQueryTracker,
        'score_threshold': 0.05,
        'loss_set': LOSS,
        'loss_similarity': {'type': ClipSimilarityLoss},
        'head': {
            'type': AVISMClipHead,
            'num_classes': CLASSES,
            'channels': WIDTH,
            'audio_dim': WIDTH,
            'num_queries': QUERIES,
            'num_frame_queries': QUERIES,
            'hidden_channels': 32,
            'num_encoder_layers': 2,
            'num_decoder_layers': 2,
        },
    },
}
GATE = {'type': SoundingGate, 'source': 'similarity', 'query_dim': WIDTH, 'audio_dim': WIDTH}


def model_of(tracker, *, with_audio=True, gate=False):
    torch.manual_seed(0)
    head = {
        'type': Mask2FormerFrameHead,
        'num_classes': CLASSES,
        'channels': WIDTH,
        'num_queries': QUERIES,
        'num_layers': 3,
        'num_heads': 2,
        'hidden_channels': 32,
        'num_query_layers': 2,
        'loss_set': LOSS,
        'pixel_decoder': {
            'type': DeformablePixelDecoder,
            'in_channels': (8, 16, 32, 64),
            'channels': WIDTH,
            'num_layers': 1,
            'num_heads': 2,
            'num_points': 2,
            'hidden_channels': 32,
        },
    }
    if with_audio:
        fusion = {'type': AVISMQueryFusion, 'channels': WIDTH, 'audio_dim': WIDTH}
        head = {**head, 'type': AVISMFrameHead, 'audio_fusion': fusion}
    return AVInstanceSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': ResNet, 'depth': 18, 'stem_channels': 8, 'base_channels': 8},
        audio_encoder={'type': PrecomputedAudio, 'channels': WIDTH},
        frame_head=head,
        tracker=TRACKERS[tracker],
        sounding_gate=GATE if gate else None,
        frames_per_chunk=3,
    )


def clip(start=0, stop=LENGTH, **meta):
    """Some frames of a noise video whose brightness changes, with features as audio."""
    random = torch.Generator().manual_seed(1)
    noise = torch.randint(0, 256, (LENGTH, 3, *SIZE), generator=random).to(torch.uint8)
    audio = torch.randn(LENGTH, WIDTH, generator=random)
    sample = AVDataSample(metainfo={'video_id': 1, 'video_name': 'noise', **meta})
    sample.set_metainfo({'img_shape': SIZE, 'ori_shape': (75, 135), 'fps': 1.0})
    inputs = {'frames': noise[start:stop], 'audio': audio[start:stop]}
    return {'inputs': inputs, 'data_samples': sample}


def stream(model, size, overlap):
    one = VideoStream(model)
    for start, stop in cut_windows(LENGTH, size, overlap):
        item = clip(start, stop, window=WindowSpec(0, start, stop, LENGTH))
        sample = one.feed(pseudo_collate([item]))
    return sample


@pytest.mark.parametrize('gate', [False, True], ids=['open', 'gate'])
@pytest.mark.parametrize('name', list(TRACKERS))
def test_one_window_equals_the_whole_clip(name, gate):
    model = model_of(name, gate=gate).eval()
    with torch.no_grad():
        (expected,) = model.test_step(pseudo_collate([clip()]))
    found = stream(model, LENGTH, 0).pred_tracks
    assert content(found) == content(expected.pred_tracks)
    assert len(found.masks) > 0
    assert {(m.height, m.width, len(m)) for m in found.masks} == {(75, 135, LENGTH)}


@pytest.mark.parametrize('with_audio', [False, True], ids=['mask2former', 'avism'])
@pytest.mark.parametrize('name', list(TRACKERS))
def test_windowed_prediction_has_tracks_over_all_frames(name, with_audio):
    found = stream(model_of(name, with_audio=with_audio).eval(), 4, 2).pred_tracks
    assert len(found.masks) > 0
    assert {len(track) for track in found.masks} == {LENGTH}
    assert len(set(found.ids.tolist())) == len(found.ids)
    present = [any(track.rles[t] for track in found.masks) for t in range(LENGTH)]
    assert all(present)


@pytest.mark.parametrize('name', ['query', 'overlap', 'byte', 'oc'])
def test_windows_do_not_change_frame_by_frame_trackers(name):
    model = model_of(name).eval()
    whole, parts = stream(model, None, 0).pred_tracks, stream(model, 3, 0).pred_tracks
    assert content(parts) == content(whole)


@pytest.mark.parametrize('with_audio', [False, True], ids=['mask2former', 'avism'])
@pytest.mark.parametrize('name', list(TRACKERS))
def test_every_parameter_gets_a_gradient(name, with_audio):
    model = model_of(name, with_audio=with_audio, gate=True).train()
    item = clip(0, 3)
    masks = torch.zeros(2, 3, *SIZE, dtype=torch.bool)
    masks[0, :, 5:30, 5:40] = True
    masks[1, 1:, 20:45, 50:80] = True
    item['data_samples'].gt_tracks = InstanceData(
        labels=torch.tensor([0, 2]), ids=torch.tensor([4, 7]), masks=masks
    )
    data = model.data_preprocessor(pseudo_collate([item, copy.deepcopy(item)]), True)
    losses = model(**data, mode='loss')
    assert torch.isfinite(losses['loss_gate'])
    total, _ = model.parse_losses(losses)
    total.backward()
    idle = [key for key, p in model.named_parameters() if p.grad is None]
    assert idle == []
