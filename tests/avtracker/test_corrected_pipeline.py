"""Corrected defects that only show when the stages of AVTracker work together."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.model import AVTracker, _tracks
from avis.avtracker.vlm import queries
from avis.structures.masks import encode_mask
from avis.structures.media import Waveform
from tests.helpers.avtracker_scenes import (
    LEFT,
    RIGHT,
    SIZE,
    Model,
    detections,
    global_reply,
    local_reply,
)
from tests.helpers.replay_parts import ReplayFrames

WORDS = ('Good evening to you.', 'Where have they gone?', 'Nobody knows for certain.')


class Ears:
    sample_rate = 16000
    has_words = True

    def __init__(self, *times):
        self.times = times

    def transcribe(self, waveform):
        return [SpeechSegment(text, time) for text, time in zip(WORDS, self.times, strict=False)]


class Eyes:
    def __init__(self, frames):
        self.frames = frames

    def track(self, frames, *, prompt):
        yield from enumerate(self.frames)


def run(frames, times, *replies, fps=5.0, seconds=None, source=ReplayFrames, **settings):
    """Everything known of a video in which somebody speaks at these times, and the model."""
    seconds = len(frames) / fps if seconds is None else seconds
    model = Model(*replies)
    tracker = AVTracker(
        speech=SpeechStage(recognizer=Ears(*times)),
        instance_tracker=Eyes(frames),
        grounding=VLMGrounding(model=model),
        identity=VLMIdentity(model=model),
        **settings,
    )
    audio = Waveform(np.zeros(round(16000 * seconds), np.float32), 16000, 'v')
    done = tracker._pipeline.run(source('v', len(frames), SIZE, fps), lambda: audio)
    assert done.failure is None
    return done, model


def pair(count):
    return [detections([LEFT, RIGHT])] * count


def windows(done):
    return {person.name: person.windows for person in done.persons}


def test_images_are_read_when_asked_for_and_forgotten(monkeypatch):  # D28
    living, most = set(), []

    class Fleeting(ReplayFrames):
        def __getitem__(self, index):
            image = super().__getitem__(index)
            living.add(id(image))
            weakref.finalize(image, living.discard, id(image))
            most.append(len(living))
            return image

    forgetful = property(lambda self: [], lambda self, value: None)
    monkeypatch.setattr(Model, 'messages', forgetful, raising=False)
    times = [(0.0, 8.0), (8.0, 16.0), (16.0, 24.0)]
    replies = [local_reply(*[LEFT] * 4)] * 3
    done, _ = run(
        pair(120), times, *replies, global_reply(a=[0, 1, 2]), source=Fleeting, max_frames=4
    )
    assert len(most) == 3 * 4 + 3
    assert max(most) <= 2 * 4
    assert not living
    masks = [mask for person in done.persons for mask in person.masks.values()]
    assert len(masks) == 120
    assert all(mask.keys() == {'size', 'counts'} for mask in masks)


@pytest.mark.parametrize(
    ('seconds', 'counted'),
    [(2.9, {}), (5.0, {'seconds_between_ends_of_audio_and_frames': 3}), (1.1, {})],
)
def test_the_rate_is_that_of_the_frames_not_of_the_audio(seconds, counted):  # D29
    replies = local_reply(LEFT, LEFT, LEFT), global_reply(person_0=[0])
    done, model = run(pair(10), [(0.2, 0.8)], *replies, seconds=seconds)
    assert done.fps == 5.0
    assert model.frames(0) == [1, 2, 3]
    assert done.counts == counted


def test_the_released_rate_is_that_of_the_audio():  # D29
    replies = local_reply(LEFT, LEFT), global_reply(person_0=[0])
    done, model = run(pair(10), [(0.2, 0.8)], *replies, seconds=4.0, protocol='official')
    assert done.fps == 2.5
    assert model.frames(0) == [1]


def test_a_blank_mask_makes_no_window_and_no_frame_of_a_track():  # D32
    # The box of the tracker was taken before another object got all pixels.
    blank = encode_mask(np.zeros(SIZE, bool))
    seen = detections([LEFT])
    frames = [seen, replace(seen, masks=[blank]), replace(seen, masks=[blank])]
    replies = local_reply(LEFT, LEFT), local_reply(LEFT), global_reply(a=[0])
    done, model = run(frames, [(0.0, 0.4), (0.4, 0.6)], *replies)
    assert model.frames() == [0]
    assert windows(done) == {'a': [0]}
    assert done.counts == {'windows_without_mask': 1}
    assert _tracks(done).masks[0].rles[1:] == [None, None]


def test_speech_past_the_frames_is_counted():  # D33
    replies = local_reply(LEFT), global_reply(a=[0])
    done, _ = run(pair(10), [(1.0, 1.2), (2.4, 2.8)], *replies, seconds=3.0)
    assert done.counts == {'chunks_past_the_last_frame': 1}
    assert len(done.windows) == 1


def test_the_prompt_tells_the_limit_of_the_tracker():  # D35
    replies = local_reply(LEFT, LEFT), global_reply(a=[0])
    _, model = run(pair(10), [(0.0, 2.0)], *replies, max_frames=2)
    assert 'more than 2 frames' in model.messages[0].parts[0]
    assert model.frames(0) == [0, 9]


def test_windows_without_a_mask_are_left_out_and_shift_nothing():  # D41, D43
    replies = local_reply(None), local_reply(LEFT), local_reply(RIGHT)
    times = [(0.0, 0.2), (0.8, 1.0), (1.6, 1.8)]
    done, model = run(pair(10), times, *replies, global_reply(a=[0], b=[1]))
    assert model.frames() == [4, 8]
    assert windows(done) == {'a': [1], 'b': [2]}
    assert done.counts == {'windows_without_mask': 1}


def test_windows_in_no_person_are_counted():  # D44
    replies = local_reply(LEFT), local_reply(RIGHT), global_reply(a=[0])
    done, _ = run(pair(10), [(0.0, 0.2), (1.6, 1.8)], *replies)
    assert windows(done) == {'a': [0], 'person_0': [1]}
    assert done.counts == {'windows_in_no_person': 1}


def test_unusable_replies_are_counted_and_told(monkeypatch):  # D40, D50
    told = []
    monkeypatch.setattr(queries, 'print_log', lambda line, **_: told.append(line))
    nonsense = ['I cannot see it.'] * 3
    times = [(0.0, 0.2), (1.6, 1.8)]
    done, _ = run(pair(10), times, *nonsense, local_reply(LEFT), *nonsense)
    assert done.counts == {
        'windows_without_mask': 1,
        'unusable_replies': 6,
        'windows_without_usable_reply': 1,
        'grouped_by_object_ids': 1,
    }
    assert told[0].startswith('v/local/0: no usable reply after 3 tries, so nobody: no boxes in')
    assert told[1].startswith('v/global: no usable reply after 3 tries, so by object ids')


def test_what_is_dropped_from_replies_is_counted():  # D40, D49
    odd = '{"boxes": [[100, 125, 300, 875], null]}'
    replies = odd, 'no', local_reply(RIGHT), global_reply(a=[0, 1, 9])
    done, _ = run(pair(10), [(0.0, 0.2), (0.8, 1.0)], *replies)
    assert windows(done) == {'a': [0, 1]}
    assert done.counts == {'boxes_dropped': 1, 'unusable_replies': 1, 'positions_dropped': 1}
