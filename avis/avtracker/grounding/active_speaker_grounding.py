"""Grounding by active speaker detection: the speaker is the person who is seen to speak audibly.

Letters: S speaker of the recognizer, N object of the instance tracker, T frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.special import expit

from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.face_tracker import FaceTracker
from avis.avtracker.face_tracks.speaker_scores import ActiveSpeakerScorer, TrackScores
from avis.avtracker.face_tracks.speaking import (
    check_frame_rate,
    smooth_scores,
    speaking_runs,
)
from avis.avtracker.grounding.speaker_assignment import (
    LinkCosts,
    MouthStatistics,
    assign_speakers,
)
from avis.avtracker.grounding.video_objects import (
    VideoObjects,
    covering_mask,
    explain,
    objects_of,
    row_of_objects,
    speakers_of,
    speech_shares,
)
from avis.avtracker.interfaces import Grounding, LocalAnswer, LocalQuery, VideoContext
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.masks import decode_rle

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

# Lowest log odds at which a person speaks while a speaker assigned to them does: these odds times
# those of speech during the own turn, about 20, still favor speech.
_MIN_THRESHOLD = -3.0
_INDEPENDENT_SECONDS = 0.4  # after which a mouth is a new observation
# A person whom no speaker is assigned to speaks in runs of at least this length and mean log odds:
# voices that the diarization does not separate.
_SURE_SECONDS, _SURE_LOG_ODDS = 0.5, 1.5
_OWNERS_PER_SECOND = 5.0  # how often the person of a face is looked up


@dataclass(frozen=True)
class _Speaking:
    """When each object speaks.

    Args:
        log_odds: Smoothed log odds of audible speech, NaN where no face is scored, (N, T).
        active: Frames in which the object speaks if a speaker assigned to it does, (N, T).
        likely: Frames in which it speaks more probably than not, (N, T).
        sure: Frames of long runs with high scores, (N, T).
    """

    log_odds: _Floats
    active: _Bools
    likely: _Bools
    sure: _Bools


@MODELS.register_module()
class ActiveSpeakerGrounding:
    """Assigns each speaker of a video to the person who is seen to speak audibly.

    Every face of the video is tracked and scored, independently of the others. All speakers are
    then assigned jointly, as by :class:`MouthMotionGrounding`: a person whose scores are high
    during the speech of a speaker, and low otherwise, is this speaker. In silence the lips alone
    are scored, because a mouth that moves then, too, may be dubbed. A voice that fits nobody has no
    visible person. Within a window, a person speaks only in frames with a high score: pauses are
    left out, and a window in which two people speak has both of them.

    Args:
        face_tracker: Follows faces, as config or built.
        scorer: Scores face tracks, as config or built.
        fallback: Grounding that is used where faces cannot be scored, as config or built: if the
            weights do not exist, and below 8 frames per second. None raises an error there.
    """

    needs_all_windows = True

    def __init__(
        self,
        *,
        face_tracker: FaceTracker | dict[str, Any],
        scorer: ActiveSpeakerScorer | dict[str, Any],
        fallback: Grounding | dict[str, Any] | None = None,
    ) -> None:
        name = 'ActiveSpeakerGrounding'
        self.face_tracker: FaceTracker = build_part(
            face_tracker, method='track', where=f'{name}: face_tracker'
        )
        self.scorer: ActiveSpeakerScorer = build_part(
            scorer, method='score', where=f'{name}: scorer'
        )
        self.fallback: Grounding | None = (
            None
            if fallback is None
            else build_part(fallback, method='ground', where=f'{name}: fallback')
        )

    def ground(self, video: VideoContext, questions: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.avtracker.interfaces.Grounding`; all queries are read first."""
        queries = list(questions)
        if not queries:
            return
        reason = self._reason_for_fallback(video)
        if reason is None:
            yield from self._ground(video, queries)
        elif self.fallback is None:
            raise ValueError(f'ActiveSpeakerGrounding: {reason}')
        else:
            print_log(f'{reason}; {type(self.fallback).__name__} is used', logger='current')
            yield from self.fallback.ground(video, queries)

    def _reason_for_fallback(self, video: VideoContext) -> str | None:
        weights = self.scorer.weights
        if self.fallback is not None and weights is not None and not Path(weights).is_file():
            return (
                f"{weights} does not exist: 'avis download lr_asd_ava' fetches these weights of "
                f'active speaker detection'
            )
        return check_frame_rate(video.frames)

    def _ground(self, video: VideoContext, queries: Sequence[LocalQuery]) -> Iterator[LocalAnswer]:
        speakers, objects = speakers_of(queries), objects_of(video)
        tracks = self.face_tracker.track(video.frames)
        scores = self.scorer.score(video.frames, video.audio, tracks)
        log_odds, visual = _object_log_odds(video, objects, tracks, scores)
        fps = video.frames.fps
        starts = np.arange(len(video.frames)) / fps
        speech = speech_shares(queries, speakers, starts, 1 / fps)
        weight = min(1 / fps / _INDEPENDENT_SECONDS, 1.0)
        # In silence nobody speaks audibly: there the lips count, as those of a dubbed mouth.
        moving = expit(np.where(speech.any(axis=0), log_odds, visual))
        links = assign_speakers(
            MouthStatistics.count(speech, moving, weight),
            seen_together=(objects.visible @ objects.visible.T)
            & ~np.eye(len(objects.ids), dtype=bool),
            prior=np.zeros((len(speakers.names), len(objects.ids))),
            diarized=speakers.diarized,
            costs=LinkCosts(),
        )
        speaking = _speaking(log_odds, _thresholds(log_odds, links.T @ speech > 0.5), fps)
        for query, speaker in zip(queries, speakers.of_query, strict=True):
            linked = np.flatnonzero(links[speaker])
            # Turns of the diarization begin and end too late: another known speaker may speak.
            known = np.asarray(links.any(axis=0))[:, None] & (len(linked) > 0)
            others: _Bools = speaking.sure | (speaking.likely & known)
            others[linked] = False
            rows, persons = _rows(video, query, objects.ids, speaking, linked, others)
            linked_ids = [objects.ids[n] for n in linked]
            record = {
                'speaker': speakers.names[speaker],
                'object_ids': linked_ids,
                'log_odds': _mean_log_odds(objects, speaking, query),
            }
            yield LocalAnswer(rows, explain(objects, linked_ids), record, persons=persons)


