import re
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from avis.apis import video_record
from avis.datasets.readers import container
from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.container import NoAudioError
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.video import read_video_frames, video_info
from avis.datasets.readers.whole_video import AudioFile
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.whole_video import OpenVideo
from tests.helpers.odd_media import MP4, ODD_FILES, beep_starts, with_bytes, write_odd
from tests.helpers.odd_media_checks import check_odd, load_in_windows, write_and_read
from tests.helpers.odd_media_outputs import write_and_find

# The others are checked by benchmarks/media_time.py.
FAST = (
    'mp4 uneven',
    'mp4 clockwise',
    'mp4 transposed',
    'mp4 audio starts late',
    'mkv wall clock',
    'mkv ac3 5.1',
    'ts two pieces',
    'mpg',
    'avi h264 b-frames',
    'avi dropped frames',
    'flv h264 aac',
)


@pytest.mark.parametrize('name', FAST)
def test_flash_and_beep_are_found_at_their_time(tmp_path, name) -> None:
    path = write_odd(tmp_path / 'a', ODD_FILES[name])
    assert check_odd(path, ODD_FILES[name], tmp_path / 'written.mp4') == []


@pytest.mark.parametrize('name', ['mp4 edit list', 'mp4 counterclockwise', 'mp4 without audio'])
def test_annotated_video_and_speaker_table_show_flash_and_beep_at_their_time(tmp_path, name):
    path = write_odd(tmp_path / 'a', ODD_FILES[name])
    found = write_and_find(path, tmp_path / 'out')
    assert found.wrong(ODD_FILES[name]) == []
    assert len(found.flashes) == 2
    assert len(found.speech) == (0 if name == 'mp4 without audio' else 2)


def test_frames_hold_until_the_next_one_and_to_the_end_of_the_audio(tmp_path) -> None:
    spec = replace(MP4, suffix='.mkv', kept=lambda k, time: k in (0, 26, 60))
    path = write_odd(tmp_path / 'a', spec)
    info = video_info(path)
    assert info.seconds == pytest.approx(4, abs=0.05)
    frames = read_video_frames(path, [0.0, 1.0, 1.01, 1.05, 2.3, 3.9])
    white = frames[:, 32, 48, 0] > 128
    assert white.tolist() == [False, False, False, True, True, False]
    with pytest.raises(BrokenDataError, match=r'ends at 4\.\d+ s'):
        read_video_frames(path, [4.5])


def test_only_default_track_is_read_unless_another_is_chosen(tmp_path) -> None:
    path = write_odd(tmp_path / 'a', replace(MP4, tracks=2))
    assert np.abs(read_audio(path, sample_rate=16000)).max() > 0.3
    assert np.abs(read_audio(path, sample_rate=16000, track=1)).max() < 0.01
    assert audio_info(path, 1).seconds == pytest.approx(4, abs=0.05)
    with pytest.raises(ValueError, match='audio track from 0 to 1, got 2'):
        read_audio(path, sample_rate=16000, track=2)
    record = video_record(path, fps=5, audio_track=1)
    audio = LoadAudio()({**record, 'frame_ids': np.arange(record['length'])})['audio']
    assert np.abs(audio).max() < 0.01
    opened = OpenVideo()(record)['audio'].read()
    assert np.abs(opened).max() < 0.01


def test_center_of_surround_is_as_loud_as_a_standard_downmix_makes_it(tmp_path) -> None:
    path = write_odd(tmp_path / 'a', ODD_FILES['mkv ac3 5.1'])
    loudest = np.abs(read_audio(path, sample_rate=16000)).max()
    assert loudest == pytest.approx(0.5 * 2**-0.5, rel=0.1)


def test_channels_without_positions_are_averaged(tmp_path) -> None:
    samples = np.zeros((1600, 4))
    samples[:, 2] = 0.8
    soundfile.write(tmp_path / 'a.wav', samples, 16000, subtype='FLOAT')
    np.testing.assert_allclose(read_audio(tmp_path / 'a.wav', sample_rate=16000), 0.2, atol=1e-6)


@pytest.fixture
def warnings(monkeypatch):
    """What was logged for each file."""
    logged = []
    monkeypatch.setattr(container, '_warned', set())
    monkeypatch.setattr(container, 'print_log', lambda text, **_: logged.append(text))
    return logged


def test_damaged_packets_are_skipped_and_counted_once(tmp_path, warnings) -> None:
    path = write_odd(tmp_path / 'a', ODD_FILES['mp4 damaged'])
    record = video_record(path, fps=25)
    assert len(load_in_windows(record)[0]) == record['length']
    audio = [line for line in warnings if 'of its audio skipped' in line]
    assert len(audio) == 1
    assert re.search(r'a\.mp4: \d+ damaged packets? of its audio skipped', audio[0])


def test_mp3_cut_in_half_is_read_to_its_end_with_a_warning(tmp_path, warnings) -> None:
    path = write_odd(tmp_path / 'a', replace(MP4, suffix='.mp3', video='', audio='libmp3lame'))
    whole = read_audio(path, sample_rate=16000)
    assert len(whole) == pytest.approx(64000, abs=800)
    assert not warnings
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    half = read_audio(path, sample_rate=16000)
    np.testing.assert_allclose(half[:20000], whole[:20000], atol=1e-4)
    assert 30000 < len(half) < 33000
    assert re.search(r'ends at [12]\.\d\d s, but its header says 4\.\d\d s', warnings[0])


def test_audio_is_recognized_by_content(tmp_path) -> None:
    path = write_odd(tmp_path / 'a', MP4)
    for name in ('b.mp3', 'b.wav', 'b'):
        copy = tmp_path / name
        copy.write_bytes(path.read_bytes())
        assert beep_starts(read_audio(copy, sample_rate=16000)) == pytest.approx([1, 3], abs=0.04)


