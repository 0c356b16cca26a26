import numpy as np
import pytest

from avis.avtracker.asr.whisper import WhisperASR
from avis.structures.media import Waveform
from tests.helpers.tiny_transformers import save_whisper

RATE = 16000


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(save_whisper(tmp_path_factory.mktemp('models') / 'whisper'))


def noise(seconds):
    rng = np.random.default_rng(0)
    return Waveform(rng.normal(0, 0.1, round(seconds * RATE)).astype(np.float32), RATE, 'noise')


@pytest.mark.parametrize('seconds', [0.5, 3, 70])
def test_audio_of_any_length_is_segmented_with_times(folder, seconds):
    segments = WhisperASR(model=folder).transcribe(noise(seconds))
    assert segments
    for segment in segments:
        start, end = segment.timestamp
        assert isinstance(segment.text, str)
        assert start >= 0
        assert end is None or isinstance(end, float)


def test_result_is_deterministic(folder):
    asr = WhisperASR(model=folder)
    assert asr.transcribe(noise(3)) == asr.transcribe(noise(3))


def test_language_is_passed_to_the_model(folder):
    texts = {
        language: WhisperASR(model=folder, language=language).transcribe(noise(3))
        for language in ('en', 'de')
    }
    assert texts['en'] != texts['de']  # the token of the language is part of the prompt
    with pytest.raises(ValueError, match='xx'):
        WhisperASR(model=folder, language='xx').transcribe(noise(3))


def test_times_continue_across_batched_windows(folder):
    asr = WhisperASR(model=folder, window_seconds=20, batch_size=3)
    segments = asr.transcribe(noise(70))
    assert max(segment.timestamp[0] for segment in segments) > 30


def test_too_short_audio_has_no_speech(folder):
    for samples in (0, 10, 399):
        assert WhisperASR(model='missing').transcribe(noise(samples / RATE)) == []


def test_short_audio_is_padded_without_a_minimum(folder):
    assert WhisperASR(model=folder, min_seconds=0).transcribe(noise(160 / RATE))
    assert WhisperASR(model='missing', min_seconds=0).transcribe(noise(0)) == []


def test_silence_is_accepted(folder):
    silence = Waveform(np.zeros(RATE, np.float32), RATE)
    assert isinstance(WhisperASR(model=folder).transcribe(silence), list)


def test_stereo_other_rates_and_nan_are_rejected(folder):
    with pytest.raises(ValueError, match='48000 Hz'):
        WhisperASR(model=folder).transcribe(Waveform(np.zeros(48000, np.float32), 48000))
    with pytest.raises(ValueError, match=r'shape \(2, 100\)'):
        WhisperASR(model=folder).transcribe(Waveform(np.zeros((2, 100), np.float32), RATE))
    broken = np.full(RATE, np.nan, np.float32)
    with pytest.raises(ValueError, match='not finite'):
        WhisperASR(model=folder).transcribe(Waveform(broken, RATE))


def test_windows_longer_than_30_seconds_are_rejected():
    with pytest.raises(ValueError, match='1 to 30'):
        WhisperASR(window_seconds=60)
