"""The speaker is the person who is seen to speak audibly; faces and scores are given."""

import logging
from collections import Counter

import numpy as np
import pytest

from avis.avtracker.corrected import CorrectedStrategy
from avis.avtracker.face_tracks.crops import ticks_of
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.speaker_scores import TrackScores
from avis.avtracker.grounding.active_speaker_grounding import ActiveSpeakerGrounding
from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.interfaces import LocalAnswer, LocalQuery, VideoContext
from avis.avtracker.windows import SpeechWindow
from avis.structures.media import Waveform
from tests.helpers.people import Frames

LEFT, RIGHT = np.s_[2:18, 2:14], np.s_[2:18, 26:38]
BOXES = np.array([[4.0, 4, 12, 12], [28.0, 4, 36, 12]])
FPS = 25.0


def mask(region):
    blank = np.zeros((20, 40), bool)
    blank[region] = True
    return blank


class Faces:
    """The same faces in all frames; scores (N, T) per frame, ``visual`` those without audio."""

    def __init__(self, scores, *, visual=None, weights=None):
        self.scores, self.weights = np.asarray(scores, float), weights
        self.visual = self.scores if visual is None else np.asarray(visual, float)

    def track(self, frames):
        return [FaceTrack(0, np.tile(BOXES[n], (len(frames), 1))) for n in range(len(self.scores))]

    def score(self, frames, audio, tracks):
        ticks = [ticks_of(track, frames.fps) for track in tracks]
        return [
            TrackScores(tick.first, tick.frames, *both[:, tick.frames].astype(np.float32))
            for tick, both in zip(ticks, np.stack([self.scores, self.visual], 1), strict=True)
        ]


class Rules:
    """A grounding that answers None everywhere."""

    def ground(self, video, queries):
        for query in queries:
            yield LocalAnswer([None] * len(query.frame_ids), 'rules')


