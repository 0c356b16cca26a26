"""A small network that learns to hear from scratch, for demonstrations and ablations."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.audio_encoders.base import AudioEncoder
from avis.models.audio_encoders.log_mel import HOP, LOG_OFFSET, NUM_BANDS, SAMPLE_RATE, LogMel
from avis.registry import MODELS

FRAMES_PER_SECOND = SAMPLE_RATE / HOP  # of the log-mel spectrogram
# Of speech and music between silence (-4.6) and full scale (about 4): the input starts centered.
LOG_MEL_MEAN, LOG_MEL_STD = -1.5, 2.0


@MODELS.register_module()
class LogMelCNN(AudioEncoder):
    """Three strided convolutions over the log-mel spectrogram around every frame.

    Frame t is taken to sound from ``t * seconds_per_frame`` on; the window lies around the middle
    of that time and may reach into the neighbors, so that a video of 25 frames per second hears
    more than 40 ms. Beyond the ends of the clip there is silence.

    Args:
        out_channels: C, width of one row of sound.
        sample_rate: Of the waveform.
        seconds_per_frame: Time from frame to frame; None spreads the frames evenly over the sound.
        window_seconds: Sound that one frame sees.
        width: Channels of the last two convolutions; the first has half of them.
    """

    def __init__(
        self,
        *,
        out_channels: int = 128,
        sample_rate: int = SAMPLE_RATE,
        seconds_per_frame: float | None = None,
        window_seconds: float = 1.0,
        width: int = 32,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.accepts = f'a waveform (B, S) or embeddings (B, T, {out_channels})'
        self.sample_rate = sample_rate
        self.seconds_per_frame = seconds_per_frame
        self.window = round(window_seconds * FRAMES_PER_SECOND)
        self.log_mel = LogMel(sample_rate=sample_rate)
        layers: list[nn.Module] = []
        for channels, out in ((1, width // 2), (width // 2, width), (width, width)):
            layers += [
                nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(4, out),  # no statistics over a batch: clips do not mix
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers)
        # The height of a sound tells sources apart: only time is averaged, bands are kept.
        self.project = nn.Linear(width * NUM_BANDS // 8, out_channels)

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode a waveform (B, S)."""
        if audio.ndim != 2:
            raise self.wrong_shape(audio)
        windows = self._windows(audio, num_frames, lengths)  # (B, T, W, 64)
        maps = self.features(windows.flatten(0, 1)[:, None])  # (B*T, width, W/8, 8)
        rows = self.project(maps.mean(2).flatten(1))
        return rows.unflatten(0, windows.shape[:2])

    def _windows(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Normalized log-mel frames around every video frame, (B, T, W, 64)."""
        if lengths is None:
            lengths = torch.full((len(audio),), audio.shape[1])
        lengths = lengths.to(audio.device)
        log_mel = (self.log_mel(audio) - LOG_MEL_MEAN) / LOG_MEL_STD  # (B, F, 64)
        silence = (math.log(LOG_OFFSET) - LOG_MEL_MEAN) / LOG_MEL_STD
        count = log_mel.shape[1]
        beyond = (
            torch.arange(count, device=audio.device) >= self.log_mel.num_frames(lengths)[:, None]
        )
        log_mel = log_mel.masked_fill(beyond[..., None], silence)
        # Half a window of silence before, so that the window of the middle c starts at row c.
        half = self.window // 2
        log_mel = F.pad(log_mel, (0, 0, half, half + 1), value=silence)
        steps = torch.arange(self.window, device=audio.device)
        index = self._middles(lengths, num_frames)[..., None] + steps  # (B, T, W)
        index = index.clamp(max=log_mel.shape[1] - 1)
        return log_mel[torch.arange(len(audio), device=audio.device)[:, None, None], index]

    def _middles(self, lengths: Tensor, num_frames: int) -> Tensor:
        """The log-mel frame in the middle of every video frame, integers (B, T)."""
        if self.seconds_per_frame is None:
            seconds = lengths.double() / (self.sample_rate * num_frames)
        else:
            seconds = torch.full_like(lengths, self.seconds_per_frame, dtype=torch.double)
        frame = torch.arange(num_frames, device=lengths.device)
        middle = (frame + 0.5) * seconds[:, None] * FRAMES_PER_SECOND
        return (middle + 1e-6).long()  # 149.999... is 150
