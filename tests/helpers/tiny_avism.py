"""Small AVInstanceSegmentors, and clips for them."""

import torch
from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import ByteTracker
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
from avis.models.trackers.box_tracker import BoxTracker
from avis.models.trackers.clip_query_tracker import ClipQueryTracker
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from avis.models.trackers.query_matching_tracker import QueryMatchingTracker
from avis.structures.av_data_sample import AVDataSample

K, C, D, P = 3, 32, 6, 5
LOSS = {'type': MaskSetLoss, 'num_classes': K, 'num_points': 32}
SMALL = {'num_classes': K, 'channels': C, 'hidden_channels': 16}
DETECTOR = {'type': 'Detector', 'score_threshold': 0.0}


def frame_head(with_audio: bool) -> dict:
    pixels = {
        'type': DeformablePixelDecoder,
        'in_channels': (64, 128, 256, 512),
        'channels': C,
        'num_layers': 1,
        'hidden_channels': 16,
    }
    head = {**SMALL, 'num_queries': P, 'num_layers': 3, 'pixel_decoder': pixels, 'loss_set': LOSS}
    if not with_audio:
        return {'type': Mask2FormerFrameHead, **head}
    fusion = {'type': AVISMQueryFusion, 'channels': C, 'audio_dim': D}
    return {'type': AVISMFrameHead, 'audio_fusion': fusion, **head}


def tracker(name: str, with_audio: bool) -> dict:
    byte = {'type': ByteTracker, 'motion': {'type': KalmanFilter}, 'init_track_thr': 0.1}
    head = {**SMALL, 'num_queries': 4, 'num_frame_queries': P, 'num_encoder_layers': 2}
    return {
        'clip': {
            'type': ClipQueryTracker,
            'head': {'type': AVISMClipHead, 'audio_dim': D if with_audio else None, **head},
            'loss_set': LOSS,
            'loss_similarity': {'type': ClipSimilarityLoss},
            'score_threshold': 0.01,
        },
        'query': {'type': QueryMatchingTracker, 'detector': DETECTOR, 'new_track_score': 0.0},
        'overlap': {'type': MaskOverlapTracker, 'detector': DETECTOR, 'new_track_score': 0.0},
        'byte': {'type': BoxTracker, 'detector': DETECTOR, 'tracker': byte},
    }[name]


def build(name: str = 'clip', with_audio: bool = True, **settings) -> AVInstanceSegmentor:
    torch.manual_seed(0)
    model = AVInstanceSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': FrozenResNet, 'depth': 18},
        audio_encoder={'type': PrecomputedAudio, 'channels': D},
        frame_head=frame_head(with_audio),
        tracker=tracker(name, with_audio),
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
