"""Split the waveform of a clip into one log-mel example of 0.96 s per frame, input of VGGish."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.audio_encoders.log_mel import SAMPLE_RATE, LogMel

EXAMPLE_FRAMES = 96  # log-mel frames per example
Framing = Literal['clip_repeat', 'clip_zeros', 'per_second']


class VGGishFrontEnd(nn.Module):
    """Split the audio of a clip into one log-mel example per frame.

    Three data sets use three framings; all keep one example per frame and drop the rest:

    * ``clip_repeat`` (AVSBench S4 and MS3): split the log-mel spectrogram of the whole clip every
      0.96 s; if there are too few examples, repeat the last one.
    * ``clip_zeros`` (AVSBench AVSS): the same, but pad with zeros. Zeros are not silence, which is
      -4.6 in log-mel.
    * ``per_second`` (AVISM, ACVIS): split the waveform into seconds, then resample and frame each
      of them separately. A second with less than 0.975 s of audio becomes zeros.

    Args:
        framing: One of the three.
        sample_rate: Sample rate of the waveform in Hz.
    """

    def __init__(self, *, framing: Framing, sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__()
        if framing not in get_args(Framing):
            raise ValueError(f'expected framing to be one of {get_args(Framing)}, got {framing!r}')
        self.framing = framing
        self.sample_rate = sample_rate
        self.log_mel = LogMel(sample_rate=sample_rate, precise=True)

    def forward(self, waveform: Tensor, num_frames: int, lengths: Tensor | None = None) -> Tensor:
        """Map waveforms (B, S), of ``lengths`` (B,) without padding, to examples (B, T, 96, 64)."""
        if lengths is None:
            lengths = waveform.new_full(waveform.shape[:1], waveform.shape[1], dtype=torch.long)
        lengths = lengths.to(waveform.device)
        if self.framing == 'per_second':
            return self._per_second(waveform, num_frames, lengths)
        log_mel = self.log_mel(waveform)  # (B, F, 64)
        num_examples = log_mel.shape[1] // EXAMPLE_FRAMES
        examples = log_mel[:, : num_examples * EXAMPLE_FRAMES].unflatten(
            1, (num_examples, EXAMPLE_FRAMES)
        )
        return self.fill(examples, num_frames, self.log_mel.num_frames(lengths) // EXAMPLE_FRAMES)

    def fill(self, examples: Tensor, num_frames: int, counts: Tensor | None = None) -> Tensor:
        """Cut or pad examples (B, N, 96, 64), ``counts`` (B,) of them valid, to (B, T, 96, 64)."""
        batch, most = examples.shape[:2]
        if counts is None:
            counts = torch.full((batch,), most, device=examples.device)
        if self.framing == 'clip_repeat' and (counts < 1).any():
            raise ValueError(
                f'VGGish: expected at least 0.975 s of audio to repeat, got less in clip '
                f"{int((counts < 1).nonzero()[0])} of the batch. Use framing='clip_zeros', or "
                f'leave out clips without audio.'
            )
        frame = torch.arange(num_frames, device=examples.device)
        last = counts[:, None] - 1  # (B, 1)
        substitute = last if self.framing == 'clip_repeat' else torch.full_like(last, most)
        index = torch.where(frame <= last, frame, substitute)  # (B, T)
        with_zeros = F.pad(examples, (0, 0, 0, 0, 0, 1))  # zeros at index N
        return with_zeros[torch.arange(batch, device=examples.device)[:, None], index]

    def _per_second(self, waveform: Tensor, num_frames: int, lengths: Tensor) -> Tensor:
        total = num_frames * self.sample_rate
        padded = F.pad(waveform, (0, total - waveform.shape[1]))  # cuts longer audio
        seconds = padded.unflatten(1, (num_frames, self.sample_rate))
        examples = self.log_mel(seconds)[:, :, :EXAMPLE_FRAMES]  # (B, T, 96, 64)
        start = torch.arange(num_frames, device=waveform.device) * self.sample_rate
        present = (lengths[:, None] - start).clamp(0, self.sample_rate)  # (B, T), samples
        complete = self.log_mel.num_frames(present) >= EXAMPLE_FRAMES
        return examples.where(complete[..., None, None], examples.new_zeros(()))
