import numpy as np
import pytest
import soundfile
import torch

from avis.apis.audio_features import embed_seconds, extract_audio_features
from avis.datasets.aviseg import AVISeg
from avis.models.audio_encoders.vggish import VGGishNetwork
from tests.helpers.golden import compare, generator, load_golden
from tests.helpers.tiny_sets import data_config, truncate, write_audio
from tests.helpers.tiny_vis import FRAMES, write_aviseg


def log_mel(examples: torch.Tensor, num_frames: int) -> torch.Tensor:
    """A stub of the network that returns its input, (N, 1, 96, 64)."""
    assert num_frames == examples.shape[1] == 1
    return examples


@pytest.fixture(scope='module')
def golden():
    return load_golden('models/vggish')


def write_golden_wave(path, case: dict, channels=None) -> None:
    """Write the waveform of the golden as 16-bit wav."""
    rate, seconds, rng = case['sample_rate'], case['seconds'], generator(case['seed'])
    t = np.arange(round(rate * seconds)) / rate
    sweep = 0.2 * np.sin(2 * np.pi * (300 + 900 * t / seconds) * t) * np.exp(-t)
    columns = [
        0.3 * np.sin(2 * np.pi * 440 * (c + 1) * t) + sweep + 0.05 * rng.normal(0, 1, len(t))
        for c in range(case['channels'])
    ]
    pcm = np.clip(np.round(np.stack(columns, -1) * 32767), -32768, 32767).astype(np.int16)
    soundfile.write(path, pcm[:, :channels], rate, 'PCM_16')


def test_embeddings_equal_those_of_the_authors(tmp_path, golden) -> None:
    path = tmp_path / 'a.wav'
    write_golden_wave(path, golden.meta['stereo44k'])
    rows = embed_seconds(path, 4, 1.0, log_mel)
    compare(golden, 'stereo44k/avis_per_second_log_mel', torch.from_numpy(rows))


def test_mono_file_is_read(tmp_path, golden) -> None:
    write_golden_wave(tmp_path / 'a.wav', golden.meta['stereo44k'], channels=1)
    assert embed_seconds(tmp_path / 'a.wav', 4, 1.0, log_mel).shape == (4, 96, 64)


@pytest.mark.parametrize('rate', [8000, 16000, 22050, 48000, 44101])
def test_resampling_keeps_the_tone(tmp_path, rate) -> None:
    path = write_audio(tmp_path / 'a.wav', 3, rate=rate, channels=2)
    same = write_audio(tmp_path / 'b.wav', 3, rate=44100)
    rows, expected = (embed_seconds(file, 3, 1.0, log_mel) for file in (path, same))
    band = expected.mean(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(rows.mean(axis=1).argmax(axis=1), band)


def test_second_that_ends_early_is_treated_as_missing(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 2.9, rate=16000)
    rows = embed_seconds(path, 5, 1.0, log_mel)
    assert [bool(row.any()) for row in rows] == [True, True, False, False, False]
    path = write_audio(tmp_path / 'a.wav', 2.98, rate=16000)
    assert [bool(row.any()) for row in embed_seconds(path, 3, 1.0, log_mel)] == [True] * 3


def test_parts_of_long_audio_equal_the_whole(tmp_path, monkeypatch) -> None:
    path = write_audio(tmp_path / 'a.wav', 7, rate=22050)
    whole = embed_seconds(path, 7, 1.0, log_mel)
    monkeypatch.setattr('avis.apis.audio_features._CHUNK', 3)
    np.testing.assert_allclose(embed_seconds(path, 7, 1.0, log_mel), whole, atol=1e-6)


def test_high_frame_rate_has_overlapping_seconds(tmp_path) -> None:
    path = write_audio(tmp_path / 'a.wav', 4, rate=16000)
    slow, fast = (embed_seconds(path, n, fps, log_mel) for n, fps in ((4, 1.0), (8, 2.0)))
    np.testing.assert_allclose(fast[::2], slow, atol=1e-6)
    assert not fast[7].any()  # half a second is left


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('vggish') / 'vggish.pth'
    torch.save(VGGishNetwork().state_dict(), path)
    return path


@pytest.mark.slow
def test_stopped_run_resumes(tmp_path, weights) -> None:
    root = write_aviseg(tmp_path)
    cfg = data_config('aviseg', root)
    folder = root / 'test/FEATAudios'
    whole, other = folder / '-a_1.npy', folder / '10000001.npy'
    kept = whole.read_bytes()
    truncate(other)
    (root / 'val/FEATAudios/-a_1.npy').unlink()
    np.save(root / 'val/FEATAudios/10000001.npy', np.zeros((FRAMES + 1, 128), np.float32))
    truncate(root / 'val/WAVAudios/-a_1.wav', keep=0.0)
    report = extract_audio_features(cfg, weights=weights, splits=['val', 'test'], processes=2)
    assert sorted(report.made) == [str(other), str(root / 'val/FEATAudios/10000001.npy')]
    assert report.kept == 1
    (problem,) = report.problems
    assert 'val/WAVAudios/-a_1.wav' in problem
    assert whole.read_bytes() == kept
    assert not list(root.rglob('*.part'))
    rows = np.load(other)
    assert rows.shape == (FRAMES, 128)
    assert rows.dtype == np.float32
    assert rows.any()
    again = extract_audio_features(cfg, weights=weights, splits=['test'])
    assert (again.made, again.kept) == ([], 2)
    assert AVISeg(split='test', data_root=str(root)).record(1)['features'] == str(other)


def test_invalid_arguments_are_errors_at_once(tmp_path, weights) -> None:
    cfg = data_config('aviseg', write_aviseg(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'none\.pth does not exist.*vggish-10086976'):
        extract_audio_features(cfg, weights=tmp_path / 'none.pth')
    with pytest.raises(ValueError, match='processes must be positive, got 0'):
        extract_audio_features(cfg, weights=weights, processes=0)
    cfg.val_dataloader.dataset.feature_dir = None
    with pytest.raises(
        ValueError, match=r"'-a_1': expected a path of its features.*set feature_dir"
    ):
        extract_audio_features(cfg, weights=weights, splits=['val'])
    cfg.pop('val_dataloader')
    with pytest.raises(ValueError, match='the config has no val_dataloader'):
        extract_audio_features(cfg, weights=weights, splits=['val'])


def test_videos_without_audio_are_reported(tmp_path, weights) -> None:
    cfg = data_config('aviseg', write_aviseg(tmp_path))
    cfg.val_dataloader.dataset.audio_dir = None
    report = extract_audio_features(cfg, weights=weights, splits=['val'])
    assert report.silent == ['-a_1', '10000001']
