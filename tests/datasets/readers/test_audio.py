import numpy as np
import pytest
import soundfile
import torch

from avis.datasets.readers import audio as audio_reader
from avis.datasets.readers.audio import NoAudioError, audio_info, read_audio
from avis.datasets.readers.errors import BrokenDataError
from avis.ops.resample import Resampler
from tests.helpers.tiny_sets import truncate, write_audio, write_video

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (88200, 2))


def test_stereo_is_averaged(tmp_path) -> None:
    soundfile.write(tmp_path / 'a.wav', NOISE[:1000], 16000, subtype='FLOAT')
    got = read_audio(tmp_path / 'a.wav', sample_rate=16000)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, NOISE[:1000].mean(axis=1), atol=1e-7)


def test_int16_full_scale_is_one(tmp_path) -> None:
    soundfile.write(tmp_path / 'a.wav', np.array([-32768, 16384], np.int16), 16000)
    assert read_audio(tmp_path / 'a.wav', sample_rate=16000).tolist() == [-1.0, 0.5]


def test_other_sample_rates_are_resampled_by_torchaudio(tmp_path) -> None:
    from torchaudio.functional import resample

    soundfile.write(tmp_path / 'a.flac', NOISE, 44100)
    native = soundfile.read(tmp_path / 'a.flac', dtype='float32')[0].mean(axis=1)
    expected = resample(torch.from_numpy(native), 44100, 16000)
    got = read_audio(tmp_path / 'a.flac', sample_rate=16000)
    assert len(got) == 32000
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize('rate', [8000, 44100, 44101])
def test_kaiser_best_is_the_filter_of_resampy(tmp_path, rate) -> None:
    soundfile.write(tmp_path / 'a.wav', NOISE[:20001], rate, subtype='FLOAT')
    mono = torch.from_numpy(NOISE[:20001].mean(axis=1)).float()
    expected = Resampler(rate=rate, new_rate=16000)(mono)
    got = read_audio(tmp_path / 'a.wav', sample_rate=16000, resampling='kaiser_best')
    assert len(got) == 20001 * 16000 // rate  # as resampy: rounded down
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize('resampling', ['hann', 'kaiser_best'])
@pytest.mark.parametrize('rate', [8000, 11025, 16000, 44100, 96000])
@pytest.mark.parametrize(('start', 'num_samples'), [(0, 160), (7777, 3333), (14000, None)])
def test_part_equals_slice_of_the_whole(tmp_path, rate, start, num_samples, resampling) -> None:
    soundfile.write(tmp_path / 'a.wav', NOISE[:rate], rate, subtype='FLOAT')
    options = {'sample_rate': 16000, 'resampling': resampling}
    whole = read_audio(tmp_path / 'a.wav', **options)
    end = None if num_samples is None else start + num_samples
    part = read_audio(tmp_path / 'a.wav', start=start, num_samples=num_samples, **options)
    np.testing.assert_allclose(part, whole[start:end], atol=1e-6)
    assert len(part) == len(whole[start:end])


def test_odd_sample_rates_take_little_memory(tmp_path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * 44101) / 44101)
    soundfile.write(tmp_path / 'a.wav', tone, 44101, subtype='FLOAT')
    part = read_audio(tmp_path / 'a.wav', sample_rate=16000, start=9000, num_samples=9000)
    expected = np.sin(2 * np.pi * 440 * np.arange(9000, 18000) / 16000)
    np.testing.assert_allclose(part, expected, atol=2e-3)


def test_part_reads_only_its_samples(tmp_path, monkeypatch) -> None:
    soundfile.write(tmp_path / 'a.wav', np.zeros(20 * 44100), 44100)
    read = []
    native = audio_reader._SoundFile.read
    monkeypatch.setattr(
        audio_reader._SoundFile, 'read', lambda *a: read.append(out := native(*a)) or out
    )
    read_audio(tmp_path / 'a.wav', sample_rate=16000, start=160000, num_samples=16000)
    assert 44100 <= len(read[0]) <= 44100 + 4 * 441


def test_part_after_the_end_is_empty(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 1)
    assert len(read_audio(path, sample_rate=16000, start=15000, num_samples=5000)) == 1000
    assert len(read_audio(path, sample_rate=16000, start=20000, num_samples=5000)) == 0
    assert len(read_audio(path, sample_rate=8000, start=20000)) == 0


