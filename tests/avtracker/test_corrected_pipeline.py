"""Corrected defects that depend on several stages of AVTracker."""

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


class Recognizer:
    sample_rate = 16000
    has_words = True

    def __init__(self, *times):
        self.times = times

    def transcribe(self, waveform):
        return [SpeechSegment(text, time) for text, time in zip(WORDS, self.times, strict=False)]


class RecordedTracker:
    def __init__(self, frames):
        self.frames = frames

    def track(self, frames, *, prompt):
        yield from enumerate(self.frames)


def run(frames, times, *replies, fps=5.0, seconds=None, source=ReplayFrames, **settings):
    """Track a video with speech at these times; return the result and the model."""
    seconds = len(frames) / fps if seconds is None else seconds
    model = Model(*replies)
    tracker = AVTracker(
        speech=SpeechStage(recognizer=Recognizer(*times)),
        instance_tracker=RecordedTracker(frames),
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


def test_images_are_read_on_demand_and_released(monkeypatch):  # D28
    alive, most = set(), []

    class CountedFrames(ReplayFrames):
        def __getitem__(self, index):
            image = super().__getitem__(index)
            alive.add(id(image))
            weakref.finalize(image, alive.discard, id(image))
            most.append(len(alive))
            return image

    without_memory = property(lambda self: [], lambda self, value: None)
    monkeypatch.setattr(Model, 'messages', without_memory, raising=False)
    times = [(0.0, 8.0), (8.0, 16.0), (16.0, 24.0)]
    replies = [local_reply(*[LEFT] * 4)] * 3
    done, _ = run(
        pair(120), times, *replies, global_reply(a=[0, 1, 2]), source=CountedFrames, max_frames=4
    )
    assert len(most) == 3 * 4 + 3
    assert max(most) <= 2 * 4
    assert not alive
    masks = [mask for person in done.persons for mask in person.masks.values()]
    assert len(masks) == 120
    assert all(mask.keys() == {'size', 'counts'} for mask in masks)


@pytest.mark.parametrize(
    ('seconds', 'counted'),
    [(2.9, {}), (5.0, {'seconds_between_ends_of_audio_and_frames': 3}), (1.1, {})],
)
def test_frame_rate_is_that_of_the_frames(seconds, counted):  # D29
    replies = local_reply(LEFT, LEFT, LEFT), global_reply(person_0=[0])
    done, model = run(pair(10), [(0.2, 0.8)], *replies, seconds=seconds)
    assert done.fps == 5.0
    assert model.frames(0) == [1, 2, 3]
    assert done.counts == counted


def test_official_frame_rate_is_derived_from_the_audio():  # D29
    replies = local_reply(LEFT, LEFT), global_reply(person_0=[0])
    done, model = run(pair(10), [(0.2, 0.8)], *replies, seconds=4.0, protocol='official')
    assert done.fps == 2.5
    assert model.frames(0) == [1]


def test_empty_mask_counts_as_no_mask():  # D32
    # The tracker computed the box before another object got all pixels.
    blank = encode_mask(np.zeros(SIZE, bool))
    seen = detections([LEFT])
    frames = [seen, replace(seen, masks=[blank]), replace(seen, masks=[blank])]
    replies = local_reply(LEFT, LEFT), local_reply(LEFT), global_reply(a=[0])
    done, model = run(frames, [(0.0, 0.4), (0.4, 0.6)], *replies)
    assert model.frames() == [0]
    assert windows(done) == {'a': [0]}
    assert done.counts == {'windows_without_mask': 1}
    assert _tracks(done).masks[0].rles[1:] == [None, None]


def test_speech_past_the_last_frame_is_counted():  # D33
    replies = local_reply(LEFT), global_reply(a=[0])
    done, _ = run(pair(10), [(1.0, 1.2), (2.4, 2.8)], *replies, seconds=3.0)
    assert done.counts == {'chunks_past_the_last_frame': 1}
    assert len(done.windows) == 1


def test_prompt_states_max_frames_of_the_tracker():  # D35
    replies = local_reply(LEFT, LEFT), global_reply(a=[0])
    _, model = run(pair(10), [(0.0, 2.0)], *replies, max_frames=2)
    assert 'more than 2 frames' in model.messages[0].parts[0]
    assert model.frames(0) == [0, 9]


def test_windows_without_mask_do_not_shift_positions():  # D41, D43
    replies = local_reply(None), local_reply(LEFT), local_reply(RIGHT)
    times = [(0.0, 0.2), (0.8, 1.0), (1.6, 1.8)]
    done, model = run(pair(10), times, *replies, global_reply(a=[0], b=[1]))
    assert model.frames() == [4, 8]
    assert windows(done) == {'a': [1], 'b': [2]}
    assert done.counts == {'windows_without_mask': 1}


def test_unassigned_windows_are_counted():  # D44
    replies = local_reply(LEFT), local_reply(RIGHT), global_reply(a=[0])
    done, _ = run(pair(10), [(0.0, 0.2), (1.6, 1.8)], *replies)
    assert windows(done) == {'a': [0], 'person_0': [1]}
    assert done.counts == {'windows_in_no_person': 1}


def test_unusable_replies_are_counted_and_logged(monkeypatch):  # D40, D50
    logged = []
    monkeypatch.setattr(queries, 'print_log', lambda line, **_: logged.append(line))
    nonsense = ['I cannot see it.'] * 3
    times = [(0.0, 0.2), (1.6, 1.8)]
    done, _ = run(pair(10), times, *nonsense, local_reply(LEFT), *nonsense)
    assert done.counts == {
        'windows_without_mask': 1,
        'unusable_replies': 6,
        'windows_without_usable_reply': 1,
        'grouped_by_object_ids': 1,
    }
    assert logged[0].startswith('v/local/0: no usable reply after 3 tries, so nobody: no boxes in')
    assert logged[1].startswith('v/global: no usable reply after 3 tries, so by object ids')


def test_dropped_boxes_and_positions_are_counted():  # D40, D49
    odd = '{"boxes": [[100, 125, 300, 875], null]}'
    replies = odd, 'no', local_reply(RIGHT), global_reply(a=[0, 1, 9])
    done, _ = run(pair(10), [(0.0, 0.2), (0.8, 1.0)], *replies)
    assert windows(done) == {'a': [0, 1]}
    assert done.counts == {'boxes_dropped': 1, 'unusable_replies': 1, 'positions_dropped': 1}
