"""The fusion block keeps its interface, and the config builds a model with it."""

from pathlib import Path

import torch
from audio_gate import AudioGate

from avis.apis import load_config
from avis.registry import MODELS

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = PROJECT / 'configs' / 'audio_gate_synthetic.py'


def test_block_keeps_shapes_and_depends_on_audio() -> None:
    block = AudioGate(channels=8, audio_dim=4)
    visual, audio = torch.randn(2, 3, 8, 6, 5), torch.randn(2, 3, 4)
    gated, audio_embed = block(visual, audio)
    assert gated.shape == visual.shape
    assert audio_embed.shape == (2, 3, 8)
    louder, _ = block(visual, audio + 1)
    assert not torch.allclose(gated, louder)


def test_config_builds_a_model_with_the_block() -> None:
    model = MODELS.build(load_config(CONFIG).model)
    assert all(isinstance(block, AudioGate) for block in model.fusions)
