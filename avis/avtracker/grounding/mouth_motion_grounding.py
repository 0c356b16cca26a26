"""Grounding without a language model: who moves the mouth while a voice is heard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from avis.avtracker.grounding.mouth_motion import MouthMotion
from avis.avtracker.grounding.speaker_assignment import (
    Costs,
    Flags,
    MouthStatistics,
    Values,
    assign_speakers,
)
from avis.avtracker.interfaces import LocalAnswer, LocalQuery, VideoContext
from avis.avtracker.loading import build_part
from avis.avtracker.windows import row_of
from avis.registry import MODELS

_HEARD_FPS = 8.0  # frames per second from which mouth and loudness are compared in time
_WORD = 0.6  # seconds in which a mouth that speaks opens and closes
_MOMENT = 0.4  # seconds after which a mouth says something new
_CLOSED, _OPEN = 0.1, 0.3  # of the person's own range


@dataclass(frozen=True)
class _People:
    """Everybody who is seen in a video.

    Args:
        numbers: Ids of the objects, increasing, (N,).
        seen: Frames in which each is seen, (N, T).
        look: 0 to 1: large and in the middle, (N,).
    """

    numbers: list[int]
    seen: Flags
    look: Values


@dataclass(frozen=True)
class _Voices:
    """The voices that are asked about.

    Args:
        names: One per voice, (V,).
        of_question: The voice of each question.
        told_apart: Voices that the recognizer names, (V,).
    """

    names: list[str]
    of_question: list[int]
    told_apart: Flags


@MODELS.register_module()
class MouthMotionGrounding:
    """Give each voice of a video to the person whose mouth fits it.

    Mouths are measured all over the video and compared with the same person's closed mouth. A mouth
    that is open while a voice is heard, and closed while it is not, speaks for its owner; all
    voices are decided at once (see :mod:`avis.avtracker.grounding.speaker_assignment`), so mostly
    different voices belong to different persons. From 8 frames a second on it is the change of the
    mouth that counts, since a still one may be open, and how it goes with the loudness. A voice may
    belong to nobody in the image, and nobody speaks where its owner is not visible. Voices are
    those that the recognizer names; a window without a name is a voice of its own.

    Args:
        mouths: Meter of mouths, as config or built; None decides by looks alone.
        look_weight: What looks count, as logarithm of odds: large, in the middle, visible while
            the voice is heard.
        min_evidence: What a voice must be worth to belong to anybody, as logarithm of odds.
        max_fps: Frames of a second that are measured at most.
    """

    needs_all_windows = True

    def __init__(
        self,
        *,
        mouths: MouthMotion | dict[str, Any] | None = None,
        look_weight: float = 2.0,
        min_evidence: float = 0.5,
        max_fps: float = 12.5,
    ) -> None:
        self.mouths: MouthMotion | None = None
        if mouths is not None:
            self.mouths = build_part(mouths, method='measure', where='MouthMotionGrounding: mouths')
        self.look_weight, self.max_fps = look_weight, max_fps
        self.costs = Costs(voice=min_evidence)

    def ground(self, video: VideoContext, questions: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.avtracker.interfaces.Grounding`; all questions are read first."""
        asked = list(questions)
        if not asked:
            return
        voices, people = _voices(asked), _people(video)
        step = max(1, int(np.ceil(video.frames.fps / self.max_fps)))
        frames = np.arange(0, len(video.frames), step)
        heard = _heard(asked, voices, frames / video.frames.fps, step / video.frames.fps)
        opening = self._openings(video, people, frames)
        fps = video.frames.fps / step
        fast = fps >= _HEARD_FPS
        movement = _change(opening, round(_WORD * fps)) if fast else opening
        moment = min(step / video.frames.fps / _MOMENT, 1.0)
        opened = np.clip((self._normalized(movement) - _CLOSED) / (_OPEN - _CLOSED), 0, 1)
        mouths = MouthStatistics.of(heard, opened, moment)
        share = heard @ people.seen[:, frames].T / np.maximum(heard.sum(axis=1)[:, None], 1e-9)
        prior = self.look_weight * people.look * share
        if fast:
            prior += moment * _coupling(heard, opening, _loudness(video, frames))
        links = assign_speakers(
            mouths,
            together=(people.seen @ people.seen.T) & ~np.eye(len(people.numbers), dtype=bool),
            prior=prior,
            told_apart=voices.told_apart,
            costs=self.costs,
        )
        for question, voice in zip(asked, voices.of_question, strict=True):
            owners = [people.numbers[n] for n in np.flatnonzero(links[voice])]
            record = {
                'voice': voices.names[voice],
                'owners': owners,
                'candidates': _candidates(people, mouths, prior, voice),
            }
            rows = [_row(video, frame, owners) for frame in question.frame_ids]
            yield LocalAnswer(rows, _reason(people, owners), record)

    def _openings(self, video: VideoContext, people: _People, frames: NDArray[np.int64]) -> Values:
        """How far mouths are open, as measured, (N, T); NaN where there is no telling."""
        opening = np.full((len(people.numbers), len(frames)), np.nan)
        if self.mouths is None or video.frames.fps < self.mouths.min_fps:
            return opening
        for place, frame in enumerate(frames.tolist()):
            found = video.detections[frame]
            if found is not None and len(found):
                rows = np.searchsorted(people.numbers, found.ids)
                opening[rows, place] = self.mouths.measure(video.frames, frame, found)
        return opening

    def _normalized(self, movement: Values) -> Values:
        """From the person's own closed or still mouth 0 to the widest 1, (N, T)."""
        rest, spread = (0.0, 1.0) if self.mouths is None else (self.mouths.rest, self.mouths.spread)
        normalized = movement.copy()
        for row in normalized:
            known = row[np.isfinite(row)]
            if len(known):
                low, high = np.quantile(known, [0.2, 0.9])
                closed = min(float(low), rest)
                row -= closed
                row /= max(float(high) - closed, spread)
        return normalized.clip(0, 1)


