"""Who is heard when, without words: speech cut where the voice changes."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.interfaces import SpeakerEncoder, SpeechRecognizer, SpeechSegment
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.media import Waveform


@MODELS.register_module()
class SpeakerDiarization:
    """Cuts what another recognizer hears into turns of one voice, and names the voices.

    Every stretch of speech is described piece by piece; pieces of the whole video are grouped by
    their voices (Ward's method), each short step of the stretch goes to the group of the pieces
    around it, and neighbors of one group become a turn. Meant for a recognizer without words.

    Args:
        activity: Finds speech, as config or built.
        voices: Describes voices, as config or built; it works at the sample rate of ``activity``.
        piece: Seconds described at once: longer is surer, shorter finds short turns.
        step: Seconds between pieces.
        apart: From which distance groups are two voices, see :func:`cluster_speakers`.
        min_turn: Seconds; shorter turns go to a neighbor.
        padding: Seconds added at both ends of a stretch, once its voices are told apart.
    """

    has_words = False

    def __init__(
        self,
        *,
        activity: SpeechRecognizer | dict[str, Any],
        voices: SpeakerEncoder | dict[str, Any],
        piece: float = 2.4,
        step: float = 0.4,
        apart: float = 0.6,
        min_turn: float = 0.6,
        padding: float = 0.1,
    ) -> None:
        if not 0 < step <= piece:
            raise ValueError(
                f'SpeakerDiarization: 0 < step <= piece, got step={step} and piece={piece}'
            )
        self.activity: SpeechRecognizer = build_part(
            activity, method='transcribe', where='SpeakerDiarization: activity'
        )
        self.voices: SpeakerEncoder = build_part(
            voices, method='embed', where='SpeakerDiarization: voices'
        )
        self.piece, self.step = piece, step
        self.apart, self.min_turn, self.padding = apart, min_turn, padding
        self.sample_rate = self.activity.sample_rate
        if self.voices.sample_rate != self.sample_rate:
            raise ValueError(
                f'SpeakerDiarization: activity hears {self.sample_rate} Hz, voices '
                f'{self.voices.sample_rate} Hz; take parts of one rate'
            )

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Turns in order of time, with the name of their voice."""
        stretches = [
            (start or 0.0, waveform.seconds if end is None else end)
            for chunk in self.activity.transcribe(waveform)
            for start, end in [chunk.timestamp or (None, None)]
        ]
        pieces = [piece for stretch in stretches for piece in self._pieces(stretch)]
        described = [(piece, self._describe(waveform, piece)) for piece in pieces]
        known = [(piece, vector) for piece, vector in described if vector is not None]
        groups = cluster_speakers([vector for _, vector in known], self.apart)
        labeled = [(piece, group) for (piece, _), group in zip(known, groups, strict=True)]
        return [
            SpeechSegment('', (start, end), None if group is None else f'voice_{group}')
            for stretch in stretches
            for start, end, group in self._padded(self._turns(stretch, labeled), waveform.seconds)
        ]

    def _pieces(self, stretch: tuple[float, float]) -> list[tuple[float, float]]:
        """Overlapping pieces that cover a stretch."""
        start, end = stretch
        last = max(end - self.piece, start)
        starts = [*np.arange(start, last, self.step), last]
        return [(float(begin), min(float(begin) + self.piece, end)) for begin in starts]

    def _describe(
        self, waveform: Waveform, piece: tuple[float, float]
    ) -> NDArray[np.float64] | None:
        """The voice of a piece, of length 1; None if there is too little of it."""
        first, last = (round(second * waveform.sample_rate) for second in piece)
        part = replace(waveform, samples=waveform.samples[first:last], start=piece[0])
        try:
            vector = np.asarray(self.voices.embed(part), np.float64)
        except ValueError:
            return None
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _turns(
        self,
        stretch: tuple[float, float],
        labeled: Sequence[tuple[tuple[float, float], int]],
    ) -> list[tuple[float, float, int | None]]:
        """Neighbouring steps of one voice as start, end, group."""
        start, end = stretch
        count = max(1, round((end - start) / self.step))
        edges = np.linspace(start, end, count + 1)
        turns: list[tuple[float, float, int | None]] = []
        for left, right in itertools.pairwise(edges):
            group = _nearest((left + right) / 2, stretch, labeled)
            if turns and turns[-1][2] == group:
                turns[-1] = (turns[-1][0], float(right), group)
            else:
                turns.append((float(left), float(right), group))
        return self._without_short(turns)

    def _padded(
        self, turns: list[tuple[float, float, int | None]], seconds: float
    ) -> list[tuple[float, float, int | None]]:
        """The turns of a stretch, the first from earlier on, the last for longer."""
        (start, end, group), *others = turns
        padded = [(max(start - self.padding, 0.0), end, group), *others]
        start, end, group = padded[-1]
        return [*padded[:-1], (start, min(end + self.padding, seconds), group)]

    def _without_short(
        self, turns: list[tuple[float, float, int | None]]
    ) -> list[tuple[float, float, int | None]]:
        """Give turns that are too short to the neighbor that is longer."""
        while len(turns) > 1:
            shortest = min(range(len(turns)), key=lambda i: turns[i][1] - turns[i][0])
            if turns[shortest][1] - turns[shortest][0] >= self.min_turn:
                break
            sides = [i for i in (shortest - 1, shortest + 1) if 0 <= i < len(turns)]
            heir = max(sides, key=lambda i: turns[i][1] - turns[i][0])
            low, high = sorted((shortest, heir))
            turns[low : high + 1] = [(turns[low][0], turns[high][1], turns[heir][2])]
            turns = _joined(turns)
        return turns


def _joined(
    turns: list[tuple[float, float, int | None]],
) -> list[tuple[float, float, int | None]]:
    """Join neighbors of one group."""
    joined = turns[:1]
    for turn in turns[1:]:
        if turn[2] == joined[-1][2]:
            joined[-1] = (joined[-1][0], turn[1], turn[2])
        else:
            joined.append(turn)
    return joined


def _nearest(
    moment: float,
    stretch: tuple[float, float],
    labeled: Sequence[tuple[tuple[float, float], int]],
) -> int | None:
    """The group of the piece of this stretch whose middle is nearest."""
    own = [
        (abs((start + end) / 2 - moment), group)
        for (start, end), group in labeled
        if start >= stretch[0] - 1e-6 and end <= stretch[1] + 1e-6
    ]
    return min(own)[1] if own else None


def cluster_speakers(vectors: Sequence[NDArray[np.float64]], apart: float) -> list[int]:
    """Group unit vectors by Ward's method; groups are numbered by their first member.

    Ward's distance grows with the size of the groups, so a few odd pieces join the voice that is
    nearest instead of becoming one. Because it grows for parts of a single voice too, two groups
    of N pieces in all stay two only if it is above ``apart`` times the fourth root of N.

    >>> cluster_speakers([np.array([1.0, 0]), np.array([0, 1.0]), np.array([0.9, 0.1])], 0.65)
    [0, 1, 0]
    """
    if len(vectors) < 2:
        return [0] * len(vectors)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(np.stack(vectors), method='ward')
    labels = fcluster(tree, apart * len(vectors) ** 0.25, criterion='distance')
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in labels]
