"""A tiny AAVS, and clips with label maps, audio embeddings and prior masks."""

from typing import Any

import torch
from aavs import AAVSFrameHead, AAVSPriorHead, AAVSSegmentor, AdaptedSwin
from mmengine.structures import PixelData

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.structures.av_data_sample import AVDataSample

CLASSES, CHANNELS, AUDIO, LENGTH, SIZE = 2, 32, 6, 3, (64, 96)


def build(*, prior: bool = False, backbone: type = AdaptedSwin, **settings: Any) -> AAVSSegmentor:
    """A tiny model with random weights, in evaluation mode."""
    torch.manual_seed(0)
    widths = [8, 16, 32, 64]
    model = AAVSSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={
            'type': backbone,
            'embed_dims': widths[0],
            'depths': (1, 1, 1, 1),
            'num_heads': (1, 1, 2, 2),
            'window_size': 4,
        },
        audio_encoder={'type': PrecomputedAudio, 'channels': AUDIO},
        frame_head={
            'type': AAVSPriorHead if prior else AAVSFrameHead,
            'replace_projections': not prior,
            'num_classes': CLASSES,
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
            'loss_set': {'type': MaskSetLoss, 'num_classes': CLASSES, 'num_points': 32},
        },
        **settings,
    )
    model.eval()
    return model


def clip(*, prior: bool = False, seed: int = 0) -> dict[str, Any]:
    """A clip whose second frame is not labeled."""
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (LENGTH, 3, *SIZE), dtype=torch.uint8, generator=rng)
    inputs = {'frames': frames, 'audio': torch.rand(LENGTH, AUDIO, generator=rng)}
    labels = torch.zeros(LENGTH, *SIZE, dtype=torch.uint8)
    labels[:, 16:40, 8:60] = 1
    if prior:
        inputs['prior_masks'] = labels.float()
    sample = AVDataSample(metainfo={'img_shape': SIZE, 'ori_shape': SIZE, 'video_name': 'a'})
    sample.gt_sem_seg = PixelData(sem_seg=labels)
    sample.labeled_frames = torch.tensor([True, False, True])
    return {'inputs': inputs, 'data_samples': sample}
