"""Average the tokens of an audio network over the frames of a video, by their times."""

from typing import NamedTuple

import torch
from torch import Tensor


class TokenTimes(NamedTuple):
    """Where the tokens of an audio network are in its input.

    Attributes:
        first: Center of the receptive field of the first token, seconds.
        step: Time from one token to the next, seconds.
    """

    first: float
    step: float

    def edges(self, count: int, seconds: float) -> Tensor:
        """Return the times between the tokens of an input of ``seconds``, (count + 1,).

        Tokens divide the input without gaps: an edge is in the middle between two centers, the
        first token starts at 0, and the last one before the end reaches the end. Tokens of padding
        after the end have no length.
        """
        edges = self.first + (torch.arange(count + 1, dtype=torch.float64) - 0.5) * self.step
        edges = edges.clamp(0, seconds)
        edges[0], edges[-1] = 0, seconds
        return edges


class FrameAverage:
    """Mean of the tokens in the duration of each frame, from consecutive windows.

    Frame t lasts from ``t * frame_seconds`` to ``(t + 1) * frame_seconds``; a token counts with the
    duration that both share.

    Args:
        num_frames: T.
        frame_seconds: Duration of a frame.
    """

    def __init__(self, num_frames: int, frame_seconds: float) -> None:
        self.num_frames, self.frame_seconds = num_frames, frame_seconds
        self._sums: Tensor | None = None

    def add(self, tokens: Tensor, edges: Tensor, start: float) -> None:
        """Add the tokens (L, C) of a window that starts at ``start`` seconds.

        Args:
            tokens: (L, C).
            edges: Of :meth:`TokenTimes.edges`, (L + 1,).
            start: Seconds.
        """
        if self._sums is None:
            self._sums = tokens.new_zeros(self.num_frames, tokens.shape[1])
        edges = edges + start
        # One frame more on each side: the durations below decide.
        first = max(int(edges[0] / self.frame_seconds) - 1, 0)
        last = min(int(edges[-1] / self.frame_seconds) + 2, self.num_frames)
        if first >= last:
            return
        begin = torch.arange(first, last, dtype=torch.float64)[:, None] * self.frame_seconds
        shared = torch.minimum(edges[1:], begin + self.frame_seconds) - torch.maximum(
            edges[:-1], begin
        )
        weights = (shared.clamp(min=0) / self.frame_seconds).to(tokens)  # (frames, L)
        index = torch.arange(first, last, device=tokens.device)
        self._sums = self._sums.index_add(0, index, weights @ tokens)

    def rows(self) -> Tensor:
        """Return (T, C) after all windows."""
        assert self._sums is not None
        return self._sums
