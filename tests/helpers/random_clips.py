"""Batches of noise for any model, as the data loader makes them."""

from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData
from torch import Generator, Tensor

from avis.models.audio_encoders.log_mel_cnn import LogMelCNN
from avis.models.audio_encoders.vggish import VGGish
from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.structures.av_data_sample import AVDataSample

RATE = 16000  # samples of a face track's audio per second


def make_batch(
    model: Any, *, clips: int, frames: int, size: tuple[int, int], face: int = 112
) -> dict[str, Any]:
    """Make ``inputs`` and ``data_samples`` on the CPU, with ground truth.

    Args:
        model: Any model of avis or a project; it decides what a clip has.
        clips: Clips of the batch; tracks of a speaker detector.
        frames: Frames of each.
        size: Height and width of the frames.
        face: Height and width of the faces of a speaker detector.
    """
    rng = torch.Generator().manual_seed(1)
    if isinstance(model, ActiveSpeakerDetector):
        return pseudo_collate([_face_track(frames, index, face, rng) for index in range(clips)])
    if hasattr(model, 'audio_backbone'):  # a sound localizer; earlier checkouts have no such class
        return pseudo_collate([_image(size, rng) for _ in range(clips)])
    return pseudo_collate([_clip(model, frames, size, rng) for _ in range(clips)])


def _face_track(frames: int, index: int, size: int, rng: Generator) -> dict[str, Any]:
    """A track of noise in which the face speaks in every second frame."""
    sample = AVDataSample(metainfo={'fps': 25.0, 'video_name': str(index), 'seed': (0, 0, index)})
    sample.gt_speaking = torch.arange(frames) % 2
    faces = torch.randint(0, 256, (frames, size, size), dtype=torch.uint8, generator=rng)
    audio = torch.rand(RATE // 25 * frames, generator=rng) / 5 - 0.1
    return {'inputs': {'faces': faces, 'audio': audio}, 'data_samples': sample}


def _image(size: tuple[int, int], rng: Generator) -> dict[str, Any]:
    """One frame with a spectrogram, without annotation."""
    frames = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=rng)
    inputs = {'frames': frames, 'audio': torch.randn(257, 40, generator=rng)}
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'video_name': 'clip'})
    return {'inputs': inputs, 'data_samples': sample}


def _clip(model: Any, frames: int, size: tuple[int, int], rng: Generator) -> dict[str, Any]:
    """A rectangle as ground truth, of instances also one that comes later."""
    height, width = size
    inputs = {'frames': torch.randint(0, 256, (frames, 3, *size), dtype=torch.uint8, generator=rng)}
    audio = _audio(model.audio_encoder, frames, rng)
    if audio is not None:
        inputs['audio'] = audio
    inputs |= model.make_extra_inputs(inputs['frames'])
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'video_name': 'clip'})
    if getattr(model, 'text_encoder', None) is not None:  # earlier checkouts have none
        sample.set_metainfo({'expression': 'The man.'})
    box = torch.zeros(frames, *size, dtype=torch.bool)
    box[:, height // 4 : height // 2, width // 4 : width // 2] = True
    if hasattr(model, 'tracker'):
        late = torch.zeros_like(box)
        late[1:, : height // 3, : width // 3] = True
        sample.gt_tracks = InstanceData(
            labels=torch.tensor([0, 0]), ids=torch.tensor([1, 2]), masks=torch.stack([box, late])
        )
    else:
        sample.gt_sem_seg = PixelData(sem_seg=box.to(torch.uint8))
        sample.labeled_frames = torch.ones(frames, dtype=torch.bool)
    return {'inputs': inputs, 'data_samples': sample}


def _audio(encoder: Any, frames: int, rng: Generator) -> Tensor | None:
    """Embeddings for a frozen VGGish, whose weights are not here; else a second per frame."""
    if encoder is None:
        return None
    rate = encoder.sample_rate if isinstance(encoder, LogMelCNN) else None
    if isinstance(encoder, VGGish) and not encoder.frozen:
        rate = encoder.front_end.sample_rate
    if rate is None:
        return torch.rand(frames, encoder.out_channels, generator=rng)
    return torch.rand(rate * frames, generator=rng) / 5 - 0.1
