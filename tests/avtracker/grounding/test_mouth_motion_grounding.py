import numpy as np
import pytest

from avis.avtracker.grounding.mouth_motion import FaceMeshMouthMotion, HeadMotion
from avis.avtracker.grounding.mouth_motion_grounding import MouthMotionGrounding
from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.structures.media import NO_DETECTIONS, Waveform
from tests.helpers.people import Frames, talk

RATE = 16000
LEFT, RIGHT = np.s_[2:18, 2:14], np.s_[2:18, 26:38]


def mask(region):
    blank = np.zeros((20, 40), bool)
    blank[region] = True
    return blank


class FixedMotion:
    """Mouth motion with given values (T, N); object ids are columns."""

    closed_level, min_range, min_fps = 0.0, 0.5, 0.0

    def __init__(self, values):
        self.values = np.asarray(values, float)

    def measure(self, frames, frame, detections):
        return self.values[frame, detections.ids]


def video(frames, *, fps=1.0, samples=None, detections=None):
    both = make_detections([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    images = np.zeros((frames, 20, 40, 3), np.uint8)
    samples = np.zeros(round(frames / fps * RATE)) if samples is None else samples
    audio = Waveform(samples.astype(np.float32), RATE)
    return VideoContext('v', Frames(images, fps=fps), audio, detections or [both] * frames)


def query(window, *frame_ids, speaker=None):
    return LocalQuery(window, '', (frame_ids[0], frame_ids[-1] + 1), frame_ids, speaker)


def rows(part, clip, *queries):
    return [answer.rows for answer in part.ground(clip, queries)]


def test_person_with_moving_mouth_is_the_speaker():
    part = MouthMotionGrounding(mouth_motion=FixedMotion([[1, 0], [0.8, 0], [0, 1], [0.1, 0.9]]))
    assert rows(part, video(4), query(0, 0, 1), query(1, 2, 3)) == [[0, 0], [1, 1]]


def test_no_speaker_without_mouth_motion():
    part = MouthMotionGrounding(mouth_motion=FixedMotion([[1, 1], *[[0, 0]] * 5, [1, 1]]))
    answers = list(part.ground(video(7), [query(0, *range(1, 6), speaker='a')]))
    assert answers[0].rows == [None] * 5
    assert answers[0].reason == 'no mouth moves with the speech'
    record = answers[0].record
    assert (record['speaker'], record['object_ids']) == ('a', [])
    assert (record['candidates']['0']['open'], record['candidates']['0']['closed']) == (0, 5)


def test_all_windows_of_a_speaker_are_decided_together():
    # In the second window alone, the mouth of the right person is open.
    values = [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 0]]
    windows = (0, 1), (2,), (3, 4), (5,)
    clip = video(6)
    queries = [query(n, *frames) for n, frames in enumerate(windows)]
    assert rows(MouthMotionGrounding(mouth_motion=FixedMotion(values)), clip, *queries) == [
        [0, 0],
        [1],
        [1, 1],
        [0],
    ]
    queries = [query(n, *frames, speaker='abba'[n]) for n, frames in enumerate(windows)]
    assert rows(MouthMotionGrounding(mouth_motion=FixedMotion(values)), clip, *queries) == [
        [0, 0],
        [1],
        [1, 1],
        [0],
    ]
    queries = [query(n, *frames, speaker='aaba'[n]) for n, frames in enumerate(windows)]
    answers = list(MouthMotionGrounding(mouth_motion=FixedMotion(values)).ground(clip, queries))
    assert [answer.rows for answer in answers] == [[0, 0], [0], [1, 1], [0]]
    assert [answer.reason[-8:] for answer in answers] == [f'object {n}' for n in (0, 0, 1, 0)]


def test_mouth_that_is_always_open_loses_against_one_that_follows_the_speech():
    values = [[1, 1], [1, 1], [1, 0], [1, 0], [1, 1], [1, 1], [1, 0], [1, 0]]
    queries = [query(n, 2 * n, 2 * n + 1, speaker='abab'[n]) for n in range(4)]
    found = rows(MouthMotionGrounding(mouth_motion=FixedMotion(values)), video(8), *queries)
    assert found[0] == found[2] == [1, 1]


def test_person_with_interrupted_track_stays_the_speaker():
    first = make_detections([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    later = make_detections([1, 2], [1, 1], [mask(RIGHT), mask(LEFT)])
    values = [[1, 0, np.nan]] * 3 + [[np.nan, 0, 1]] * 3
    clip = video(6, detections=[first] * 3 + [later] * 3)
    (answer,) = MouthMotionGrounding(mouth_motion=FixedMotion(values)).ground(
        clip, [query(0, *range(6), speaker='a')]
    )
    assert answer.record['object_ids'] == [0, 2]
    assert answer.rows == [0, 0, 0, 1, 1, 1]


def test_mouth_follows_the_loudness_at_high_frame_rates():
    fps, frames = 25.0, 50
    time = np.arange(frames) / fps
    beat = (np.sin(2 * np.pi * 3 * time) > 0).astype(float)
    off_beat = (np.sin(2 * np.pi * 2.2 * time + 1) > 0).astype(float)
    samples = np.repeat(beat, round(RATE / fps)) * 0.5
    queries = LocalQuery(0, '', (0.0, 2.0), tuple(range(0, frames, 10)))  # a sample of all
    for moves, speaker in (([off_beat, beat], 1), ([beat, off_beat], 0)):
        part = MouthMotionGrounding(mouth_motion=FixedMotion(np.stack(moves, axis=1)))
        assert rows(part, video(frames, fps=fps, samples=samples), queries) == [[speaker] * 5]


def test_still_open_mouth_is_not_the_speaker_at_high_frame_rates():
    fps, frames = 12.5, 50
    moving = 0.3 * (np.arange(frames) % 3)
    part = MouthMotionGrounding(
        mouth_motion=FixedMotion(np.stack([np.ones(frames), moving], axis=1))
    )
    queries = LocalQuery(0, '', (0.0, 4.0), tuple(range(frames)), 'a')
    assert rows(part, video(frames, fps=fps), queries) == [[1] * frames]


def test_mouths_are_measured_at_no_more_than_12_5_fps():
    class Counting(FixedMotion):
        frames = ()

        def measure(self, frames, frame, detections):
            self.frames += (frame,)
            return super().measure(frames, frame, detections)

    motion = Counting(np.zeros((50, 2)))
    part = MouthMotionGrounding(mouth_motion=motion)
    assert list(part.ground(video(50, fps=25.0), [])) == []
    assert motion.frames == ()
    rows(part, video(50, fps=25.0), LocalQuery(0, '', (0.0, 2.0), (0, 49)))
    assert motion.frames == tuple(range(0, 50, 2))


def test_large_centered_person_is_the_speaker_without_mouth_motion():
    small, large = mask(np.s_[2:6, 2:6]), mask(np.s_[1:19, 14:26])
    found = [make_detections([3, 5], [1, 1], [small, large])] * 2
    assert rows(MouthMotionGrounding(), video(2, detections=found), query(0, 0, 1)) == [[1, 1]]


def test_briefly_visible_object_without_mouth_is_not_the_speaker():
    still, passing = (
        make_detections([0], [1], [mask(LEFT)]),
        make_detections([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)]),
    )
    part = MouthMotionGrounding(mouth_motion=FixedMotion([[0, np.nan]] * 5))
    once = video(5, detections=[still, passing, still, still, still])
    (answer,) = part.ground(once, [query(0, *range(5))])
    assert answer.rows == [None] * 5
    assert answer.reason == 'no mouth moves with the speech'
    mostly = video(5, detections=[still, passing, passing, passing, still])
    assert rows(part, mostly, query(0, *range(5))) == [[None, 1, 1, 1, None]]


def test_invisible_speaker_has_no_row():
    alone = make_detections([1], [1], [mask(RIGHT)])
    clip = video(5, detections=[alone, NO_DETECTIONS, None, alone, alone])
    queries = query(0, 0, 1, 2, 3, 4)
    assert rows(MouthMotionGrounding(), clip, queries) == [[0, None, None, 0, 0]]
    empty = video(2, detections=[NO_DETECTIONS, None])
    answers = list(MouthMotionGrounding().ground(empty, [query(0, 0, 1)]))
    assert answers[0].rows == [None, None]
    assert answers[0].reason == 'nobody is visible'


def test_mouth_motion_is_not_used_below_its_min_fps():
    class Fast(FixedMotion):
        min_fps = 8.0

        def measure(self, *args):
            raise AssertionError

    # The right person is slightly closer to the center.
    assert rows(MouthMotionGrounding(mouth_motion=Fast([[0, 0]])), video(1), query(0, 0)) == [[1]]
    assert list(MouthMotionGrounding().ground(video(1), [])) == []
    assert rows(MouthMotionGrounding(), video(1), LocalQuery(0, '', (0.0, 1.0), ())) == [[]]


def test_head_motion_ignores_walking():
    images = np.full((3, 20, 40, 3), 100, np.uint8)
    images[1:, 2:6, 2:14] = 160  # a head changes
    images[2, 2:18, 26:38] = 160  # a whole person changes
    both = make_detections([0, 1], [1, 1], [mask(LEFT), mask(RIGHT)])
    frames, motion = Frames(images, fps=25.0), HeadMotion(head=0.25)
    values = [motion.measure(frames, frame, both) for frame in range(3)]
    assert np.isnan(values[0]).all()
    assert values[1][0] > 30
    assert abs(values[1][1]) < 1
    assert values[2][1] < 20
    assert frames.read == [0, 1, 2]  # each image is read once
    assert len(motion.measure(frames, 1, NO_DETECTIONS)) == 0


def test_face_mesh_measures_open_mouths_of_synthetic_people():
    frames, _, people = talk(0)
    names = list(people)
    motion = FaceMeshMouthMotion()
    speaking, silent = [], []
    for frame in range(len(frames)):
        masks = {i: people[name][frame] for i, name in enumerate(names)}
        # Ground truth has masks of active speakers only: others get the mask of another frame.
        visible = {
            i: m if m.any() else people[names[i]][people[names[i]].any(axis=(1, 2))][0]
            for i, m in masks.items()
        }
        found = make_detections(list(visible), [1.0] * len(visible), list(visible.values()))
        values = motion.measure(frames, frame, found)
        for i, value in zip(found.ids, values, strict=True):
            (speaking if masks[int(i)].any() else silent).append(value)
    assert np.isfinite(speaking).mean() > 0.8
    assert np.nanmean(speaking) > 1.5 * np.nanmean(silent)


def test_face_mesh_returns_nan_without_a_face():
    motion = FaceMeshMouthMotion()
    found = make_detections([0], [1], [mask(LEFT)])
    frames = Frames(np.full((1, 20, 40, 3), 90, np.uint8))
    assert np.isnan(motion.measure(frames, 0, found)).all()
    assert len(motion.measure(frames, 0, NO_DETECTIONS)) == 0


@pytest.mark.parametrize('number', [0, 1])
def test_synthetic_speakers_are_grounded(number):
    frames, audio, people = talk(number)
    names = list(people)
    # Everybody is always visible: fill the gaps of the ground truth with the previous mask.
    detections, last = (
        [],
        {i: people[n][people[n].any(axis=(1, 2))][0] for i, n in enumerate(names)},
    )
    for frame in range(len(frames)):
        for i, name in enumerate(names):
            if people[name][frame].any():
                last[i] = people[name][frame]
        detections.append(make_detections(list(last), [1.0] * len(last), list(last.values())))
    clip = VideoContext('v', frames, audio, detections)
    speaking = np.stack([people[name].any(axis=(1, 2)) for name in names], axis=1)  # (T, N)
    seconds = [
        s for s in range(len(frames) - 1) if (speaking[s : s + 2].sum(axis=0) == 2).sum() == 1
    ]
    speakers = [names[int(speaking[s : s + 2].sum(axis=0).argmax())] for s in seconds]
    queries = [query(n, s, s + 1, speaker=speakers[n]) for n, s in enumerate(seconds)]
    found = rows(MouthMotionGrounding(mouth_motion=FaceMeshMouthMotion()), clip, *queries)
    right = [
        row[0] is not None and speaking[s, row[0]] for s, row in zip(seconds, found, strict=True)
    ]
    assert np.mean(right) > 0.9
