"""Devices of weights, and errors of missing ones (defects 8 and 12)."""

from typing import Any

import numpy as np
import pytest
import torch

from avis.avtracker.asr.whisper import WhisperASR
from avis.avtracker.instance_trackers.sam2_video import SAM2Video
from avis.avtracker.instance_trackers.sam3_video import SAM3Video
from avis.avtracker.interfaces import Message, ModelUnavailable
from avis.avtracker.loading import loading_weights, pick_device, same_gpu
from avis.avtracker.separation.separators import ConvTasNet, SepFormer
from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.speaker_encoders.x_vector import XVector
from avis.avtracker.vlm.transformers_vlm import TransformersVLM
from avis.structures.media import Waveform
from tests.helpers.replay_parts import ReplayFrames

FRAMES = ReplayFrames('video', 2, (32, 32), 1.0)
DETECTOR: Any = None  # not used before the weights are loaded


@pytest.fixture
def gpus(monkeypatch):
    """A machine with several GPUs, the third in use; returns a list with the current one."""
    current = [2]
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'current_device', lambda: current[0])
    monkeypatch.setattr(torch.cuda, 'set_device', lambda number: current.__setitem__(0, number))
    return current


def test_device_contains_the_gpu_index(gpus):  # D8
    assert pick_device(None) == pick_device('cuda') == 'cuda:2'
    assert pick_device('cuda:1') == 'cuda:1'
    assert pick_device('cpu') == 'cpu'


def test_device_is_cpu_without_gpu():
    assert pick_device(None) == 'cpu'


@pytest.mark.parametrize('around', [same_gpu, lambda: loading_weights('weights', by='Part')])
def test_current_gpu_is_restored(gpus, around):  # D8
    with around():
        torch.cuda.set_device(0)
    assert gpus == [2]


def test_loading_errors_raise_model_unavailable():
    said = r"Part cannot open 'x' \(OSError: no such file\); download its weights"
    with pytest.raises(ModelUnavailable, match=said), loading_weights('x', by='Part'):
        raise OSError('no such file')
    with pytest.raises(ImportError, match='no package'), loading_weights('x', by='Part'):
        raise ImportError('no package')


def noise(rate):
    samples = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    return Waveform(samples, rate, 'video')


@pytest.mark.parametrize(
    ('name', 'use'),
    [
        ('WhisperASR', lambda none: WhisperASR(model=none).transcribe(noise(16000))),
        ('ECAPA', lambda none: ECAPA(model=none).embed(noise(16000))),
        ('XVector', lambda none: XVector(model=none).embed(noise(16000))),
        ('SepFormer', lambda none: SepFormer(model=none).separate(noise(8000))),
        ('ConvTasNet', lambda none: ConvTasNet(weights=none).separate(noise(8000))),
        (
            'SAM2Video',
            lambda none: SAM2Video(model=none, detector=DETECTOR).track(FRAMES, prompt=''),
        ),
        ('SAM3Video', lambda none: SAM3Video(model=none).track(FRAMES, prompt='')),
        ('TransformersVLM', lambda none: TransformersVLM(model=none).chat([Message(('Who?',))])),
    ],
)
def test_missing_weights_are_named_in_the_error(name, use, tmp_path):
    with pytest.raises(ModelUnavailable, match=rf'{name} cannot open .*none'):
        list(use(str(tmp_path / 'none')))
