"""Videos that are read on demand, from images and video files, with and without audio."""

import copy
import math
import pickle

import cv2
import numpy as np
import pytest
import soundfile
from mmengine.dataset import pseudo_collate

from avis.datasets.readers import video, whole_video
from avis.datasets.readers.audio import AudioInfo, read_audio
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.whole_video import AudioFile, ImageFrames, VideoFileFrames
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.structures.masks import encode_mask
from avis.structures.media import Waveform
from avis.utils.mp4 import write_mp4

COUNT = 40


@pytest.fixture(scope='module')
def pixels():
    """Frames with increasing gray levels."""
    return np.stack([np.full((32, 48, 3), 5 * n + 20, np.uint8) for n in range(COUNT)])


@pytest.fixture
def folder(pixels, tmp_path):
    for number, image in enumerate(pixels):
        cv2.imwrite(str(tmp_path / f'{number:03d}.png'), image)
    return tmp_path


@pytest.fixture(scope='module')
def video_file(pixels, tmp_path_factory):
    path = tmp_path_factory.mktemp('video_file') / 'video_file.mp4'
    write_mp4(path, pixels, fps=10.0, audio=np.zeros(64000, np.int16))
    return path


def images(folder, **more):
    return ImageFrames(sorted(folder.glob('*.png')), name='v', fps=2.0, **more)


def test_image_frames_return_single_images(folder, pixels):
    frames = images(folder)
    assert (len(frames), frames.size) == (COUNT, (32, 48))
    for number in (0, 7, 39, 7):
        np.testing.assert_array_equal(frames[number], pixels[number])
    with pytest.raises(IndexError, match='v: frame 40 of 40'):
        frames[40]


def test_frame_cache_is_limited(folder):
    frames = images(folder)
    for number in range(COUNT):
        frames[number]
    assert len(frames._cache) == 16


def test_frames_can_be_pickled(folder, pixels):
    frames = pickle.loads(pickle.dumps(images(folder)))
    np.testing.assert_array_equal(frames[3], pixels[3])
    assert copy.copy(frames).content_key() == frames.content_key()


def test_frames_of_different_sizes_are_an_error(folder):
    cv2.imwrite(str(folder / '005.png'), np.zeros((8, 8, 3), np.uint8))
    frames = images(folder)
    assert frames.size == (32, 48)
    with pytest.raises(BrokenDataError, match=r'005\.png.*is \(8, 8\).*first frame is \(32, 48\)'):
        frames[5]


def test_content_key_depends_on_the_content(folder):
    before = images(folder).content_key()
    assert images(folder).content_key() == before
    (folder / '005.png').write_bytes((folder / '006.png').read_bytes())
    assert images(folder).content_key() != before


@pytest.mark.parametrize('fps', [10.0, 2.0, 25.0])
def test_video_is_read_at_any_frame_rate(fps, video_file, pixels):
    frames = VideoFileFrames(video_file, name='v', fps=fps, length=round(4 * fps))
    for number in (0, 1, 5, len(frames) - 1, 2):
        shown = pixels[min(round(number / fps * 10), COUNT - 1)].astype(int)
        assert abs(frames[number].astype(int) - shown).max() <= 8
    assert (
        frames.content_key()
        != VideoFileFrames(video_file, name='v', fps=3.0, length=9).content_key()
    )


def test_forward_reading_decodes_each_frame_once(video_file, monkeypatch):
    decoded = []
    walk = video._Cursor._decode

    def count(self):
        for frame in walk(self):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(video._Cursor, '_decode', count)
    frames = VideoFileFrames(video_file, name='v', fps=10.0, length=COUNT)
    for number in range(COUNT):
        frames[number]
    assert len(decoded) == len(set(decoded)) == COUNT
    frames[COUNT - 3]  # still in memory
    assert len(decoded) == COUNT
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[20], frames[20])


def test_frames_before_the_end_of_a_short_video_are_readable(video_file):
    frames = VideoFileFrames(video_file, name='v', fps=10.0, length=60)
    with pytest.raises(BrokenDataError, match=r'ends at 4\.00 s'):
        frames[55]
    assert frames[3].shape == (32, 48, 3)


def test_audio_is_resampled_to_mono_and_silence_without_file(tmp_path):
    path = tmp_path / 'stereo.wav'
    soundfile.write(path, np.ones((48000, 2)) / 4, 48000)
    samples = AudioFile(str(path), sample_rate=16000, seconds=9.0).read()
    assert samples.shape == (16000,)
    assert abs(samples[8000] - 0.25) < 1e-3
    silence = AudioFile(None, sample_rate=16000, seconds=2.0).read()
    assert silence.shape == (32000,)
    assert not silence.any()


@pytest.mark.parametrize('seconds', [0.1, 2.0, 5.9, 6.0])
def test_long_audio_is_decoded_in_parts(seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_video, '_SECONDS_DECODED', 2)
    read = []
    monkeypatch.setattr(
        whole_video, 'read_audio', lambda *a, **k: read.append(k['start']) or read_audio(*a, **k)
    )
    rng = np.random.default_rng(0)
    path = tmp_path / 'noise.wav'
    soundfile.write(path, rng.normal(0, 0.1, (round(48000 * seconds), 2)), 48000)
    audio = AudioFile(str(path), sample_rate=16000, seconds=9.0).read()
    np.testing.assert_array_equal(audio, read_audio(path, sample_rate=16000))
    assert read == [2 * 16000 * part for part in range(max(1, math.ceil(seconds / 2)))]


