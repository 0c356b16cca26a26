"""From the waveform of a clip to one log-mel example of 0.96 s per frame, as VGGish reads it."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.audio_encoders.log_mel import SAMPLE_RATE, LogMel

EXAMPLE = 96  # log-mel frames
Framing = Literal['clip_repeat', 'clip_zeros', 'per_second']


class VGGishFrontEnd(nn.Module):
    """Cut the sound of a clip into one log-mel example per frame.

    Three data sets, three framings; all take one example per frame and drop what is left over:

    * ``clip_repeat`` (AVSBench S4 and MS3): cut the log-mel spectrogram of the whole clip every
      0.96 s; if there are too few examples, repeat the last one.
    * ``clip_zeros`` (AVSBench AVSS): the same, but fill up with zeros. They are no silence, which
      is -4.6 in log-mel.
    * ``per_second`` (AVISM, ACVIS): cut the waveform into seconds, then resample and frame each
      one alone. A second with less than 0.975 s of sound becomes zeros.

    Args:
        framing: One of the three.
        sample_rate: Of the waveform.
    """

    def __init__(self, *, framing: Framing, sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__()
        if framing not in get_args(Framing):
            raise ValueError(f'framing must be one of {get_args(Framing)}, got {framing!r}')
        self.framing = framing
        self.sample_rate = sample_rate
        self.log_mel = LogMel(sample_rate=sample_rate)

    def forward(self, waveform: Tensor, num_frames: int, lengths: Tensor | None = None) -> Tensor:
        """Map waveforms (B, S) to examples (B, T, 96, 64); ``lengths`` (B,) leaves out padding."""
        if lengths is None:
            lengths = waveform.new_full(waveform.shape[:1], waveform.shape[1], dtype=torch.long)
        lengths = lengths.to(waveform.device)
        if self.framing == 'per_second':
            return self._per_second(waveform, num_frames, lengths)
        log_mel = self.log_mel(waveform)  # (B, F, 64)
        num_examples = log_mel.shape[1] // EXAMPLE
        examples = log_mel[:, : num_examples * EXAMPLE].unflatten(1, (num_examples, EXAMPLE))
        return self.fill(examples, num_frames, self.log_mel.num_frames(lengths) // EXAMPLE)

    def fill(self, examples: Tensor, num_frames: int, counts: Tensor | None = None) -> Tensor:
        """Bring examples (B, N, 96, 64), of which ``counts`` (B,) are sound, to (B, T, 96, 64)."""
        batch, most = examples.shape[:2]
        if counts is None:
            counts = torch.full((batch,), most, device=examples.device)
        if self.framing == 'clip_repeat' and (counts < 1).any():
            raise ValueError(
                f'VGGish: clip {int((counts < 1).nonzero()[0])} of the batch has less than 0.975 s '
                f"of sound, so there is no example to repeat. Use framing='clip_zeros', or leave "
                f'out clips without sound.'
            )
        frame = torch.arange(num_frames, device=examples.device)
        last = counts[:, None] - 1  # (B, 1)
        substitute = last if self.framing == 'clip_repeat' else torch.full_like(last, most)
        index = torch.where(frame <= last, frame, substitute)  # (B, T)
        with_zeros = F.pad(examples, (0, 0, 0, 0, 0, 1))  # one example more, at index N
        return with_zeros[torch.arange(batch, device=examples.device)[:, None], index]

    def _per_second(self, waveform: Tensor, num_frames: int, lengths: Tensor) -> Tensor:
        total = num_frames * self.sample_rate
        padded = F.pad(waveform, (0, total - waveform.shape[1]))  # cuts if the sound is longer
        seconds = padded.unflatten(1, (num_frames, self.sample_rate))
        examples = self.log_mel(seconds)[:, :, :EXAMPLE]  # (B, T, 96, 64)
        start = torch.arange(num_frames, device=waveform.device) * self.sample_rate
        present = (lengths[:, None] - start).clamp(0, self.sample_rate)  # (B, T), samples
        complete = self.log_mel.num_frames(present) >= EXAMPLE
        return examples.where(complete[..., None, None], examples.new_zeros(()))
