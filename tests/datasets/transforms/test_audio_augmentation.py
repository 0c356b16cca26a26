"""Augmentation of audio: strength, alignment, seeds, and errors."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avis.datasets.transforms.audio_augmentation import (
    MixBackground,
    PitchShift,
    RandomGain,
    RoomImpulseResponse,
    SpecAugment,
    TimeStretch,
)
from avis.engine.randomness import fixed_randomness

RATE = 16000


def tone(hertz: float, seconds: float, level: float = 0.2) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def clip(audio: np.ndarray) -> dict:
    return {'video_id': 'a', 'audio': audio, 'sample_rate': RATE}


def changed(transform, audio: np.ndarray, seed: int = 0) -> np.ndarray:
    with fixed_randomness(seed):
        return transform.transform(clip(audio))['audio']


def decibels(audio: np.ndarray) -> float:
    return 10 * np.log10(np.square(audio, dtype=float).mean())


@pytest.fixture
def folder(tmp_path) -> Path:
    """A background that is shorter than a clip, and an impulse response with two paths."""
    for name in ('background', 'responses/small'):
        (tmp_path / name).mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE // 2)
    soundfile.write(tmp_path / 'background/noise.wav', noise, RATE)
    response = np.zeros(4000)
    response[[100, 2100]] = 0.8, 0.4
    soundfile.write(tmp_path / 'responses/small/a.wav', response, RATE)
    return tmp_path


def every_transform(folder: Path, **options) -> list:
    return [
        RandomGain(**options),
        MixBackground(folder=str(folder / 'background'), **options),
        PitchShift(**options),
        TimeStretch(**options),
        SpecAugment(**options),
        RoomImpulseResponse(folder=str(folder / 'responses'), **options),
    ]


def test_same_seed_gives_same_audio_and_other_seed_another(folder) -> None:
    audio = tone(440, 1.0) + tone(1000, 1.0)
    for transform in every_transform(folder):
        first = changed(transform, audio)
        assert first.dtype == np.float32
        assert first.shape == audio.shape
        np.testing.assert_array_equal(first, changed(transform, audio))
        assert np.abs(first - audio).max() > 1e-3
        if not isinstance(transform, RoomImpulseResponse):  # there is one response
            assert np.abs(first - changed(transform, audio, seed=1)).max() > 1e-3


def test_probability_0_and_empty_audio_change_nothing(folder) -> None:
    audio = tone(440, 0.5)
    for transform in every_transform(folder, prob=0):
        np.testing.assert_array_equal(changed(transform, audio), audio)
    for transform in every_transform(folder):
        assert changed(transform, audio[:0]).shape == (0,)


def test_gain_and_snr_are_those_requested(folder) -> None:
    audio = tone(440, 1.0)
    assert decibels(changed(RandomGain(decibels=(-6, -6)), audio)) == pytest.approx(
        decibels(audio) - 6, abs=1e-3
    )
    mix = MixBackground(folder=str(folder), snr=(10, 10))
    mix.files = [path for path in mix.files if path.name == 'noise.wav']
    noise = changed(mix, audio) - audio
    assert decibels(audio) - decibels(noise) == pytest.approx(10, abs=0.01)


def test_pitch_is_shifted_by_semitones_and_times_are_kept() -> None:
    audio = np.concatenate([np.zeros(RATE // 2, np.float32), tone(440, 1.0)])
    shifted = changed(PitchShift(semitones=(12, 12)), audio)
    spectrum = np.abs(np.fft.rfft(shifted))
    assert spectrum.argmax() * RATE / len(shifted) == pytest.approx(880, abs=5)
    assert np.abs(shifted[: RATE // 4]).max() < 0.01 < np.abs(shifted[RATE:]).max()


@pytest.mark.parametrize('rate', [0.8, 1.25])
def test_time_is_stretched_around_the_middle(rate) -> None:
    audio = np.zeros(2 * RATE, np.float32)
    audio[RATE - 800 : RATE + 800] = tone(440, 0.1)
    audio[RATE // 2 - 800 : RATE // 2 + 800] = tone(440, 0.1)
    loud = np.abs(changed(TimeStretch(rate=(rate, rate)), audio)) > 0.05
    assert loud[RATE - 400 : RATE + 400].any()
    before = round(RATE - RATE / 2 / rate)  # where the first of the two tones has moved
    assert loud[before - 400 : before + 400].any()
    assert not loud[before + 2000 : RATE - 2000].any()


def test_direct_path_is_not_delayed_and_echo_follows(folder) -> None:
    audio = np.zeros(RATE, np.float32)
    audio[1000] = 0.5
    wet = changed(RoomImpulseResponse(folder=str(folder / 'responses')), audio)
    assert np.abs(wet).argsort()[-2:].tolist() == [3000, 1000]
    assert wet[3000] / wet[1000] == pytest.approx(0.5, abs=1e-3)
    assert decibels(wet) == pytest.approx(decibels(audio), abs=1e-3)


def test_masks_of_log_mel_examples_are_bands_and_times() -> None:
    examples = np.ones((5, 96, 64), np.float32)
    masked = changed(SpecAugment(max_bands=0.5, max_times=0.5), examples) != 1
    rows = masked.reshape(480, 64)
    bands, times = rows.all(0), rows.all(1)
    np.testing.assert_array_equal(rows, bands[None] | times[:, None])
    assert 0 < bands.sum() <= 32
    assert 0 < times.sum() <= 240


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: RandomGain(prob=1.5), r'RandomGain: expected prob in \[0, 1\], got 1.5'),
        (
            lambda: PitchShift(semitones=(3, 1)),
            r'PitchShift: expected semitones as \(smallest, largest\), got \(3, 1\)',
        ),
        (lambda: TimeStretch(rate=(0, 1)), r'TimeStretch: expected rate above 0'),
        (lambda: MixBackground(folder='/no/such'), r"expected a folder with audio .*'/no/such'"),
        (lambda: SpecAugment(max_times=2), r'SpecAugment: expected max_times in \[0, 1\], got 2'),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_audio_that_cannot_be_changed_is_one_sentence(folder) -> None:
    features, broken = np.zeros((5, 128), np.float32), np.array([0, np.nan], np.float32)
    for transform in every_transform(folder):
        with pytest.raises(ValueError, match=r"clip 'a': .* expected a waveform .*\(5, 128\)"):
            transform.transform(clip(features))
    with pytest.raises(ValueError, match=r"clip 'a': RandomGain expected .* finite values"):
        RandomGain().transform(clip(broken))
    soundfile.write(folder / 'responses/small/a.wav', np.zeros(10), RATE)
    with pytest.raises(ValueError, match=r'a response with values other than 0 in .*a\.wav'):
        changed(RoomImpulseResponse(folder=str(folder / 'responses')), tone(440, 0.1))
