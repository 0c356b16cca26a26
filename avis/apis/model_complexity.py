"""Parameters and floating-point operations of the model of a config, for get_flops.py."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from rich.table import Table

from avis.apis.checkpoint import init_model
from avis.engine.model_parts import complexity_table, count_flops, count_parameters
from avis.models.segmentors.base import BaseAVSegmentor

_SAMPLE_RATE = 16000


def model_complexity(
    config: str | Path | Config, *, size: tuple[int, int] = (224, 224), num_frames: int = 5
) -> Table:
    """Count parameters and operations of the segmentor of a config by part.

    Args:
        config: Config file or loaded config.
        size: Height and width of the frames, rounded up to multiples of 32 as in inference.
        num_frames: Number of frames of the clip, one per second.

    Returns:
        A table with parameters, trained parameters and GFLOPs of a forward pass.

    Raises:
        ValueError: The model is no segmentor.
    """
    model = init_model(config)
    if not isinstance(model, BaseAVSegmentor):
        raise ValueError(
            f'expected an AVSegmentor or AVInstanceSegmentor, got {type(model).__name__}, whose '
            f'operations depend on the video; see tools/analysis_tools/stage_times.py for its times'
        )
    with torch.random.fork_rng(devices=()):
        flops = count_flops(model, make_inputs(model, size, num_frames))
    table = complexity_table(count_parameters(model), flops)
    height, width = size
    table.title = f'{type(model).__name__}, {num_frames} frames of {height} x {width}'
    encoder = model.audio_encoder
    if encoder is not None and not any(True for _ in encoder.parameters()):
        table.caption = 'Without the audio encoder, which is frozen or gets embeddings.'
    return table


def make_inputs(model: BaseAVSegmentor, size: tuple[int, int], num_frames: int) -> dict[str, Any]:
    """Make a random batch of one preprocessed clip with silent audio and an empty expression.

    An audio encoder without parameters of its own gets embeddings, any other a waveform.
    """
    height, width = (-(-side // 32) * 32 for side in size)
    frames = torch.rand(1, num_frames, 3, height, width)
    inputs: dict[str, Any] = {'frames': frames, **model.make_extra_inputs(frames)}
    if model.text_encoder is not None:
        inputs['expressions'] = ['']
    encoder: Any = model.audio_encoder
    if encoder is None:
        return inputs
    has_network = any(True for _ in encoder.parameters())
    shape = (1, num_frames * _SAMPLE_RATE) if has_network else (1, num_frames, encoder.out_channels)
    return {**inputs, 'audio': torch.zeros(shape)}
