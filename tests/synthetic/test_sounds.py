"""Voices and noises: pitch, loudness, silence outside of the turns, identities apart."""

import numpy as np
import pytest

from avis.synthetic.cast import THINGS, mixed_cast, person, thing
from avis.synthetic.log_mel import RATE, log_mel_examples
from avis.synthetic.noises import background, make_noise, strike
from avis.synthetic.voices import CONTROL_RATE, LEVEL, articulate, speak
from avis.utils.mp4 import to_int16

TURNS = [(0.3, 1.5), (2.0, 2.9)]
SECONDS = 3
IDENTITIES = [*(person(i) for i in range(4)), person(1, 'song'), *(thing(k, 0) for k in THINGS)]


def perform(identity, turns=TURNS, seconds=SECONDS, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    if identity.is_person:
        score = articulate(identity.voice, turns, seconds, rng)
        return score, speak(identity.voice, score, rate, rng)
    score = strike(identity.kind, identity.voice, turns, seconds, rng)
    return score, make_noise(identity.kind, identity.voice, score, rate, rng)


def rms(wave, start, end):
    return float(np.sqrt(np.mean(wave[int(start * RATE) : int(end * RATE)] ** 2)))


@pytest.mark.parametrize('identity', IDENTITIES, ids=lambda i: f'{i.kind}{i.index}{i.voice.style}')
def test_it_sounds_in_its_turns_and_only_there(identity):
    _, wave = perform(identity)
    assert len(wave) == SECONDS * RATE
    for start, end in TURNS:
        assert rms(wave, start, end) > 0.3 * LEVEL
    for start, end in [(0.0, 0.28), (1.58, 1.98), (2.97, 3.0)]:
        assert rms(wave, start, end) < 0.01 * LEVEL
    assert np.abs(wave).max() < 1.5


@pytest.mark.parametrize('identity', IDENTITIES, ids=lambda i: f'{i.kind}{i.index}{i.voice.style}')
def test_the_movement_goes_with_the_audio(identity):
    score, wave = perform(identity)
    assert score.opening.shape == (SECONDS * CONTROL_RATE,)
    assert score.opening.min() >= 0
    assert 0.3 < score.opening.max() <= 1
    assert not score.opening[:28].any()
    loudness = np.sqrt(np.convolve(wave**2, np.ones(160) / 160, 'same'))[::160]
    assert np.corrcoef(loudness, score.opening)[0, 1] > 0.5


@pytest.mark.parametrize('index', range(6))
def test_the_voice_has_the_pitch_of_the_identity(index):
    identity = person(index)
    _, wave = perform(identity, [(0.0, 4.0)], 4)
    lags = np.arange(RATE // 500, RATE // 60)
    votes = []
    for start in range(0, len(wave) - 4096, 2048):
        part = wave[start : start + 4096]
        power = np.fft.irfft(np.abs(np.fft.rfft(part, 8192)) ** 2)
        votes.append(RATE / lags[np.argmax(power[lags])])
    assert np.median(votes) == pytest.approx(identity.voice.pitch, rel=0.15)


def test_turns_without_a_performance_are_silent():
    for identity in IDENTITIES:
        score, wave = perform(identity, [])
        assert not wave.any()
        assert not score.opening.any()


def test_a_second_of_audio_tells_who_it_was():
    """One nearest neighbor over the log-mel statistics of single seconds."""
    cast = mixed_cast(10)

    def rows(seed):
        found = []
        for identity in cast:
            _, wave = perform(identity, [(0.0, 12.0)], 12, seed)
            examples = log_mel_examples(to_int16(wave), 12)[:, 0]  # (12, 96, 64)
            found.append(np.concatenate([examples.mean(axis=1), examples.std(axis=1)], axis=1))
        return np.stack(found)  # (identities, 12, 128)

    known, heard = rows(1).reshape(-1, 128), rows(2).reshape(-1, 128)
    distances = ((heard[:, None] - known[None]) ** 2).sum(axis=2)
    owner = np.repeat(np.arange(len(cast)), 12)
    assert np.mean(owner[distances.argmin(axis=1)] == owner) > 0.9  # chance is 0.1


@pytest.mark.parametrize('kind', ['noise', 'music'])
def test_background_has_the_asked_level(kind):
    audio = background(kind, 2, RATE, 0.01, np.random.default_rng(0))
    assert audio.shape == (2 * RATE,)
    assert rms(audio, 0, 2) == pytest.approx(0.01)


def test_other_rates_audio_the_same():
    identity = person(0)
    _, wave = perform(identity, rate=44100)
    assert len(wave) == SECONDS * 44100
    _, low = perform(identity)
    spectra = [np.abs(np.fft.rfft(w))[: 3000 * SECONDS] for w in (wave, low)]  # to 3000 Hz
    bands = [s.reshape(30, -1).mean(axis=1) for s in spectra]
    assert np.corrcoef(*np.log(bands))[0, 1] > 0.9
