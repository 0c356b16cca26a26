"""A tiny COMBO, and clips with label maps, audio embeddings and prior images."""

from typing import Any

import torch
from combo import COMBOFrameHead, COMBOSegmentor
from mmdet.models.backbones import ResNet
from mmengine.structures import PixelData

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.structures.av_data_sample import AVDataSample

CHANNELS, AUDIO, LENGTH, SIZE = 32, 6, 3, (64, 96)


def build(**settings: Any) -> COMBOSegmentor:
    """A tiny model with random weights, in evaluation mode; settings are those of the head."""
    torch.manual_seed(0)
    widths = [16, 32, 64, 128]
    model = COMBOSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': ResNet, 'depth': 18, 'base_channels': 16, 'stem_channels': 16},
        in_channels=widths,
        audio_encoder={'type': PrecomputedAudio, 'channels': AUDIO},
        frame_head={
            'type': COMBOFrameHead,
            'num_classes': 2,
            'num_queries': 5,
            'channels': CHANNELS,
            'num_layers': 3,
            'hidden_channels': 16,
            'audio_dim': AUDIO,
            'audio_hidden': 8,
            'pixel_decoder': {
                'type': DeformablePixelDecoder,
                'in_channels': widths,
                'channels': CHANNELS,
                'num_layers': 1,
                'hidden_channels': 16,
            },
            'loss_set': {'type': MaskSetLoss, 'num_classes': 2, 'num_points': 32},
            **settings,
        },
    )
    model.eval()
    return model


def clip(*, length: int = LENGTH, seed: int = 0) -> dict[str, Any]:
    """A clip whose second frame is not labeled."""
    rng = torch.Generator().manual_seed(seed)
    shape = (length, 3, *SIZE)
    inputs = {
        name: torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
        for name in ('frames', 'prior_images')
    }
    inputs['audio'] = torch.rand(length, AUDIO, generator=rng)
    labels = torch.zeros(length, *SIZE, dtype=torch.uint8)
    labels[:, 16:40, 8:60] = 1
    sample = AVDataSample(metainfo={'img_shape': SIZE, 'ori_shape': SIZE, 'video_name': 'a'})
    sample.gt_sem_seg = PixelData(sem_seg=labels)
    sample.labeled_frames = torch.arange(length) != 1
    return {'inputs': inputs, 'data_samples': sample}
