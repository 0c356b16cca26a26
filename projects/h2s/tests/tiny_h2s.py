"""A tiny H2S, and clips with several audio streams."""

from typing import Any

import torch
from h2s import H2SClipHead, H2SFrameHead, H2SPixelDecoder, SyncBatchNorm

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from tests.helpers.tiny_avism import D, clip, frame_head, tracker

STREAMS = 3


def build(**settings: Any) -> AVInstanceSegmentor:
    """A tiny model; ``settings`` are those of the frame head."""
    torch.manual_seed(0)
    head = frame_head(with_audio=False)
    pixels = {**head['pixel_decoder'], 'type': H2SPixelDecoder, 'audio_dim': D}
    clip_tracker = tracker('clip', with_audio=False)
    clip_head = {**clip_tracker['head'], 'type': H2SClipHead, 'audio_dim': D}
    clip_head |= {'num_modulator_layers': 1}
    model = AVInstanceSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={
            'type': 'ResNet',
            'depth': 18,
            'norm_cfg': {'type': SyncBatchNorm, 'requires_grad': True},
            'norm_eval': False,
        },
        audio_encoder={'type': PrecomputedAudio, 'channels': STREAMS * D},
        frame_head={
            **head,
            'type': H2SFrameHead,
            'pixel_decoder': pixels,
            'audio_dim': D,
            'cluster_seed': 0,
            **settings,
        },
        tracker={**clip_tracker, 'head': clip_head, 'score_threshold': 0.0},
    )
    model.eval()
    return model


def streams_clip(length: int = 3, seed: int = 0, size: tuple[int, int] = (64, 96)) -> dict:
    """A clip with S audio streams."""
    item = clip(length, size, seed)
    rng = torch.Generator().manual_seed(seed)
    item['inputs']['audio'] = torch.rand(length, STREAMS * D, generator=rng)
    return item