def _object_log_odds(
    video: VideoContext,
    objects: VideoObjects,
    tracks: Sequence[FaceTrack],
    scores: Sequence[TrackScores],
) -> _Floats:
    """Smoothed log odds of each object, with the audio and by the face alone, (2, N, T).

    They are NaN where an object has no scored face.
    """
    fps = video.frames.fps
    found = np.full((2, len(objects.ids), len(video.frames)), np.nan)
    step = max(1, round(fps / _OWNERS_PER_SECOND))
    for track, score in zip(tracks, scores, strict=True):
        log_odds = np.stack(
            [smooth_scores(track, score, fps, visual=visual) for visual in (False, True)]
        )
        for first in range(track.first, track.stop, step):
            frames = np.arange(first, min(first + step, track.stop))
            middle = int(frames[len(frames) // 2])
            owner = _owner(video, middle, track.boxes[middle - track.first])
            if owner is not None:
                values = log_odds[:, frames - track.first]
                row = objects.ids.index(owner)
                found[:, row, frames] = np.fmax(found[:, row, frames], values)
    return found


def _owner(video: VideoContext, frame: int, box: NDArray[np.float64]) -> int | None:
    """The object whose mask covers a face; None if none does."""
    detections = video.found(frame)
    if not len(detections):
        return None
    row = covering_mask(box, [decode_rle(mask) for mask in detections.masks])
    return None if row is None else int(detections.ids[row])


def _thresholds(log_odds: _Floats, own_speech: _Bools) -> _Floats:
    """Log odds from which each object speaks while a speaker assigned to it does, (N,).

    Halfway between the usual values in this speech and elsewhere: people whose lips are hardly seen
    have low values all the time. At most 0, where speech is as probable as silence.

    Args:
        log_odds: Log odds of audible speech, NaN where unknown, (N, T).
        own_speech: Frames in which a speaker assigned to the object speaks, (N, T).
    """
    thresholds = np.zeros(len(log_odds))
    for row, (values, own) in enumerate(zip(log_odds, own_speech, strict=True)):
        known = np.isfinite(values)
        inside, outside = values[known & own], values[known & ~own]
        if len(inside) and len(outside):
            middle = (np.median(inside) + np.median(outside)) / 2
            thresholds[row] = np.clip(middle, _MIN_THRESHOLD, 0)
    return thresholds


def _speaking(log_odds: _Floats, thresholds: _Floats, fps: float) -> _Speaking:
    """Runs of frames in which each object speaks."""
    active = np.zeros(log_odds.shape, bool)
    likely, sure = active.copy(), active.copy()
    for row, values in enumerate(log_odds):
        for start, stop in speaking_runs(values - thresholds[row], fps):
            active[row, start:stop] = True
        for start, stop in speaking_runs(values, fps):
            likely[row, start:stop] = True
            long = stop - start >= _SURE_SECONDS * fps
            sure[row, start:stop] = long and np.nanmean(values[start:stop]) >= _SURE_LOG_ODDS
    return _Speaking(log_odds, active, likely, sure)


def _rows(
    video: VideoContext,
    query: LocalQuery,
    ids: Sequence[int],
    speaking: _Speaking,
    linked: NDArray[np.int64],
    others: _Bools,
) -> tuple[list[int | None], list[int | None]]:
    """Who speaks in each frame of a window: a person of the speaker, else the best of the others.

    Returns:
        Rows of the detections, and numbers of the persons.
    """
    rows: list[int | None] = []
    persons: list[int | None] = []
    for frame in query.frame_ids:
        unknown = np.isnan(speaking.log_odds[linked, frame])
        own = [ids[n] for n in linked[speaking.active[linked, frame] | unknown]]
        row, person = row_of_objects(video, frame, own), None
        if row is not None:
            person = ids[linked[0]]
        else:
            found = np.flatnonzero(others[:, frame]).tolist()
            best = sorted(found, key=lambda n: -speaking.log_odds[n, frame])[:1]
            row = row_of_objects(video, frame, [ids[n] for n in best])
            person = ids[best[0]] if row is not None else None
        rows.append(row)
        persons.append(person)
    return rows, persons


def _mean_log_odds(
    objects: VideoObjects, speaking: _Speaking, query: LocalQuery
) -> dict[str, float]:
    """Mean log odds of each scored object in a window, for the record."""
    means = {}
    for row, object_id in enumerate(objects.ids):
        values = speaking.log_odds[row, list(query.frame_ids)]
        if np.isfinite(values).any():
            means[str(object_id)] = round(float(np.nanmean(values)), 2)
    return means