def video(count, *, fps=FPS):
    both = make_detections([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    frames = Frames(np.zeros((count, 20, 40, 3), np.uint8), fps=fps)
    samples = np.zeros(round(count / fps * 16000), np.float32)
    return VideoContext('v', frames, Waveform(samples, 16000), [both] * count)


def query(window, first, last, *, speaker=None, fps=FPS):
    return LocalQuery(window, '', (first / fps, last / fps), tuple(range(first, last)), speaker)


def ground(scores, *queries, fps=FPS, visual=None, **kwargs):
    faces = Faces(scores, visual=visual)
    part = ActiveSpeakerGrounding(face_tracker=faces, scorer=faces, **kwargs)
    return list(part.ground(video(faces.scores.shape[1], fps=fps), queries))


def runs(*spans, count=100, high=4.0, low=-4.0):
    values = np.full(count, low)
    for start, stop in spans:
        values[start:stop] = high
    return values


def near(rows, expected):
    """Whether rows agree but for the two frames by which scores are smoothed."""
    return sum(one != other for one, other in zip(rows, expected, strict=True)) <= 4


def test_rows_follow_the_speech_and_leave_out_pauses():
    scores = [runs((10, 40), (60, 90)), runs()]
    (answer,) = ground(scores, query(0, 0, 100))
    expected = [0 if 10 <= t < 40 or 60 <= t < 90 else None for t in range(100)]
    assert near(answer.rows, expected)
    assert answer.record['object_ids'] == [0]
    assert answer.record['log_odds']['0'] > 0 > answer.record['log_odds']['1']


def test_the_voice_of_somebody_off_screen_is_assigned_to_nobody():
    first, second = ground(
        [runs((0, 40)), runs()], query(0, 0, 40, speaker='a'), query(1, 50, 95, speaker='b')
    )
    assert near(first.rows, [0] * 40)
    assert second.rows == [None] * 45
    assert second.reason == 'no mouth moves with the speech'


def test_a_mouth_that_moves_in_silence_too_is_dubbed():
    scores = [runs((0, 40)), runs((0, 40), high=5.0)]
    visual = [runs((0, 40)), runs((0, 100))]
    window = query(0, 0, 40, speaker='a')
    assert ground(scores, window)[0].record['object_ids'] == [1]
    assert ground(scores, window, visual=visual)[0].record['object_ids'] == [0]


def test_a_mouth_that_now_and_then_seems_to_speak_is_not_the_speaker():
    chewing = runs((10, 14), (30, 33), (70, 74), high=0.5)
    (answer,) = ground([chewing, runs()], query(0, 0, 100, speaker='a'))
    assert answer.rows == [None] * 100


def test_short_gaps_between_words_are_filled():
    scores = runs((0, 50), (53, 100))
    (answer,) = ground([scores, runs()], query(0, 0, 100))
    assert answer.rows == [0] * 100


def test_people_who_speak_in_turn_in_one_window_are_two_persons():
    clip, window = video(100), query(0, 0, 100, speaker='a')
    (answer,) = ground([runs((0, 60)), runs((60, 100))], window)
    assert near(answer.rows, [0] * 60 + [1] * 40)
    assert answer.persons == answer.rows
    strategy = CorrectedStrategy(max_frames=1000, window_seconds=None)
    masks = strategy.masks(clip, SpeechWindow(window, window.frame_ids, 0), answer)
    first, second = strategy.windows_to_associate([masks], Counter())
    assert {row for row in first.utterance.rows if row is not None} == {0}
    assert {row for row in second.utterance.rows if row is not None} == {1}
    (_, end), (start, _) = first.utterance.query.timestamp, second.utterance.query.timestamp
    assert abs(end - 2.4) < 0.2
    assert abs(start - 2.4) < 0.2
    persons = list(strategy.persons(clip, {'x': [0], 'y': [1]}, [first, second], Counter()))
    assert [sum(m is not None for m in person.masks.values()) for person in persons] == [
        sum(row == n for row in answer.rows) for n in (0, 1)
    ]


def test_a_window_of_one_person_stays_one_window():
    clip, window = video(50), query(0, 0, 50)
    (answer,) = ground([runs((0, 50), count=50), runs(count=50)], window)
    strategy = CorrectedStrategy(max_frames=10, window_seconds=None)
    masks = strategy.masks(clip, SpeechWindow(window, window.frame_ids, 0), answer)
    (kept,) = strategy.windows_to_associate([masks], Counter())
    assert kept is masks


@pytest.mark.parametrize('fps', [10.0, 12.5, 30.0, 60.0])
def test_any_frame_rate_from_8_on(fps):
    count = round(4 * fps)
    values = runs((0, count // 2), count=count)
    (answer,) = ground([values, -values], query(0, 0, count, fps=fps), fps=fps)
    wrong = sum(
        row != expected
        for row, expected in zip(answer.rows, [0] * (count // 2) + [1] * (count // 2), strict=True)
    )
    assert wrong <= 0.25 * fps


def test_few_frames_per_second_are_told_and_too_few_are_left_to_the_rules(caplog):
    values = [runs((0, 20), count=20), runs(count=20)]
    with caplog.at_level(logging.WARNING, logger='mmengine'):
        ground(values, query(0, 0, 20, fps=12.5), fps=12.5)
    with pytest.raises(ValueError, match='expected at least 8 frames per second, got 5'):
        ground(values, query(0, 0, 20, fps=5.0), fps=5.0)
    (answer,) = ground(values, query(0, 0, 20, fps=5.0), fps=5.0, fallback=Rules())
    assert answer.reason == 'rules'


def test_without_weights_the_rules_are_used(tmp_path):
    values, window = [runs((0, 50)), runs()], query(0, 0, 100)
    faces = Faces(values, weights=str(tmp_path / 'lr_asd_ava.pth'))
    part = ActiveSpeakerGrounding(face_tracker=faces, scorer=faces, fallback=Rules())
    assert [answer.reason for answer in part.ground(video(100), [window])] == ['rules']
    (tmp_path / 'lr_asd_ava.pth').touch()
    assert near(next(part.ground(video(100), [window])).rows, [0] * 50 + [None] * 50)


def test_a_video_without_faces_has_no_speaker():
    (answer,) = ground(np.zeros((0, 100)), query(0, 0, 100))
    assert answer.rows == [None] * 100
    assert (
        list(ActiveSpeakerGrounding(face_tracker=Faces([]), scorer=Faces([])).ground(video(10), []))
        == []
    )
