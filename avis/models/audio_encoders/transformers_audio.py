"""Any audio network of transformers as an audio encoder: one row per frame, by time."""

from collections import defaultdict
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchaudio.transforms import Resample

from avis.models.audio_encoders.base import AudioEncoder
from avis.models.audio_encoders.log_mel import SAMPLE_RATE
from avis.models.audio_encoders.token_pooling import FrameAverage
from avis.models.audio_encoders.transformers_families import FAMILIES
from avis.models.transformers_loading import (
    INSTALL_ENCODERS,
    build_network,
    freeze_modules,
    open_config,
    set_frozen_to_eval,
)
from avis.registry import MODELS
from avis.utils.optional import require

_WINDOWS_PER_CALL = 8
_MIN_SECONDS = 0.5  # shorter windows are padded: some networks need several tokens


class _Window(NamedTuple):
    """A window of a clip."""

    clip: int
    start: int  # sample
    length: int  # samples without padding
    samples: Tensor


@MODELS.register_module()
class TransformersAudio(AudioEncoder):
    """An audio network of transformers: AST, CLAP, wav2vec 2.0, HuBERT, WavLM, Whisper and others.

    A waveform is resampled to the rate of the network, cut into windows and encoded; the tokens of
    the network are averaged over each frame by the time of their receptive field, not by their
    number. Windows of a network that takes any length last 20 seconds, those of others as long as
    its input. Clips of a batch do not change each other.

    Args:
        model: Name on the Hugging Face hub, or folder, of pretrained weights; or the config of a
            network with random weights, with its ``model_type``.
        out_channels: C, width of an audio embedding; a linear layer is added that maps to it. None
            for the width of the network.
        layer: Hidden state to read: 0 is the input of the first layer, 1 the output of the first
            layer; None for the output of the network.
        frozen: Do not train the network; it runs in evaluation mode. The linear layer is trained.
        sample_rate: Sample rate of the waveform in Hz.
        seconds_per_frame: Duration of a frame; None spreads the frames evenly over the audio.
        window_seconds: Duration of a window; None for that of the network.
    """

    def __init__(
        self,
        *,
        model: str | dict[str, Any],
        out_channels: int | None = None,
        layer: int | None = None,
        frozen: bool = True,
        sample_rate: int = SAMPLE_RATE,
        seconds_per_frame: float | None = None,
        window_seconds: float | None = None,
    ) -> None:
        super().__init__()
        config = open_config(model, by='TransformersAudio')
        if config.model_type not in FAMILIES:
            raise ValueError(
                f'TransformersAudio: expected an audio network, one of {", ".join(FAMILIES)}, got '
                f'{config.model_type!r}; choose another model'
            )
        self.config, self.family = config, FAMILIES[config.model_type]
        self.extractor = self._open_extractor(model)
        self.rate = int((self.extractor or config).sampling_rate)
        self.resample = Resample(sample_rate, self.rate)
        self.times = self.family.times(config, self.extractor)
        self.window = self._window_size(window_seconds)
        self.sample_rate, self.seconds_per_frame = sample_rate, seconds_per_frame
        self.layer, self.frozen = layer, frozen
        self._check_layer()
        whole = build_network('MODEL_MAPPING', model, config, by='TransformersAudio')
        self.network = whole.get_submodule(self.family.part)
        if frozen:
            freeze_modules(self.network)
        width = attrgetter(self.family.width)(config)
        self.out_channels = width if out_channels is None else out_channels
        self.project: nn.Module = (
            nn.Identity() if out_channels is None else nn.Linear(width, out_channels)
        )
        self.accepts = f'a waveform (B, S) or embeddings (B, T, {self.out_channels})'

    def _open_extractor(self, model: str | dict[str, Any]) -> Any:
        if self.family.extractor is None:
            return None
        transformers = require('transformers', by='TransformersAudio', install=INSTALL_ENCODERS)
        cls = getattr(transformers, self.family.extractor)
        if isinstance(model, str):
            return cls.from_pretrained(model)
        return cls(**self.family.extractor_options(self.config))

    def _window_size(self, seconds: float | None) -> int:
        """Return the samples of a window."""
        longest = self.family.seconds(self.config, self.extractor)
        if seconds is not None and not _MIN_SECONDS <= seconds <= longest:
            raise ValueError(
                f'TransformersAudio: expected window_seconds from {_MIN_SECONDS} to {longest:g}, '
                f'the longest input of {self.config.model_type}, got {seconds:g}'
            )
        return int((seconds or longest) * self.rate)

    def _check_layer(self) -> None:
        if self.layer is None:
            return
        name = self.family.layers
        count = 0 if name is None else getattr(self.config, name) + 1
        if not 0 <= self.layer < count:
            expected = f'layer from 0 to {count - 1}' if count else 'layer=None'
            raise ValueError(
                f'TransformersAudio: expected {expected} for {self.config.model_type}, got '
                f'{self.layer}'
            )

    def train(self, mode: bool = True) -> 'TransformersAudio':
        """Set the mode; a frozen network stays in evaluation mode."""
        super().train(mode)
        set_frozen_to_eval(self.network)
        return self

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode a waveform (B, S) to (B, T, C)."""
        if audio.ndim != 2:
            raise self.shape_error(audio)
        ends = [audio.shape[1]] * len(audio) if lengths is None else lengths.tolist()
        clips = [clip[:end] for clip, end in zip(audio.float(), ends, strict=True)]
        means: list[FrameAverage] = []
        groups: dict[int, list[_Window]] = defaultdict(list)
        for index, clip in enumerate(clips):
            seconds = self.seconds_per_frame or len(clip) / self.sample_rate / num_frames
            seconds = seconds or 1.0  # an empty clip is encoded as silence
            means.append(FrameAverage(num_frames, seconds))
            for window in self._cut(index, self.resample(clip), seconds * num_frames):
                groups[len(window.samples)].append(window)
        for windows in groups.values():
            for start in range(0, len(windows), _WINDOWS_PER_CALL):
                self._average(windows[start : start + _WINDOWS_PER_CALL], means)
        rows: Tensor = self.project(torch.stack([mean.rows() for mean in means]))
        return rows

    def _cut(self, index: int, clip: Tensor, seconds: float) -> list[_Window]:
        """Cut a clip (S,) at the rate of the network into windows, with silence to its end."""
        length = max(round(seconds * self.rate), 1)
        clip = nn.functional.pad(clip[:length], (0, max(length - len(clip), 0)))
        windows = []
        for start in range(0, length, self.window):
            samples = clip[start : start + self.window]
            missing = int(_MIN_SECONDS * self.rate) - len(samples)
            padded = nn.functional.pad(samples, (0, max(missing, 0)))
            windows.append(_Window(index, start, len(samples), padded))
        return windows

    def _average(self, windows: list[_Window], means: list[FrameAverage]) -> None:
        """Encode windows of one length and add their tokens to the means of their clips."""
        tokens = self._tokens(torch.stack([window.samples for window in windows]))
        for window, own in zip(windows, tokens, strict=True):
            edges = self.times.edges(len(own), window.length / self.rate)
            means[window.clip].add(own, edges, window.start / self.rate)

    def _tokens(self, samples: Tensor) -> Tensor:
        """Encode windows (N, S) to tokens (N, L, C)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            if self.layer is not None:
                states = self._run(samples, output_hidden_states=True).hidden_states
                state = states[self.layer]
            else:
                output = self._run(samples)
                state = output if isinstance(output, Tensor) else output.last_hidden_state
            return self.family.tokens(self.config, state).float()

    def _run(self, samples: Tensor, **options: Any) -> Any:
        if self.extractor is None:
            # Whole tokens only: the last one of a codec is padded in different ways.
            step = round(self.times.step * self.rate)
            missing = -samples.shape[1] % step
            return self.network(nn.functional.pad(samples, (0, missing))[:, None])
        inputs = self.extractor(
            [window.cpu().numpy() for window in samples.detach()],
            sampling_rate=self.rate,
            return_tensors='pt',
        )
        device = next(self.network.parameters()).device
        return self.network(**inputs.to(device), **options)