@pytest.mark.parametrize('span', [(1.0, 2.5), (0.5, 5.5), (4.0, 9.0)])
def test_a_span_of_audio_and_frames_is_that_of_the_whole(span, video_file, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_video, '_SECONDS_DECODED', 2)
    path = tmp_path / 'noise.wav'
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000 * 6), 16000)
    options = {'sample_rate': 16000, 'seconds': 9.0}
    whole = AudioFile(str(path), **options).read()
    part = AudioFile(str(path), **options, span=span).read()
    np.testing.assert_array_equal(part, whole[int(span[0] * 16000) : int(span[1] * 16000)])
    frames = VideoFileFrames(video_file, name='v', fps=10.0, length=COUNT)
    later = VideoFileFrames(video_file, name='v', fps=10.0, length=5, start=1.2)
    np.testing.assert_array_equal(later[3], frames[15])
    assert (
        later.content_key()
        != VideoFileFrames(video_file, name='v', fps=10.0, length=5).content_key()
    )


def test_opened_audio_is_read_in_slices(tmp_path):
    path = tmp_path / 'noise.wav'
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    audio = AudioFile(str(path), sample_rate=16000, seconds=9.0)
    opened, whole = audio.open(), audio.read()
    assert len(opened) == len(whole)
    np.testing.assert_array_equal(np.asarray(opened), whole)
    for part in (slice(100, 300), slice(15000, 99999), slice(-5, None), slice(9, 3)):
        np.testing.assert_array_equal(opened[part], whole[part])
    blocks = list(Waveform(opened, 16000).blocks(7000))
    assert [block.start for block in blocks] == [0, 7 / 16, 14 / 16]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), whole)


def test_full_folder_of_temporary_files_is_named(monkeypatch, tmp_path):
    class Full:
        def write(self, data):
            raise OSError(28, 'No space left on device')

        def close(self):
            pass

    monkeypatch.setattr('tempfile.TemporaryFile', Full)
    with pytest.raises(OSError, match=r'No space left on device while audio.*TMPDIR'):
        AudioFile(None, sample_rate=16000, seconds=1.0).open()


def test_too_long_length_in_header_adds_no_silence(tmp_path, monkeypatch):
    path = tmp_path / 'short.wav'
    soundfile.write(path, np.ones(16000 * 3) / 4, 16000)
    monkeypatch.setattr(whole_video, '_SECONDS_DECODED', 2)
    monkeypatch.setattr(whole_video, 'audio_info', lambda path, track: AudioInfo(16000, 60.0))
    assert len(AudioFile(str(path), sample_rate=16000, seconds=9.0).read()) == 16000 * 3


def test_video_without_audio_track_is_silent(pixels, tmp_path):
    write_mp4(tmp_path / 'mute.mp4', pixels[:5], fps=5.0)
    audio = AudioFile(str(tmp_path / 'mute.mp4'), sample_rate=8000, seconds=1.0).read()
    assert audio.shape == (8000,)
    assert not audio.any()


def test_damaged_seconds_become_silence(tmp_path):
    samples = np.full(16000 * 5, 0.25, np.float32)
    samples[40000:41000] = np.nan
    path = tmp_path / 'damaged.wav'
    soundfile.write(path, samples, 16000, subtype='FLOAT')
    audio = AudioFile(str(path), sample_rate=16000, seconds=5.0).read()
    assert len(audio) == len(samples)
    assert not audio[32000:48000].any()
    assert (audio[:32000] == 0.25).all()
    soundfile.write(path, np.full(16000, np.nan), 16000, subtype='FLOAT')
    with pytest.raises(BrokenDataError, match='NaN'):
        AudioFile(str(path), sample_rate=16000, seconds=1.0).read()


def test_damaged_seconds_of_mp3_become_silence(tmp_path):
    rng = np.random.default_rng(2)  # after this damage libsndfile returns negative positions
    path = tmp_path / 'damaged.mp3'
    soundfile.write(path, rng.normal(0, 0.1, 16000 * 8), 16000)
    content = bytearray(path.read_bytes())
    third, half = len(content) // 3, len(content) // 2
    content[third:half] = rng.bytes(half - third)
    path.write_bytes(content)
    audio = AudioFile(str(path), sample_rate=16000, seconds=8.0).read()
    assert 16000 * 2 <= len(audio) <= 16000 * 9
    assert audio[2000:16000].std() > 0.05


def record(folder):
    masks = [encode_mask(np.eye(32, 48, dtype=bool))] * COUNT
    return {
        'video_id': 3,
        'video_name': 'v',
        'frames': sorted(map(str, folder.glob('*.png'))),
        'audio': None,
        'fps': 2.0,
        'length': COUNT,
        'height': 32,
        'width': 48,
        'tracks': [{'id': 1, 'label': 0, 'masks': masks}],
        'sample_idx': 5,
    }


def test_open_video_reads_only_the_first_frame(folder):
    item = PackVideo()(LoadTracks(form='tracks')(OpenVideo()(record(folder))))
    frames, audio = item['inputs']['frames'], item['inputs']['audio']
    assert list(frames._cache) == [0]
    assert audio.seconds == 20.0
    sample = item['data_samples']
    assert sample.gt_tracks.ids.tolist() == [1]
    assert len(sample.gt_tracks.masks[0]) == COUNT
    assert (sample.video_id, sample.video_index, sample.fps) == (3, 5, 2.0)
    assert sample.ori_shape == (32, 48)
    batch = pseudo_collate([item, item])
    assert batch['inputs']['frames'] == [frames, frames]
