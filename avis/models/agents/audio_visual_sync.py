"""Grounding without a language model: who moves the mouth while somebody is heard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.models.agents.contract import (
    FrameDetections,
    LocalAnswer,
    LocalQuestion,
    SpeakerEncoder,
    Video,
    Waveform,
)
from avis.models.agents.mouths import Mouths
from avis.models.agents.speech import resampled
from avis.models.agents.windows import row_of
from avis.registry import MODELS

_HEARD_FPS = 8.0  # frames per second from which mouth and loudness are compared in time


@dataclass
class _Candidate:
    """Somebody who is seen during a window."""

    mouth: float  # mean of 0 (closed, still) to 1; NaN if never measured
    look: float  # 0 to 1: large, in the middle, seen all the time
    seen: float  # share of the frames


@MODELS.register_module()
class AudioVisualSync:
    """Choose, per window, the person whose mouth fits the speech.

    Mouths are measured in the frames of a window and compared with the same person's closed mouth;
    from 8 frames a second on they are also correlated with the loudness of the sound. Windows of
    one voice share what was seen (with ``voices``), so a mouth that happens to be closed in the one
    frame of a short window does no harm. Where no mouth is seen, size, place and visibility decide
    among those who are there half of the time or more: a passing false find never speaks.

    Args:
        mouths: Meter of mouths, as config or built; None decides by looks alone.
        voices: Speaker encoder by which windows share evidence, as config or built; None shares
            nothing.
        same_voice: Cosine from which windows share fully; evidence is shared in part from
            ``same_voice - 0.15`` on.
        min_evidence: Least evidence, 0 to 1, of a mouth that was measured: below, nobody speaks.
        look_weight: Weight of looks against the mouth.
        max_fps: Frames of a second that are measured at most.
    """

    sees_all_windows = True

    def __init__(
        self,
        *,
        mouths: Mouths | dict[str, Any] | None = None,
        voices: SpeakerEncoder | dict[str, Any] | None = None,
        same_voice: float = 0.85,
        min_evidence: float = 0.15,
        look_weight: float = 0.1,
        max_fps: float = 12.5,
    ) -> None:
        self.mouths: Mouths | None = MODELS.build(mouths) if isinstance(mouths, dict) else mouths
        self.voices: SpeakerEncoder | None = (
            MODELS.build(voices) if isinstance(voices, dict) else voices
        )
        self.same_voice, self.min_evidence = same_voice, min_evidence
        self.look_weight, self.max_fps = look_weight, max_fps

    def ground(self, video: Video, questions: Iterable[LocalQuestion]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.models.agents.contract.Grounding`; all questions are read first."""
        asked = list(questions)
        seen = [self._measured_frames(video, question) for question in asked]
        measured = self._measure(video, sorted({frame for frames in seen for frame in frames}))
        windows = [
            self._candidates(video, question, frames, measured)
            for question, frames in zip(asked, seen, strict=True)
        ]
        shares = self._shares(video, asked)
        for number, question in enumerate(asked):
            yield self._answer(video, question, _pooled(windows, shares[number], number))

    def _measured_frames(self, video: Video, question: LocalQuestion) -> list[int]:
        """Frames of a window in which mouths are looked at: all of a second up to ``max_fps``."""
        fps, asked = video.frames.fps, question.frame_ids
        if not asked:
            return []
        step = max(1, int(np.ceil(fps / self.max_fps)))
        if fps / step < _HEARD_FPS:
            return list(asked)
        return list(range(asked[0], asked[-1] + 1, step))

    def _measure(self, video: Video, frames: Sequence[int]) -> dict[int, dict[int, float]]:
        """Movement of mouths, 0 to 1, by object and frame."""
        if self.mouths is None or video.frames.fps < self.mouths.min_fps:
            return {}
        raw: dict[int, dict[int, float]] = {}
        for frame in frames:
            found = video.detections[frame]
            if found is None or not len(found):
                continue
            values = self.mouths.measure(video.frames, frame, found)
            for number, value in zip(found.ids, values, strict=True):
                if np.isfinite(value):
                    raw.setdefault(int(number), {})[frame] = float(value)
        return {number: self._normalised(values) for number, values in raw.items()}

    def _normalised(self, values: dict[int, float]) -> dict[int, float]:
        """Against the person's own closed mouth and widest opening."""
        rest, spread = (self.mouths.rest, self.mouths.spread) if self.mouths else (0.0, 1.0)
        low, high = np.quantile(list(values.values()), [0.2, 0.9])
        closed = min(float(low), rest)
        spread = max(float(high) - closed, spread)
        return {f: float(np.clip((v - closed) / spread, 0, 1)) for f, v in values.items()}

    def _candidates(
        self,
        video: Video,
        question: LocalQuestion,
        frames: Sequence[int],
        measured: dict[int, dict[int, float]],
    ) -> dict[int, _Candidate]:
        """Everybody in a window, by object id."""
        found = {frame: video.detections[frame] for frame in question.frame_ids}
        looks = _looks(found, video.frames.size)
        loudness = _loudness(video, frames)
        return {
            number: _Candidate(_mouth(measured.get(number, {}), frames, loudness), look, seen)
            for number, (look, seen) in looks.items()
        }

    def _shares(self, video: Video, questions: Sequence[LocalQuestion]) -> NDArray[np.float64]:
        """How much of what window j saw counts for window i, (N, N)."""
        shares = np.eye(len(questions))
        if self.voices is None:
            return shares
        sound = resampled(video.sound, self.voices.sample_rate)
        embeddings = [_voice(self.voices, sound, question) for question in questions]
        for i, one in enumerate(embeddings):
            for j, other in enumerate(embeddings[:i]):
                if one is not None and other is not None:
                    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
                    share = np.clip(1 - (self.same_voice - cosine) / 0.15, 0, 1)
                    shares[i, j] = shares[j, i] = share
        return shares

    def _answer(
        self, video: Video, question: LocalQuestion, people: dict[int, _Candidate]
    ) -> LocalAnswer:
        """The row of the best candidate in each frame."""
        scores = {number: self._score(person) for number, person in people.items()}
        record = {
            str(number): {
                'mouth': None if np.isnan(person.mouth) else round(person.mouth, 3),
                'look': round(person.look, 3),
                'score': round(scores[number], 3),
            }
            for number, person in people.items()
        }
        best = max(scores, key=lambda number: scores[number], default=None)
        if best is None:
            reason = 'nobody is seen'
        elif self._evidence(people[best]) < self.min_evidence:
            reason, best = 'no mouth moves with the speech', None
        else:
            reason = f'object {best} fits best'
        rows = [
            None
            if best is None or (found := video.detections[frame]) is None
            else row_of(found, best)
            for frame in question.frame_ids
        ]
        return LocalAnswer(rows, reason, {'candidates': record})

    def _score(self, person: _Candidate) -> float:
        """Mouth, then looks."""
        return self._evidence(person) + self.look_weight * person.look

    def _evidence(self, person: _Candidate) -> float:
        """Of the mouth; of one never seen just enough, or less if the person is seldom there."""
        if np.isfinite(person.mouth):
            return person.mouth
        return self.min_evidence * min(2 * person.seen, 1.0)


