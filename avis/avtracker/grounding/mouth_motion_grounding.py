"""Grounding without a language model: the speaker is the person whose mouth fits the speech."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from avis.avtracker.grounding.mouth_motion import MouthMotion
from avis.avtracker.grounding.speaker_assignment import (
    LinkCosts,
    MouthStatistics,
    assign_speakers,
)
from avis.avtracker.grounding.video_objects import (
    VideoObjects,
    explain,
    objects_of,
    row_of_objects,
    speakers_of,
    speech_shares,
)
from avis.avtracker.interfaces import LocalAnswer, LocalQuery, VideoContext
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.media_time import num_samples

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

_MAX_FPS = 12.5  # of measured frames: twice as many found the same speakers
_MIN_SYNC_FPS = 8.0  # from which mouth motion and loudness are compared over time
_WORD_SECONDS = 0.6  # in which the mouth of a speaker opens and closes
_INDEPENDENT_SECONDS = 0.4  # after which a mouth is a new observation
_CLOSED, _OPEN = 0.1, 0.3  # of the person's own range
_APPEARANCE_WEIGHT = 2.0  # log odds of a person who fills the image, is centered and always visible


@MODELS.register_module()
class MouthMotionGrounding:
    """Assigns each speaker of a video to the person whose mouth fits the speech.

    Mouths are measured in the whole video, relative to the closed mouth of the same person. A mouth
    that is open during the speech of a speaker, and closed otherwise, is evidence for this person.
    All speakers are assigned jointly (see :mod:`avis.avtracker.grounding.speaker_assignment`), so
    that different speakers mostly get different persons. From 8 frames per second on, the measure
    is the change of the mouth, because a still mouth may be open, and its correlation with the
    loudness. A speaker may have no visible person, and there is no speaker in frames in which the
    person is not visible. Speakers are those of the recognizer; each window without a speaker
    label has a speaker of its own.

    Args:
        mouth_motion: Measures mouths, as config or built; None uses the appearance alone: large
            and centered persons who are visible during the speech.
    """

    needs_all_windows = True

    def __init__(self, *, mouth_motion: MouthMotion | dict[str, Any] | None = None) -> None:
        self.mouth_motion: MouthMotion | None = None
        if mouth_motion is not None:
            self.mouth_motion = build_part(
                mouth_motion, method='measure', where='MouthMotionGrounding: mouth_motion'
            )

    def ground(self, video: VideoContext, questions: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.avtracker.interfaces.Grounding`; all queries are read first."""
        queries = list(questions)
        if not queries:
            return
        speakers, objects = speakers_of(queries), objects_of(video)
        step = max(1, int(np.ceil(video.frames.fps / _MAX_FPS)))
        frames = np.arange(0, len(video.frames), step)
        seconds = step / video.frames.fps
        speech = speech_shares(queries, speakers, frames / video.frames.fps, seconds)
        opening = self._measure(video, objects, frames)
        fps = video.frames.fps / step
        in_sync = fps >= _MIN_SYNC_FPS
        motion = _opening_range(opening, round(_WORD_SECONDS * fps)) if in_sync else opening
        weight = min(seconds / _INDEPENDENT_SECONDS, 1.0)
        is_open = np.clip((self._normalize(motion) - _CLOSED) / (_OPEN - _CLOSED), 0, 1)
        mouths = MouthStatistics.count(speech, is_open, weight)
        visible = speech @ objects.visible[:, frames].T
        share = visible / np.maximum(speech.sum(axis=1)[:, None], 1e-9)
        prior = _APPEARANCE_WEIGHT * objects.prominence * share
        if in_sync:
            prior += weight * _loudness_log_odds(speech, opening, _loudness(video, frames))
        links = assign_speakers(
            mouths,
            seen_together=(objects.visible @ objects.visible.T)
            & ~np.eye(len(objects.ids), dtype=bool),
            prior=prior,
            diarized=speakers.diarized,
            costs=LinkCosts(),
        )
        for query, speaker in zip(queries, speakers.of_query, strict=True):
            object_ids = [objects.ids[n] for n in np.flatnonzero(links[speaker])]
            record = {
                'speaker': speakers.names[speaker],
                'object_ids': object_ids,
                'candidates': _candidates(objects, mouths, prior, speaker),
            }
            rows = [row_of_objects(video, frame, object_ids) for frame in query.frame_ids]
            yield LocalAnswer(rows, explain(objects, object_ids), record)

    def _measure(
        self, video: VideoContext, objects: VideoObjects, frames: NDArray[np.int64]
    ) -> _Floats:
        """Measured opening of the mouths, (N, T); NaN where it is unknown."""
        opening = np.full((len(objects.ids), len(frames)), np.nan)
        if self.mouth_motion is None or video.frames.fps < self.mouth_motion.min_fps:
            return opening
        for column, frame in enumerate(frames.tolist()):
            found = video.detections[frame]
            if found is not None and len(found):
                rows = np.searchsorted(objects.ids, found.ids)
                opening[rows, column] = self.mouth_motion.measure(video.frames, frame, found)
        return opening

    def _normalize(self, motion: _Floats) -> _Floats:
        """Scale to 0 for the person's own closed or still mouth and 1 for the widest, (N, T)."""
        closed_level, min_range = 0.0, 1.0
        if self.mouth_motion is not None:
            closed_level, min_range = self.mouth_motion.closed_level, self.mouth_motion.min_range
        normalized = motion.copy()
        for row in normalized:
            known = row[np.isfinite(row)]
            if len(known):
                low, high = np.quantile(known, [0.2, 0.9])
                closed = min(float(low), closed_level)
                row -= closed
                row /= max(float(high) - closed, min_range)
        return normalized.clip(0, 1)


