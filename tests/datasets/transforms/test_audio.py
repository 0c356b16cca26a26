import numpy as np
import pytest
import soundfile

from avis.datasets.readers.audio import read_audio
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms.audio import LoadAudio, MuteAudio
from tests.helpers.tiny_sets import write_audio, write_log_mel, write_video


def clip(audio_file, length: int = 5, fps: float = 1.0, **more) -> dict:
    path = None if audio_file is None else str(audio_file)
    return {'video_id': 'v', 'length': length, 'fps': fps, 'audio': path, **more}


@pytest.fixture
def stairs(tmp_path):
    """Ten seconds at 16 kHz; all samples of second k are 0.05 * k."""
    soundfile.write(tmp_path / 'a.wav', np.repeat(np.arange(10) * 0.05, 16000), 16000, 'FLOAT')
    return tmp_path / 'a.wav'


def test_audio_covers_the_frames(stairs) -> None:
    results = LoadAudio().transform(clip(stairs))
    assert results['audio'].shape == (80000,)
    assert results['audio'].dtype == np.float32
    assert results['sample_rate'] == 16000


def test_each_chosen_frame_has_its_second_of_audio(stairs) -> None:
    results = LoadAudio().transform(clip(stairs, 10, frame_ids=np.array([7, 8, 2])))
    np.testing.assert_allclose(results['audio'], np.repeat([0.35, 0.40, 0.10], 16000), atol=1e-6)


@pytest.mark.parametrize('fps', [2.0, 29.97])
def test_high_frame_rate_has_less_audio_per_frame(stairs, fps) -> None:
    results = LoadAudio().transform(clip(stairs, 10, fps, frame_ids=np.array([4, 5, 6, 9])))
    assert len(results['audio']) == pytest.approx(4 * 16000 / fps, abs=1)


def test_audio_of_video_file_is_resampled(tmp_path) -> None:
    video = write_video(tmp_path / 'a.mp4', frames=50)
    results = LoadAudio(sample_rate=8000).transform(clip(video))
    assert results['audio'].shape == (40000,)
    assert 0.2 < np.abs(results['audio'][24000:32000]).max() < 0.5


def test_short_audio_error_states_both_lengths(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 3.5)
    with pytest.raises(
        BrokenDataError,
        match=r'a\.wav: lasts 3\.50 s, but the clip of 5 frames lasts 5\.00 s.*0\.1',
    ):
        LoadAudio().transform(clip(path))


def test_short_gap_at_the_end_becomes_silence(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 4.5)
    results = LoadAudio(max_padding=0.5).transform(clip(path))
    assert len(results['audio']) == 80000
    assert np.abs(results['audio'][72000:]).max() == 0
    assert np.abs(results['audio'][:72000]).max() > 0.1
    with pytest.raises(BrokenDataError, match=r'lasts 4\.50 s'):
        LoadAudio(max_padding=0.49).transform(clip(path))


@pytest.mark.parametrize(('seconds', 'samples'), [(2.5, 40000), (0.0, 0), (7.0, 80000)])
def test_waveform_ends_with_its_file_without_padding(tmp_path, seconds, samples) -> None:
    path = write_audio(tmp_path / 'a.wav', seconds)
    assert LoadAudio(max_padding=None).transform(clip(path))['audio'].shape == (samples,)


def test_frames_before_the_last_run_keep_their_second_without_padding(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 4.5)
    results = LoadAudio(max_padding=None).transform(clip(path, frame_ids=np.array([3, 4, 0, 1])))
    assert len(results['audio']) == 64000
    assert not results['audio'][24000:32000].any()
    results = LoadAudio(max_padding=None).transform(clip(path, frame_ids=np.array([0, 1, 3, 4])))
    assert len(results['audio']) == 56000


@pytest.mark.parametrize('resampling', ['hann', 'kaiser_best'])
def test_filter_of_resampling_is_chosen(tmp_path, resampling) -> None:
    path = write_audio(tmp_path / 'a.wav', 5, rate=44100, channels=2)
    audio = LoadAudio(resampling=resampling).transform(clip(path))['audio']
    expected = read_audio(path, sample_rate=16000, resampling=resampling)
    np.testing.assert_array_equal(audio, expected)


def test_truncated_wav_is_detected_by_its_length(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 5)
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(BrokenDataError, match=r'lasts 3\.12 s, but the clip'):
        LoadAudio().transform(clip(path))


@pytest.mark.parametrize('silent_video', [True, False])
def test_missing_audio_is_an_error_or_silence(tmp_path, silent_video) -> None:
    path = write_video(tmp_path / 'a.mp4', frames=5, audio=False) if silent_video else None
    problem = 'has no audio stream' if silent_video else "clip 'v' has no audio file"
    with pytest.raises(BrokenDataError, match=problem):
        LoadAudio().transform(clip(path))
    results = LoadAudio(missing='silence').transform(clip(path))
    assert results['audio'].shape == (80000,)
    assert not results['audio'].any()


