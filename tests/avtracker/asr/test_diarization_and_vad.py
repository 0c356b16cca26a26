import numpy as np
import pytest
import torch

from avis.avtracker.asr.silero_vad import SileroVAD
from avis.avtracker.asr.speaker_diarization import SpeakerDiarization, cluster_speakers
from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.speaker_encoders.resemblyzer import Resemblyzer
from avis.structures.media import Waveform
from tests.helpers.people import talk

RATE = 16000


def heard(chunks, second):
    return any(start <= second < end for start, end in (chunk.timestamp for chunk in chunks))


def test_speech_is_found_and_silence_is_not():
    _, audio, people = talk(0)
    samples = audio.samples.copy()
    samples[8 * RATE : 12 * RATE] = 0
    chunks = SileroVAD(threshold=0.1).transcribe(Waveform(samples, RATE))
    speaking = np.any([masks.any(axis=(1, 2)) for masks in people.values()], axis=0)
    seconds = [second for second in range(20) if speaking[second] and not 8 <= second < 12]
    found = np.mean([heard(chunks, second + 0.5) for second in seconds])
    assert found > 0.5
    assert not any(heard(chunks, second) for second in (9, 10, 11))
    assert all(chunk.text == '' for chunk in chunks)
    starts = [chunk.timestamp[0] for chunk in chunks]
    assert starts == sorted(starts)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(100), np.zeros(RATE), np.ones(RATE)])
def test_no_speech(samples):
    assert SileroVAD().transcribe(Waveform(samples.astype(np.float32), RATE)) == []


def test_long_speech_is_cut():
    _, audio, _ = talk(0)
    chunks = SileroVAD(threshold=0.05, max_speech=2.0).transcribe(audio)
    assert max(end - start for start, end in (chunk.timestamp for chunk in chunks)) < 2.5


def test_loading_it_leaves_the_threads_of_torch_alone():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        SileroVAD().transcribe(Waveform(np.zeros(RATE, np.float32), RATE))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_video_does_not_influence_the_next():
    _, audio, _ = talk(0)
    _, other, _ = talk(1)
    activity = SileroVAD()
    first = activity.transcribe(audio)
    activity.transcribe(other)
    assert activity.transcribe(audio) == first


class Speech:
    """A recognizer that hears two stretches."""

    sample_rate = RATE

    def transcribe(self, waveform):
        return [SpeechSegment('', (0.0, 4.0)), SpeechSegment('', (5.0, None))]


class Tones:
    """Voices are the value of the samples; silence is too little."""

    sample_rate = RATE

    def embed(self, waveform):
        level = float(np.median(waveform.samples))
        if not level:
            raise ValueError('too little')
        return np.array([np.cos(level), np.sin(level)], np.float32)


def tones(*parts):
    pieces = [np.full(round(seconds * RATE), level, np.float32) for seconds, level in parts]
    return Waveform(np.concatenate(pieces), RATE)


def test_speech_is_cut_where_the_voice_changes():
    turns = SpeakerDiarization(activity=Speech(), voices=Tones(), piece=1.6)
    chunks = turns.transcribe(tones((2, 0.1), (3, 1.0), (3, 0.1)))
    assert [chunk.speaker for chunk in chunks] == ['voice_0', 'voice_1', 'voice_0']
    (_, cut), (start, end) = chunks[0].timestamp, chunks[1].timestamp
    assert cut == start == pytest.approx(2.0, abs=0.4)
    assert end == pytest.approx(4.1)
    assert chunks[2].timestamp == pytest.approx((4.9, 8.0))


def test_short_turns_go_to_a_neighbour():
    audio = tones((2, 0.1), (0.4, 1.0), (1.6, 0.1), (4, 0.1))
    turns = SpeakerDiarization(activity=Speech(), voices=Tones(), piece=0.4, step=0.2, min_turn=0.8)
    times = [chunk.timestamp for chunk in turns.transcribe(audio)]
    assert times == [pytest.approx((0.0, 4.1)), pytest.approx((4.9, 8.0))]


def test_a_stretch_without_a_voice_has_no_speaker():
    chunks = SpeakerDiarization(activity=Speech(), voices=Tones()).transcribe(
        tones((4.5, 0.0), (3, 1.0))
    )
    assert [chunk.speaker for chunk in chunks] == [None, 'voice_0']


def test_parts_of_two_rates_are_refused():
    class Slow(Tones):
        sample_rate = 8000

    with pytest.raises(ValueError, match='8000 Hz'):
        SpeakerDiarization(activity=Speech(), voices=Slow())
    with pytest.raises(ValueError, match='step=3'):
        SpeakerDiarization(activity=Speech(), voices=Tones(), step=3.0)


def test_groups_of_voices():
    assert cluster_speakers([], 0.65) == []
    assert cluster_speakers([np.array([1.0, 0.0])], 0.65) == [0]


@pytest.mark.parametrize('count', [10, 100, 1000])
def test_two_voices_are_two_however_long_they_are_heard(count):
    rng = np.random.default_rng(count)
    centers = np.zeros((2, 256))
    centers[0, 0] = centers[1, 1] = 0.7  # cosine about 0.66 within, 0.32 more than between
    voices = rng.integers(0, 2, count)
    pieces = centers[voices] + rng.normal(0, 0.5 / 16, (count, 256)) + 0.4 / 16
    pieces /= np.linalg.norm(pieces, axis=1, keepdims=True)
    groups = cluster_speakers(list(pieces), 0.65)
    assert groups == [int(voice != voices[0]) for voice in voices]


def test_resemblyzer_tells_synthetic_people_apart():
    _, audio, people = talk(0)
    encoder = Resemblyzer()
    voices = {}
    alone = sum(masks.any(axis=(1, 2)).astype(int) for masks in people.values()) == 1
    for name, masks in people.items():
        speaks = np.flatnonzero(masks.any(axis=(1, 2)) & alone)
        pairs = [second for second in speaks if second + 1 in speaks][:4]
        voices[name] = [
            encoder.embed(Waveform(audio.samples[s * RATE : (s + 2) * RATE], RATE)) for s in pairs
        ]
    cosine = lambda a, b: float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))  # noqa: E731
    one, two = voices.values()
    same = [cosine(a, b) for each in (one, two) for a in each for b in each if a is not b]
    other = [cosine(a, b) for a in one for b in two]
    assert np.mean(same) > np.mean(other) + 0.1
    assert one[0].shape == (256,)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(RATE), np.full(200, 0.1)])
def test_resemblyzer_needs_speech(samples):
    with pytest.raises(ValueError, match='s of speech'):
        Resemblyzer().embed(Waveform(samples.astype(np.float32), RATE))
