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
def test_audio_of_any_length_gives_chunks_with_times(folder, seconds):
    chunks = WhisperASR(model=folder).transcribe(noise(seconds))
    assert chunks
    for chunk in chunks:
        start, end = chunk.timestamp
        assert isinstance(chunk.text, str)
        assert start >= 0
        assert end is None or isinstance(end, float)


def test_the_same_audio_gives_the_same_chunks(folder):
    asr = WhisperASR(model=folder)
    assert asr.transcribe(noise(3)) == asr.transcribe(noise(3))


def test_a_language_is_obeyed(folder):
    said = {
        language: WhisperASR(model=folder, language=language).transcribe(noise(3))
        for language in ('en', 'de')
    }
    assert said['en'] != said['de']  # the token of the language is part of the prompt
    with pytest.raises(ValueError, match='xx'):
        WhisperASR(model=folder, language='xx').transcribe(noise(3))


def test_windows_are_read_in_batches_and_their_times_go_on(folder):
    asr = WhisperASR(model=folder, window_seconds=20, batch_size=3)
    chunks = asr.transcribe(noise(70))
    assert max(chunk.timestamp[0] for chunk in chunks) > 30


def test_nothing_or_a_click_is_no_speech(folder):
    for samples in (0, 10, 399):
        assert WhisperASR(model='there is none').transcribe(noise(samples / RATE)) == []


def test_silence_does_not_break(folder):
    silence = Waveform(np.zeros(RATE, np.float32), RATE)
    assert isinstance(WhisperASR(model=folder).transcribe(silence), list)


def test_stereo_and_other_rates_are_refused(folder):
    with pytest.raises(ValueError, match='48000 Hz'):
        WhisperASR(model=folder).transcribe(Waveform(np.zeros(48000, np.float32), 48000))
    with pytest.raises(ValueError, match=r'shape \(2, 100\)'):
        WhisperASR(model=folder).transcribe(Waveform(np.zeros((2, 100), np.float32), RATE))
    broken = np.full(RATE, np.nan, np.float32)
    with pytest.raises(ValueError, match='not finite'):
        WhisperASR(model=folder).transcribe(Waveform(broken, RATE))


def test_windows_longer_than_the_model_hears_are_refused():
    with pytest.raises(ValueError, match='1 to 30'):
        WhisperASR(window_seconds=60)