def test_missing_file_is_not_replaced_by_silence(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'a\.wav'):
        LoadAudio(missing='silence').transform(clip(tmp_path / 'a.wav'))


def test_log_mel_has_an_example_per_chosen_frame(tmp_path) -> None:
    write_log_mel(tmp_path / 'a.pkl')
    results = LoadAudio().transform(clip(tmp_path / 'a.pkl', frame_ids=np.array([1, 4])))
    assert results['audio'].shape == (2, 96, 64)
    assert results['audio'][:, 0, 0].tolist() == [1, 4]


def test_log_mel_shorter_than_the_clip_is_an_error(tmp_path) -> None:
    write_log_mel(tmp_path / 'a.pkl', examples=4)
    with pytest.raises(BrokenDataError, match=r'a\.pkl: has 4 rows of audio for a clip of 5'):
        LoadAudio().transform(clip(tmp_path / 'a.pkl'))


def test_features_have_a_row_per_chosen_frame(tmp_path) -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.save(tmp_path / 'a.npy', rows)
    load = LoadAudio(source='features')
    got = load.transform(clip(None, features=str(tmp_path / 'a.npy'), frame_ids=np.array([3, 0])))
    np.testing.assert_array_equal(got['audio'], rows[[3, 0]])
    with pytest.raises(ValueError, match=r"no precomputed features.*Set source='audio'"):
        load.transform(clip(None))


@pytest.mark.parametrize('option', ['source', 'missing', 'resampling'])
def test_unknown_option_is_an_error(option) -> None:
    with pytest.raises(ValueError, match=rf"LoadAudio: {option} must be .* got 'x'"):
        LoadAudio(**{option: 'x'})


def test_mute_replaces_waveform_and_log_mel() -> None:
    muted = MuteAudio().transform(clip(None, audio=np.ones(9, np.float32)))['audio']
    assert muted.dtype == np.float32
    assert muted.tolist() == [0] * 9
    muted = MuteAudio().transform(clip(None, audio=np.ones((5, 96, 64), np.float32)))['audio']
    np.testing.assert_allclose(muted, np.full((5, 96, 64), np.log(0.01)), rtol=1e-6)


def test_muting_features_is_an_error_by_default() -> None:
    with pytest.raises(ValueError, match="source='audio'"):
        MuteAudio().transform(clip(None, audio=np.ones((5, 128), np.float32)))


def test_features_of_wrong_length_are_an_error(tmp_path) -> None:
    for rows in (4, 6):
        np.save(tmp_path / 'a.npy', np.zeros((rows, 128), np.float32))
        with pytest.raises(BrokenDataError, match=rf'a\.npy: has {rows} rows of audio for a clip'):
            LoadAudio(source='features').transform(
                clip(None, features=str(tmp_path / 'a.npy'), frame_ids=np.array([0]))
            )


def test_nan_in_features_is_an_error(tmp_path) -> None:
    rows = np.zeros((5, 128), np.float32)
    rows[3, 7] = np.nan
    np.save(tmp_path / 'a.npy', rows)
    with pytest.raises(BrokenDataError, match=r'a\.npy: contains 1 NaN or infinite values'):
        LoadAudio(source='features').transform(clip(None, features=str(tmp_path / 'a.npy')))


def test_missing_features_become_zeros_with_missing_silence() -> None:
    load = LoadAudio(source='features', missing='silence', feature_width=64)
    results = load.transform(clip(None, frame_ids=np.array([0, 3])))
    assert results['audio'].shape == (2, 64)
    assert not results['audio'].any()


def test_missing_feature_file_is_not_replaced_by_silence(tmp_path) -> None:
    load = LoadAudio(source='features', missing='silence')
    with pytest.raises(FileNotFoundError, match=r'a\.npy.*extract_audio_features\.py'):
        load.transform(clip(None, features=str(tmp_path / 'a.npy')))


def test_features_are_muted_with_zeros() -> None:
    audio = np.ones((5, 128), np.float32)
    muted = MuteAudio(features='zeros').transform(clip(None, audio=audio))['audio']
    assert muted.shape == (5, 128)
    assert not muted.any()
    with pytest.raises(ValueError, match="features must be 'error' or 'zeros', got 'mean'"):
        MuteAudio(features='mean')


def test_frame_sampled_twice_has_its_audio_twice(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 5, rate=44100, channels=2)
    once, twice = (
        LoadAudio(sample_rate=44100).transform(clip(path, frame_ids=np.array(ids)))['audio']
        for ids in ([1, 3], [1, 1, 3])
    )
    np.testing.assert_array_equal(twice, np.concatenate([once[:44100], once]))
