import numpy as np
import pytest

from avis.avtracker.grounding.mouth_motion import FaceMeshMouthMotion, HeadMotion
from avis.avtracker.grounding.mouth_motion_grounding import MouthMotionGrounding
from avis.avtracker.instance_trackers.assembly import assemble
from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.structures.media import NO_DETECTIONS, Waveform
from tests.helpers.people import Frames, talk

RATE = 16000
LEFT, RIGHT = np.s_[2:18, 2:14], np.s_[2:18, 26:38]


def mask(place):
    blank = np.zeros((20, 40), bool)
    blank[place] = True
    return blank


class Plan:
    """A meter that reads values (T, N) from a plan; ids of objects are columns."""

    rest, spread, min_fps = 0.0, 0.5, 0.0

    def __init__(self, plan):
        self.plan = np.asarray(plan, float)

    def measure(self, frames, frame, found):
        return self.plan[frame, found.ids]


def video(frames, *, fps=1.0, samples=None, detections=None):
    both = assemble([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    images = np.zeros((frames, 20, 40, 3), np.uint8)
    samples = np.zeros(round(frames / fps * RATE)) if samples is None else samples
    audio = Waveform(samples.astype(np.float32), RATE)
    return VideoContext('v', Frames(images, fps=fps), audio, detections or [both] * frames)


def question(window, *frame_ids, voice=None):
    return LocalQuery(window, '', (frame_ids[0], frame_ids[-1] + 1), frame_ids, voice)


def rows(part, clip, *questions):
    return [answer.rows for answer in part.ground(clip, questions)]


def test_the_mouth_that_moves_speaks():
    part = MouthMotionGrounding(mouths=Plan([[1, 0], [0.8, 0], [0, 1], [0.1, 0.9]]))
    assert rows(part, video(4), question(0, 0, 1), question(1, 2, 3)) == [[0, 0], [1, 1]]


def test_nobody_speaks_where_no_mouth_moves():
    part = MouthMotionGrounding(mouths=Plan([[1, 1], *[[0, 0]] * 5, [1, 1]]))
    answers = list(part.ground(video(7), [question(0, *range(1, 6), voice='a')]))
    assert answers[0].rows == [None] * 5
    assert answers[0].reason == 'no mouth moves with the voice'
    record = answers[0].record
    assert (record['voice'], record['owners']) == ('a', [])
    assert (record['candidates']['0']['open'], record['candidates']['0']['closed']) == (0, 5)


def test_all_windows_of_a_voice_are_decided_together():
    # In the second window alone the right one's mouth is open.
    plan = [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 0]]
    windows = (0, 1), (2,), (3, 4), (5,)
    clip = video(6)
    asked = [question(n, *frames) for n, frames in enumerate(windows)]
    assert rows(MouthMotionGrounding(mouths=Plan(plan)), clip, *asked) == [[0, 0], [1], [1, 1], [0]]
    asked = [question(n, *frames, voice='abba'[n]) for n, frames in enumerate(windows)]
    assert rows(MouthMotionGrounding(mouths=Plan(plan)), clip, *asked) == [[0, 0], [1], [1, 1], [0]]
    asked = [question(n, *frames, voice='aaba'[n]) for n, frames in enumerate(windows)]
    answers = list(MouthMotionGrounding(mouths=Plan(plan)).ground(clip, asked))
    assert [answer.rows for answer in answers] == [[0, 0], [0], [1, 1], [0]]
    assert [answer.reason[-8:] for answer in answers] == [f'object {n}' for n in (0, 0, 1, 0)]


def test_a_mouth_that_is_always_open_owns_no_voice_that_another_follows():
    plan = [[1, 1], [1, 1], [1, 0], [1, 0], [1, 1], [1, 1], [1, 0], [1, 0]]
    asked = [question(n, 2 * n, 2 * n + 1, voice='abab'[n]) for n in range(4)]
    found = rows(MouthMotionGrounding(mouths=Plan(plan)), video(8), *asked)
    assert found[0] == found[2] == [1, 1]


def test_a_person_lost_and_found_keeps_the_voice():
    first = assemble([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    later = assemble([1, 2], [1, 1], [mask(RIGHT), mask(LEFT)])
    plan = [[1, 0, np.nan]] * 3 + [[np.nan, 0, 1]] * 3
    clip = video(6, detections=[first] * 3 + [later] * 3)
    (answer,) = MouthMotionGrounding(mouths=Plan(plan)).ground(
        clip, [question(0, *range(6), voice='a')]
    )
    assert answer.record['owners'] == [0, 2]
    assert answer.rows == [0, 0, 0, 1, 1, 1]


def test_at_a_high_rate_the_mouth_must_follow_the_loudness():
    fps, frames = 25.0, 50
    time = np.arange(frames) / fps
    beat = (np.sin(2 * np.pi * 3 * time) > 0).astype(float)
    off_beat = (np.sin(2 * np.pi * 2.2 * time + 1) > 0).astype(float)
    samples = np.repeat(beat, round(RATE / fps)) * 0.5
    asked = LocalQuery(0, '', (0.0, 2.0), tuple(range(0, frames, 10)))  # a sample of all
    for moves, speaker in (([off_beat, beat], 1), ([beat, off_beat], 0)):
        part = MouthMotionGrounding(mouths=Plan(np.stack(moves, axis=1)))
        assert rows(part, video(frames, fps=fps, samples=samples), asked) == [[speaker] * 5]


def test_at_a_high_rate_a_mouth_that_stays_open_does_not_speak():
    fps, frames = 12.5, 50
    moving = 0.3 * (np.arange(frames) % 3)
    part = MouthMotionGrounding(mouths=Plan(np.stack([np.ones(frames), moving], axis=1)))
    asked = LocalQuery(0, '', (0.0, 4.0), tuple(range(frames)), 'a')
    assert rows(part, video(frames, fps=fps), asked) == [[1] * frames]


def test_mouths_are_measured_no_oftener_than_asked():
    class Counting(Plan):
        frames = ()

        def measure(self, frames, frame, found):
            self.frames += (frame,)
            return super().measure(frames, frame, found)

    meter = Counting(np.zeros((50, 2)))
    part = MouthMotionGrounding(mouths=meter)
    assert list(part.ground(video(50, fps=25.0), [])) == []
    assert meter.frames == ()
    rows(part, video(50, fps=25.0), LocalQuery(0, '', (0.0, 2.0), (0, 49)))
    assert meter.frames == tuple(range(0, 50, 2))


def test_without_a_meter_the_large_one_in_the_middle_speaks():
    small, large = mask(np.s_[2:6, 2:6]), mask(np.s_[1:19, 14:26])
    found = [assemble([3, 5], [1, 1], [small, large])] * 2
    assert rows(MouthMotionGrounding(), video(2, detections=found), question(0, 0, 1)) == [[1, 1]]


def test_a_find_of_a_moment_whose_mouth_was_never_seen_does_not_speak():
    still, passing = (
        assemble([0], [1], [mask(LEFT)]),
        assemble([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)]),
    )
    part = MouthMotionGrounding(mouths=Plan([[0, np.nan]] * 5))
    once = video(5, detections=[still, passing, still, still, still])
    (answer,) = part.ground(once, [question(0, *range(5))])
    assert answer.rows == [None] * 5
    assert answer.reason == 'no mouth moves with the voice'
    mostly = video(5, detections=[still, passing, passing, passing, still])
    assert rows(part, mostly, question(0, *range(5))) == [[None, 1, 1, 1, None]]


def test_who_is_not_visible_has_no_row():
    alone = assemble([1], [1], [mask(RIGHT)])
    clip = video(5, detections=[alone, NO_DETECTIONS, None, alone, alone])
    asked = question(0, 0, 1, 2, 3, 4)
    assert rows(MouthMotionGrounding(), clip, asked) == [[0, None, None, 0, 0]]
    empty = video(2, detections=[NO_DETECTIONS, None])
    answers = list(MouthMotionGrounding().ground(empty, [question(0, 0, 1)]))
    assert answers[0].rows == [None, None]
    assert answers[0].reason == 'nobody is seen'


def test_a_meter_that_needs_more_frames_is_not_asked():
    class Fast(Plan):
        min_fps = 8.0

        def measure(self, *args):
            raise AssertionError

    # The right one is a little nearer to the middle.
    assert rows(MouthMotionGrounding(mouths=Fast([[0, 0]])), video(1), question(0, 0)) == [[1]]
    assert list(MouthMotionGrounding().ground(video(1), [])) == []
    assert rows(MouthMotionGrounding(), video(1), LocalQuery(0, '', (0.0, 1.0), ())) == [[]]


def test_head_motion_sees_heads_not_walking():
    images = np.full((3, 20, 40, 3), 100, np.uint8)
    images[1:, 2:6, 2:14] = 160  # a head changes
    images[2, 2:18, 26:38] = 160  # a whole person changes
    both = assemble([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    frames, meter = Frames(images, fps=25.0), HeadMotion(head=0.25)
    values = [meter.measure(frames, frame, both) for frame in range(3)]
    assert np.isnan(values[0]).all()
    assert values[1][0] > 30
    assert abs(values[1][1]) < 1
    assert values[2][1] < 20
    assert frames.read == [0, 1, 2]  # each image is read once
    assert len(meter.measure(frames, 1, NO_DETECTIONS)) == 0


def test_face_mesh_sees_which_synthetic_mouth_is_open():
    frames, _, people = talk(0)
    names = list(people)
    meter = FaceMeshMouthMotion()
    speaking, silent = [], []
    for frame in range(len(frames)):
        masks = {i: people[name][frame] for i, name in enumerate(names)}
        # The truth has masks of speakers only: the other's is that of another frame.
        visible = {
            i: m if m.any() else people[names[i]][people[names[i]].any(axis=(1, 2))][0]
            for i, m in masks.items()
        }
        found = assemble(list(visible), [1.0] * len(visible), list(visible.values()))
        values = meter.measure(frames, frame, found)
        for i, value in zip(found.ids, values, strict=True):
            (speaking if masks[int(i)].any() else silent).append(value)
    assert np.isfinite(speaking).mean() > 0.8
    assert np.nanmean(speaking) > 1.5 * np.nanmean(silent)


def test_face_mesh_has_no_opinion_without_a_face():
    meter = FaceMeshMouthMotion()
    found = assemble([0], [1], [mask(LEFT)])
    frames = Frames(np.full((1, 20, 40, 3), 90, np.uint8))
    assert np.isnan(meter.measure(frames, 0, found)).all()
    assert len(meter.measure(frames, 0, NO_DETECTIONS)) == 0


@pytest.mark.parametrize('number', [0, 1])
def test_synthetic_speakers_are_found(number):
    frames, audio, people = talk(number)
    names = list(people)
    # Everybody is always visible: fill the gaps of the truth with the mask before.
    detections, last = (
        [],
        {i: people[n][people[n].any(axis=(1, 2))][0] for i, n in enumerate(names)},
    )
    for frame in range(len(frames)):
        for i, name in enumerate(names):
            if people[name][frame].any():
                last[i] = people[name][frame]
        detections.append(assemble(list(last), [1.0] * len(last), list(last.values())))
    clip = VideoContext('v', frames, audio, detections)
    speaking = np.stack([people[name].any(axis=(1, 2)) for name in names], axis=1)  # (T, N)
    seconds = [
        s for s in range(len(frames) - 1) if (speaking[s : s + 2].sum(axis=0) == 2).sum() == 1
    ]
    voices = [names[int(speaking[s : s + 2].sum(axis=0).argmax())] for s in seconds]
    asked = [question(n, s, s + 1, voice=voices[n]) for n, s in enumerate(seconds)]
    found = rows(MouthMotionGrounding(mouths=FaceMeshMouthMotion()), clip, *asked)
    right = [
        row[0] is not None and speaking[s, row[0]] for s, row in zip(seconds, found, strict=True)
    ]
    assert np.mean(right) > 0.9