@pytest.fixture(scope='module')
def video_path(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('audio') / 'a.mp4', frames=60)


def test_audio_of_a_video_file_is_read(video_path) -> None:
    assert audio_info(video_path).sample_rate == 44100
    assert audio_info(video_path).seconds == pytest.approx(6, abs=0.05)
    got = read_audio(video_path, sample_rate=16000)
    assert len(got) == pytest.approx(96000, abs=800)
    time = np.arange(96000) / 16000
    wave = (np.sin(2 * np.pi * 440 * time) * 0.1 * (np.floor(time) + 1))[: len(got)]
    # Aligned in time: a shift by one sample of 16 kHz has a difference of 0.1.
    np.testing.assert_allclose(got[1600:80000], wave[1600:80000], atol=0.05)


def test_part_of_the_audio_of_a_video_is_read(video_path) -> None:
    whole = read_audio(video_path, sample_rate=16000)
    part = read_audio(video_path, sample_rate=16000, start=64000, num_samples=16000)
    np.testing.assert_allclose(part, whole[64000:80000], atol=1e-3)  # AAC has a short memory


def test_video_without_audio_raises_no_audio_error(tmp_path) -> None:
    path = write_video(tmp_path / 'a.mp4', frames=5, audio=False)
    with pytest.raises(NoAudioError, match=r"a\.mp4: has no audio stream.*missing='silence'"):
        read_audio(path, sample_rate=16000)


def test_unreadable_wav_is_an_error(tmp_path) -> None:
    (tmp_path / 'a.wav').write_bytes(b'RIFF no wave')
    with pytest.raises(BrokenDataError, match=r'a\.wav: cannot be decoded'):
        read_audio(tmp_path / 'a.wav', sample_rate=16000)


def test_unreadable_container_is_an_error(tmp_path) -> None:
    path = truncate(write_video(tmp_path / 'a.mp4', frames=30))
    with pytest.raises(BrokenDataError, match=r'a\.mp4: cannot be decoded'):
        read_audio(path, sample_rate=16000)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_nan_in_audio_is_an_error(tmp_path, value) -> None:
    samples = np.zeros(16000, np.float32)
    samples[8000] = value
    soundfile.write(tmp_path / 'a.wav', samples, 16000, subtype='FLOAT')
    with pytest.raises(BrokenDataError, match=r'1 NaN or infinite samples, first at 0\.500 s'):
        read_audio(tmp_path / 'a.wav', sample_rate=8000)


def test_missing_audio_is_an_error_with_its_path(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'a\.wav does not exist'):
        read_audio(tmp_path / 'a.wav', sample_rate=16000)


@pytest.mark.parametrize('size', [0, 0xFFFFFFFF])
def test_wav_whose_recorder_stored_no_length_is_read_to_its_end(tmp_path, size) -> None:
    path = write_audio(tmp_path / 'a.wav', 1)
    data = bytearray(path.read_bytes())
    data[40:44] = size.to_bytes(4, 'little')
    path.write_bytes(data)
    assert len(read_audio(path, sample_rate=16000)) == 16000


def test_flac_whose_header_states_too_few_samples_is_read_to_its_end(tmp_path) -> None:
    soundfile.write(tmp_path / 'a.flac', NOISE[:16000], 16000)
    whole = read_audio(tmp_path / 'a.flac', sample_rate=16000)
    data = bytearray((tmp_path / 'a.flac').read_bytes())
    data[24:26] = b'\0\x40'  # of the 36 bits of the number of samples
    (tmp_path / 'a.flac').write_bytes(data)
    np.testing.assert_array_equal(read_audio(tmp_path / 'a.flac', sample_rate=16000), whole)
    assert len(whole) == 16000


def test_wav_that_is_cut_off_is_read_with_a_warning(tmp_path, monkeypatch) -> None:
    logged = []
    monkeypatch.setattr(
        audio_reader, 'warn_once', lambda path, problem, topic: logged.append(problem)
    )
    path = truncate(write_audio(tmp_path / 'a.wav', 2))
    assert len(read_audio(path, sample_rate=16000)) == pytest.approx(16000, abs=50)
    (line,) = logged
    assert 'ends at 1.00 s, but its header says 2.00 s' in line
