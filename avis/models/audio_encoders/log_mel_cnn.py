"""A small audio encoder that is trained from scratch, for demonstrations and ablations."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.audio_encoders.base import AudioEncoder
from avis.models.audio_encoders.log_mel import HOP, LOG_OFFSET, NUM_BANDS, SAMPLE_RATE, LogMel
from avis.registry import MODELS

FRAMES_PER_SECOND = SAMPLE_RATE / HOP  # of the log-mel spectrogram
# Of speech and music, between silence (-4.6) and full scale (about 4): normalizes the input.
LOG_MEL_MEAN, LOG_MEL_STD = -1.5, 2.0


@MODELS.register_module()
class LogMelCNN(AudioEncoder):
    """Three strided convolutions over a window of the log-mel spectrogram around every frame.

    Frame t starts at ``t * seconds_per_frame``; the window is centered in that frame and may
    overlap its neighbors, so that a frame of a video of 25 frames per second has more than 40 ms of
    audio. Beyond the ends of the clip the input is silence.

    Args:
        out_channels: C, width of an audio embedding.
        sample_rate: Sample rate of the waveform in Hz.
        seconds_per_frame: Duration of a frame; None spreads the frames evenly over the audio.
        window_seconds: Duration of the window of a frame.
        width: Channels of the last two convolutions; the first has half as many.
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
        # Pitch distinguishes sources: only time is averaged, bands are kept.
        self.project = nn.Linear(width * NUM_BANDS // 8, out_channels)

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode a waveform (B, S)."""
        if audio.ndim != 2:
            raise self.shape_error(audio)
        windows = self._windows(audio, num_frames, lengths)  # (B, T, W, 64)
        maps = self.features(windows.flatten(0, 1)[:, None])  # (B*T, width, W/8, 8)
        embeds = self.project(maps.mean(2).flatten(1))
        return embeds.unflatten(0, windows.shape[:2])

    def _windows(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Return normalized log-mel windows around every video frame, (B, T, W, 64)."""
        if lengths is None:
            lengths = torch.full((len(audio),), audio.shape[1])
        lengths = lengths.to(audio.device, non_blocking=True)
        log_mel = (self.log_mel(audio) - LOG_MEL_MEAN) / LOG_MEL_STD  # (B, F, 64)
        silence = (math.log(LOG_OFFSET) - LOG_MEL_MEAN) / LOG_MEL_STD
        count = log_mel.shape[1]
        beyond = (
            torch.arange(count, device=audio.device) >= self.log_mel.num_frames(lengths)[:, None]
        )
        log_mel = log_mel.masked_fill(beyond[..., None], silence)
        # Pad half a window of silence, so that the window with center c starts at index c.
        half = self.window // 2
        log_mel = F.pad(log_mel, (0, 0, half, half + 1), value=silence)
        steps = torch.arange(self.window, device=audio.device)
        index = self._centers(lengths, num_frames)[..., None] + steps  # (B, T, W)
        index = index.clamp(max=log_mel.shape[1] - 1)
        return log_mel[torch.arange(len(audio), device=audio.device)[:, None, None], index]

    def _centers(self, lengths: Tensor, num_frames: int) -> Tensor:
        """Return the index of the log-mel frame at the center of every video frame, int (B, T)."""
        if self.seconds_per_frame is None:
            seconds = lengths.double() / (self.sample_rate * num_frames)
        else:
            seconds = torch.full_like(lengths, self.seconds_per_frame, dtype=torch.double)
        frame = torch.arange(num_frames, device=lengths.device)
        center = (frame + 0.5) * seconds[:, None] * FRAMES_PER_SECOND
        return (center + 1e-6).long()  # 149.999... is 150
