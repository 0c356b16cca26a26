"""Excerpts of audio files and their spectrograms."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avis.datasets.readers.audio import NoAudioError
from avis.datasets.transforms import LoadAudioExcerpt, LogSpectrogram, MuteAudio
from avis.datasets.transforms.spectrogram import log_spectrogram

RATE = 8000


def record(folder: Path, seconds: float, rate: int = RATE) -> dict:
    """A clip whose sample k is k / 2^15, so that a sample shows its position."""
    samples = np.arange(int(seconds * rate), dtype=np.int16)
    soundfile.write(folder / 'a.wav', samples, rate)
    return {'video_id': 'a', 'audio': str(folder / 'a.wav')}


@pytest.mark.parametrize(('position', 'first'), [('center', 4000), ('start', 0)])
def test_excerpt_is_the_middle_or_the_start_of_the_file(tmp_path, position, first) -> None:
    step = LoadAudioExcerpt(seconds=3.0, position=position)
    results = step.transform(record(tmp_path, 4.0))
    assert results['sample_rate'] == RATE
    positions = (results['audio'] * 2**15).astype(int)
    np.testing.assert_array_equal(positions, np.arange(first, first + 3 * RATE))


def test_short_file_is_repeated(tmp_path) -> None:
    audio = LoadAudioExcerpt(seconds=3.0).transform(record(tmp_path, 1.25))['audio']
    assert len(audio) == 3 * RATE
    np.testing.assert_array_equal(audio[10000:20000], audio[:10000])
    np.testing.assert_array_equal(audio[20000:], audio[:4000])


def test_excerpt_is_resampled_if_a_rate_is_given(tmp_path) -> None:
    step = LoadAudioExcerpt(seconds=3.0, sample_rate=4000)
    assert len(step.transform(record(tmp_path, 4.0))['audio']) == 12000


def test_missing_audio_and_wrong_arguments_are_named(tmp_path) -> None:
    with pytest.raises(NoAudioError, match="clip 'a' has no audio file"):
        LoadAudioExcerpt(seconds=3.0).transform({'video_id': 'a', 'audio': None})
    with pytest.raises(ValueError, match=r"got 3\.0 and 'end'"):
        LoadAudioExcerpt(seconds=3.0, position='end')
    with pytest.raises(ValueError, match='at least 512 samples'):
        LogSpectrogram().transform({'video_id': 'a', 'audio': np.zeros(99), 'sample_rate': RATE})


@pytest.mark.parametrize(('samples', 'columns'), [(48000, 200), (160000, 671), (512, 1)])
def test_number_of_columns_follows_from_the_samples(samples, columns) -> None:
    assert log_spectrogram(np.zeros(samples), 16000).shape == (257, columns)


def test_muted_audio_is_the_spectrogram_of_silence(tmp_path) -> None:
    results = LoadAudioExcerpt(seconds=1.0).transform(record(tmp_path, 2.0))
    rows = LogSpectrogram().transform(MuteAudio().transform(results))['audio']
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, np.log(1e-7) / 12, rtol=1e-6)


def test_density_of_a_tone_is_at_its_frequency_and_depends_on_the_rate() -> None:
    tone = np.sin(2 * np.pi * np.arange(4096) / 8)  # an eighth of the rate
    rows = log_spectrogram(tone, 16000)
    assert (rows.argmax(axis=0) == 64).all()
    slower = log_spectrogram(tone, 8000)
    np.testing.assert_allclose(slower[64] - rows[64], np.log(2) / 12, atol=1e-6)