def _voice(
    encoder: SpeakerEncoder, sound: Waveform, question: LocalQuestion
) -> NDArray[np.float64] | None:
    """The voice of a window; None if there is too little of it."""
    start, end = question.timestamp
    first, last = (max(round(second * sound.sample_rate), 0) for second in (start, end))
    try:
        embedding = encoder.embed(replace(sound, samples=sound.samples[first:last], start=start))
    except ValueError:
        return None
    return np.asarray(embedding, np.float64)


def _looks(
    found: dict[int, FrameDetections | None], size: tuple[int, int]
) -> dict[int, tuple[float, float]]:
    """Look and share of the frames, 0 to 1, by object id; see :class:`_Candidate`."""
    height, width = size
    sums: dict[int, NDArray[np.float64]] = {}
    for one in found.values():
        if one is None:
            continue
        for number, box, mask in zip(one.ids, one.boxes, one.masks, strict=True):
            off = abs((box[0] + box[2]) / 2 - width / 2) / (width / 2)
            row = np.array([np.sqrt(coco_mask.area(mask) / (height * width)), 1 - min(off, 1), 1])
            sums[int(number)] = sums.get(int(number), np.zeros(3)) + row
    looks = {}
    for number, (size_sum, middle_sum, count) in sums.items():
        seen = float(count / len(found))
        looks[number] = float((size_sum + middle_sum) / count + seen) / 3, seen
    return looks


def _loudness(video: Video, frames: Sequence[int]) -> NDArray[np.float64] | None:
    """Loudness during each measured frame (T,); None where frames are too far apart."""
    rate, fps = video.sound.sample_rate, video.frames.fps
    if len(frames) < 8 or (len(frames) - 1) * fps < (frames[-1] - frames[0]) * _HEARD_FPS:
        return None
    spans = [video.sound.samples[int(f / fps * rate) : int((f + 1) / fps * rate)] for f in frames]
    return np.array([np.sqrt(np.mean(span**2)) if len(span) else 0.0 for span in spans])


def _mouth(
    values: dict[int, float], frames: Sequence[int], loudness: NDArray[np.float64] | None
) -> float:
    """Mean movement in a window; with the sound, half of it is how well the two go together."""
    seen = [place for place, frame in enumerate(frames) if frame in values]
    if not seen:
        return float('nan')
    movement = np.array([values[frames[place]] for place in seen])
    mean = float(movement.mean())
    if loudness is None or len(seen) < 8:
        return mean
    heard = loudness[seen]
    if movement.std() < 1e-6 or heard.std() < 1e-6:
        return mean / 2
    return (mean + max(0.0, float(np.corrcoef(movement, heard)[0, 1]))) / 2


def _pooled(
    windows: Sequence[dict[int, _Candidate]], shares: NDArray[np.float64], number: int
) -> dict[int, _Candidate]:
    """The people of a window with what other windows of the voice saw of them."""
    pooled = {}
    for person, candidate in windows[number].items():
        rows = [
            (share, window[person].mouth)
            for share, window in zip(shares, windows, strict=True)
            if share > 0 and person in window and np.isfinite(window[person].mouth)
        ]
        weight = sum(share for share, _ in rows)
        mouth = sum(share * value for share, value in rows) / weight if weight else float('nan')
        pooled[person] = replace(candidate, mouth=mouth)
    return pooled