def test_header_that_claims_days_is_ignored(tmp_path) -> None:
    path = tmp_path / 'a.flac'
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 48000), 16000)
    whole = read_audio(path, sample_rate=16000)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the upper bits of the number of samples
    path.write_bytes(data)
    np.testing.assert_allclose(read_audio(path, sample_rate=16000), whole, atol=1e-6)
    opened = AudioFile(str(path), sample_rate=16000, seconds=3.0).read()
    np.testing.assert_allclose(opened, whole, atol=1e-6)


def test_audio_of_which_nothing_can_be_decoded_is_an_error(tmp_path) -> None:
    def overwrite(kind, number, packet):
        return with_bytes(packet, bytes(packet.size))

    spec = replace(
        MP4, suffix='.mka', video='', audio='libmp3lame', format='matroska', edit=overwrite
    )
    path = write_odd(tmp_path / 'a', spec)
    with pytest.raises(BrokenDataError, match='no audio that can be decoded'):
        read_audio(path, sample_rate=16000)


def test_sample_rate_may_change_inside_a_stream(tmp_path) -> None:
    low, high = (
        write_odd(tmp_path / str(rate), replace(ODD_FILES['ts'], rate=rate))
        for rate in (48000, 44100)
    )
    joined = tmp_path / 'joined.ts'
    joined.write_bytes(low.read_bytes() + high.read_bytes())
    audio = read_audio(joined, sample_rate=16000)
    assert len(audio) / 16000 == pytest.approx(8, abs=0.2)
    assert beep_starts(audio) == pytest.approx([1, 3, 5, 7], abs=0.15)
    spectrum = np.abs(np.fft.rfft(audio[round(5.15 * 16000) :][:4000]))
    assert spectrum.argmax() * 4 == pytest.approx(1000, abs=8)


def test_annotated_video_has_the_aspect_ratio_of_its_source_with_square_pixels(tmp_path) -> None:
    path = write_odd(tmp_path / 'a', ODD_FILES['mp4 wide pixels'])
    assert video_info(path).pixel_aspect == Fraction(16, 11)
    images, _ = write_and_read(video_record(path, fps=25), tmp_path / 'written.mp4')
    height, width = images.shape[1:3]
    assert width / height == pytest.approx(96 / 64 * 16 / 11, abs=0.01)
    with av.open(str(tmp_path / 'written.mp4')) as video:
        assert video.streams.video[0].sample_aspect_ratio in (None, 1)
    turned = write_odd(
        tmp_path / 'b', replace(ODD_FILES['mp4 wide pixels'], orientation='clockwise')
    )
    assert video_info(turned).pixel_aspect == Fraction(11, 16)


def test_audio_given_by_the_user_must_contain_audio(tmp_path) -> None:
    video = write_odd(tmp_path / 'a', replace(MP4, audio=''))
    audio = write_odd(tmp_path / 'b', replace(MP4, audio=''))
    with pytest.raises(NoAudioError, match=r'b\.mp4: has no audio stream'):
        video_record(video, audio, fps=5)


def test_missing_audio_is_logged(tmp_path, warnings) -> None:
    path = write_odd(tmp_path / 'a', replace(MP4, audio=''))
    assert video_record(path, fps=5)['audio'] is None
    assert warnings == ['a: has no audio, silence is used']
    soundfile.write(tmp_path / 'short.wav', np.zeros(16000), 16000)
    video_record(path, tmp_path / 'short.wav', fps=5)
    assert 'short.wav: ends at 1.00 s, but the video at 4.00 s' in warnings[1]


def test_more_channels_than_ffmpeg_keeps_apart(tmp_path) -> None:
    samples = np.zeros((1600, 49))
    samples[:, 20] = 0.49
    soundfile.write(tmp_path / 'a.wav', samples, 16000, subtype='FLOAT')
    np.testing.assert_allclose(read_audio(tmp_path / 'a.wav', sample_rate=16000), 0.01, atol=1e-6)
    soundfile.write(tmp_path / 'b.wav', np.zeros((1600, 234)), 16000)
    with pytest.raises(BrokenDataError, match=r'b\.wav: has audio of 234 channels'):
        read_audio(tmp_path / 'b.wav', sample_rate=16000)


@pytest.mark.parametrize('rate', [999, 1_912_610_624])
def test_implausible_sample_rate_is_an_error(tmp_path, rate) -> None:
    path = tmp_path / 'a.wav'
    soundfile.write(path, np.zeros(100), 16000)
    stored = (16000).to_bytes(4, 'little')
    path.write_bytes(path.read_bytes().replace(stored, rate.to_bytes(4, 'little')))
    for read in (audio_info, lambda path: read_audio(path, sample_rate=16000)):
        with pytest.raises(BrokenDataError, match=rf'a\.wav: states {rate} samples per second'):
            read(path)


def test_stream_that_begins_inside_the_file_is_passed_over(tmp_path, monkeypatch) -> None:
    class Container:
        """The file as PyAV gives it to the reader of packets."""

        def __init__(self, opened) -> None:
            self.opened, self.streams = opened, opened.streams

        def demux(self, *streams):
            yield from self.opened.demux(*streams)
            raise IndexError('list index out of range')  # of PyAV, at the end of such a file

    path = write_odd(tmp_path / 'a', ODD_FILES['ts'])
    with container.open_container(path) as opened:
        stream = opened.streams.video[0]
        packets = list(container.read_packets(Container(opened), stream, None))
    assert len(packets) == 100