def _change(opening: Values, length: int) -> Values:
    """How far each mouth opens and closes within ``length`` frames: a still one may be open."""
    known = np.isfinite(opening)
    most = maximum_filter1d(np.where(known, opening, -np.inf), length, axis=1)
    least = minimum_filter1d(np.where(known, opening, np.inf), length, axis=1)
    return np.where(known, most - least, np.nan)


def _voices(asked: Sequence[LocalQuery]) -> _Voices:
    """A voice per name, and one per window without a name."""
    labels = [
        (True, question.speaker)
        if question.speaker is not None
        else (False, f'of window {question.window}')
        for question in asked
    ]
    known = list(dict.fromkeys(labels))
    return _Voices(
        names=[name for _, name in known],
        of_question=[known.index(label) for label in labels],
        told_apart=np.array([named for named, _ in known], bool),
    )


def _people(video: VideoContext) -> _People:
    """Everybody who is found in any frame."""
    found_in = [(frame, found) for frame, found in enumerate(video.detections) if found is not None]
    numbers = sorted({int(number) for _, found in found_in for number in found.ids})
    seen = np.zeros((len(numbers), len(video.detections)), bool)
    look = np.zeros(len(numbers))
    height, width = video.frames.size
    for frame, found in found_in:
        rows = np.searchsorted(numbers, found.ids)
        seen[rows, frame] = True
        middle = 1 - np.abs((found.boxes[:, 0] + found.boxes[:, 2]) / width - 1).clip(0, 1)
        areas = np.array([coco_mask.area(mask) for mask in found.masks])
        look[rows] += (np.sqrt(areas / (height * width)) + middle) / 2
    return _People(numbers, seen, look / np.maximum(seen.sum(axis=1), 1))


def _heard(asked: Sequence[LocalQuery], voices: _Voices, starts: Values, length: float) -> Values:
    """Share of the time of each measured frame in which each voice is heard, (V, T)."""
    heard = np.zeros((len(voices.names), len(starts)))
    for question, voice in zip(asked, voices.of_question, strict=True):
        start, end = question.timestamp
        common = np.minimum(end, starts + length) - np.maximum(start, starts)
        heard[voice] += common.clip(0) / length
    return heard.clip(0, 1)


def _loudness(video: VideoContext, frames: NDArray[np.int64]) -> Values:
    """Loudness during each measured frame (T,)."""
    rate, fps = video.audio.sample_rate, video.frames.fps
    spans = [
        video.audio.samples[int(frame / fps * rate) : int((frame + 1) / fps * rate)]
        for frame in frames.tolist()
    ]
    return np.array([np.sqrt(np.mean(span**2)) if len(span) else 0.0 for span in spans])


def _coupling(heard: Values, opening: Values, loudness: Values) -> Values:
    """Do mouths follow the loudness while a voice is heard? Logarithm of odds, (V, N).

    Of two normal quantities with a correlation r, seen T times, it is -T / 2 log(1 - r^2).
    """
    odds = np.zeros((len(heard), len(opening)))
    for voice, number in np.ndindex(*odds.shape):
        both = (heard[voice] > 0.5) & np.isfinite(opening[number])
        mouth, audio = opening[number, both], loudness[both]
        if both.sum() >= 8 and mouth.std() > 1e-6 and audio.std() > 1e-6:
            r = np.clip(np.corrcoef(mouth, audio)[0, 1], 0, 0.99)
            odds[voice, number] = -both.sum() / 2 * np.log(1 - r**2)
    return odds


def _row(video: VideoContext, frame: int, owners: Sequence[int]) -> int | None:
    """Where the owner of a voice is; two of its objects are never seen at once."""
    found = video.detections[frame]
    rows = [] if found is None else [row_of(found, owner) for owner in owners]
    return next((row for row in rows if row is not None), None)


def _reason(people: _People, owners: Sequence[int]) -> str:
    if not people.numbers:
        return 'nobody is seen'
    if not owners:
        return 'no mouth moves with the voice'
    return f'the voice of object {" and ".join(map(str, owners))}'


def _candidates(
    people: _People, mouths: MouthStatistics, prior: Values, voice: int
) -> dict[str, dict[str, float]]:
    """What was seen of everybody while a voice was heard, for the record."""
    return {
        str(number): {
            'open': round(float(mouths.heard_open[voice, row]), 2),
            'closed': round(float(mouths.heard_closed[voice, row]), 2),
            'prior': round(float(prior[voice, row]), 2),
        }
        for row, number in enumerate(people.numbers)
    }