def _opening_range(opening: _Floats, length: int) -> _Floats:
    """Maximum minus minimum opening within ``length`` frames: a still mouth may be open."""
    known = np.isfinite(opening)
    most = maximum_filter1d(np.where(known, opening, -np.inf), length, axis=1)
    least = minimum_filter1d(np.where(known, opening, np.inf), length, axis=1)
    return np.where(known, most - least, np.nan)


def _loudness(video: VideoContext, frames: NDArray[np.int64]) -> _Floats:
    """Root mean square of the audio during each measured frame, (T,)."""
    rate, fps = video.audio.sample_rate, video.frames.fps
    spans = [
        video.audio.samples[num_samples(frame, fps, rate) : num_samples(frame + 1, fps, rate)]
        for frame in frames.tolist()
    ]
    return np.array([np.sqrt(np.mean(span**2)) if len(span) else 0.0 for span in spans])


def _loudness_log_odds(speech: _Floats, opening: _Floats, loudness: _Floats) -> _Floats:
    """Log odds that each mouth follows the loudness while a speaker speaks, (S, N).

    For two normal variables with correlation r over T observations these are -T / 2 log(1 - r^2).
    """
    odds = np.zeros((len(speech), len(opening)))
    for speaker, row in np.ndindex(*odds.shape):
        known = (speech[speaker] > 0.5) & np.isfinite(opening[row])
        mouth, audio = opening[row, known], loudness[known]
        if known.sum() >= 8 and mouth.std() > 1e-6 and audio.std() > 1e-6:
            r = np.clip(np.corrcoef(mouth, audio)[0, 1], 0, 0.99)
            odds[speaker, row] = -known.sum() / 2 * np.log(1 - r**2)
    return odds


def _candidates(
    objects: VideoObjects, mouths: MouthStatistics, prior: _Floats, speaker: int
) -> dict[str, dict[str, float]]:
    """The evidence for each object as this speaker, for the record."""
    return {
        str(object_id): {
            'open': round(float(mouths.speech_open[speaker, row]), 2),
            'closed': round(float(mouths.speech_closed[speaker, row]), 2),
            'prior': round(float(prior[speaker, row]), 2),
        }
        for row, object_id in enumerate(objects.ids)
    }
