"""Audio of voices and objects: pitch, loudness, silence outside the turns, distinct characters."""

import numpy as np
import pytest

from avis.synthetic.cast import OBJECTS, make_mixed_cast, make_object, make_person
from avis.synthetic.log_mel import MEL_SAMPLE_RATE, log_mel_examples
from avis.synthetic.object_audio import make_background_audio, play_strokes, synthesize_object
from avis.synthetic.voices import CONTROL_RATE, LEVEL, articulate, speak
from avis.utils.mp4 import to_int16

TURNS = [(0.3, 1.5), (2.0, 2.9)]
SECONDS = 3
RATE = MEL_SAMPLE_RATE
CHARACTERS = [
    *(make_person(index) for index in range(4)),
    make_person(1, 'song'),
    *(make_object(kind, 0) for kind in OBJECTS),
]


def perform(character, turns=TURNS, seconds=SECONDS, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    if character.is_person:
        performance = articulate(character.voice, turns, seconds, rng)
        return performance, speak(character.voice, performance, rate, rng)
    performance = play_strokes(character.kind, character.voice, turns, seconds, rng)
    return performance, synthesize_object(character.kind, character.voice, performance, rate, rng)


def rms(wave, start, end):
    return float(np.sqrt(np.mean(wave[int(start * RATE) : int(end * RATE)] ** 2)))


@pytest.mark.parametrize('character', CHARACTERS, ids=lambda i: f'{i.kind}{i.index}{i.voice.style}')
def test_audio_is_limited_to_the_turns(character):
    _, wave = perform(character)
    assert len(wave) == SECONDS * RATE
    for start, end in TURNS:
        assert rms(wave, start, end) > 0.3 * LEVEL
    for start, end in [(0.0, 0.28), (1.58, 1.98), (2.97, 3.0)]:
        assert rms(wave, start, end) < 0.01 * LEVEL
    assert np.abs(wave).max() < 1.5


@pytest.mark.parametrize('character', CHARACTERS, ids=lambda i: f'{i.kind}{i.index}{i.voice.style}')
def test_motion_correlates_with_the_audio(character):
    performance, wave = perform(character)
    assert performance.opening.shape == (SECONDS * CONTROL_RATE,)
    assert performance.opening.min() >= 0
    assert 0.3 < performance.opening.max() <= 1
    assert not performance.opening[:28].any()
    loudness = np.sqrt(np.convolve(wave**2, np.ones(160) / 160, 'same'))[::160]
    assert np.corrcoef(loudness, performance.opening)[0, 1] > 0.5


@pytest.mark.parametrize('index', range(6))
def test_voice_has_the_pitch_of_the_character(index):
    character = make_person(index)
    _, wave = perform(character, [(0.0, 4.0)], 4)
    lags = np.arange(RATE // 500, RATE // 60)
    votes = []
    for start in range(0, len(wave) - 4096, 2048):
        part = wave[start : start + 4096]
        power = np.fft.irfft(np.abs(np.fft.rfft(part, 8192)) ** 2)
        votes.append(RATE / lags[np.argmax(power[lags])])
    assert np.median(votes) == pytest.approx(character.voice.pitch, rel=0.15)


def test_no_turns_means_silence():
    for character in CHARACTERS:
        performance, wave = perform(character, [])
        assert not wave.any()
        assert not performance.opening.any()


def test_one_second_of_audio_identifies_the_character():
    """One nearest neighbor on the log-mel statistics of single seconds."""
    cast = make_mixed_cast(10)

    def rows(seed):
        found = []
        for character in cast:
            _, wave = perform(character, [(0.0, 12.0)], 12, seed)
            examples = log_mel_examples(to_int16(wave), 12)[:, 0]  # (12, 96, 64)
            found.append(np.concatenate([examples.mean(axis=1), examples.std(axis=1)], axis=1))
        return np.stack(found)  # (characters, 12, 128)

    known, queries = rows(1).reshape(-1, 128), rows(2).reshape(-1, 128)
    distances = ((queries[:, None] - known[None]) ** 2).sum(axis=2)
    owner = np.repeat(np.arange(len(cast)), 12)
    assert np.mean(owner[distances.argmin(axis=1)] == owner) > 0.9  # chance is 0.1


@pytest.mark.parametrize('kind', ['noise', 'music'])
def test_background_audio_has_the_requested_level(kind):
    audio = make_background_audio(kind, 2, RATE, 0.01, np.random.default_rng(0))
    assert audio.shape == (2 * RATE,)
    assert rms(audio, 0, 2) == pytest.approx(0.01)


def test_sample_rate_does_not_change_the_spectrum():
    character = make_person(0)
    _, wave = perform(character, rate=44100)
    assert len(wave) == SECONDS * 44100
    _, low = perform(character)
    spectra = [np.abs(np.fft.rfft(w))[: 3000 * SECONDS] for w in (wave, low)]  # to 3000 Hz
    bands = [s.reshape(30, -1).mean(axis=1) for s in spectra]
    assert np.corrcoef(*np.log(bands))[0, 1] > 0.9
