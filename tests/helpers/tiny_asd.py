"""A narrow ActiveSpeakerDetector with random weights."""

from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'models'
CHANNELS = (8, 8, 16)


def narrow(model: ConfigDict) -> None:
    """Reduce the channels of a config of ActiveSpeakerDetector."""
    for encoder in (model.network.visual_encoder, model.network.audio_encoder):
        encoder.channels = CHANNELS


def tiny_detector(name: str) -> ActiveSpeakerDetector:
    """A narrow LR-ASD or Light-ASD in evaluation mode, always with the same weights."""
    init_default_scope('avis')
    config = Config.fromfile(CONFIGS / f'{name}.py').model
    narrow(config)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return MODELS.build(config).eval()
