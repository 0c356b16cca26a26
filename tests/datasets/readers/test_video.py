import gc
import shutil
import socket

import av
import numpy as np
import pytest

from avis.apis.media_inputs import VideoInput, check_inputs
from avis.datasets.readers import video
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.video import read_video_frames, video_info, walk_video
from tests.helpers.tiny_sets import number_shown, truncate, write_audio, write_video


@pytest.fixture(scope='module')
def video_path(tmp_path_factory):
    """20 seconds, 10 frames and half a key frame per second."""
    return write_video(tmp_path_factory.mktemp('video') / 'a.mp4', frames=200)


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Number of frames that each pass through the decoder took."""
    counts = []
    walk = video._Cursor._decode

    def count(self):
        counts.append(0)
        for frame in walk(self):
            counts[-1] += 1
            yield frame

    monkeypatch.setattr(video._Cursor, '_decode', count)
    return counts


def test_frames_are_returned_in_the_requested_order(video_path) -> None:
    frames = read_video_frames(video_path, [7.3, 0.0, 19.9, 7.3])
    assert frames.shape == (4, 64, 64, 3)
    assert frames.dtype == np.uint8
    assert [number_shown(frame) for frame in frames] == [73, 0, 199, 73]


def test_every_frame_is_read(video_path) -> None:
    frames = read_video_frames(video_path, np.arange(200) / 10)
    assert [number_shown(frame) for frame in frames] == list(range(200))


def test_decoding_starts_at_the_key_frame(video_path, decoded) -> None:
    frame = read_video_frames(video_path, [14.3])[0]
    assert number_shown(frame) == 143
    assert sum(decoded) <= 4  # key frame 140 to 143


def test_reader_seeks_to_key_frames_between_frames(video_path, decoded) -> None:
    frames = read_video_frames(video_path, [0.1, 0.5, 8.2, 16.1])
    assert [number_shown(frame) for frame in frames] == [1, 5, 82, 161]
    assert sum(decoded) <= 6 + 3 + 2


def test_file_without_index_is_read_on_or_seeked(video_path, decoded, monkeypatch) -> None:
    start = video._Cursor.__init__

    def forget_index(self, *args):
        start(self, *args)
        self.keys = np.zeros(0)

    monkeypatch.setattr(video._Cursor, '__init__', forget_index)
    frames = read_video_frames(video_path, [0.0, 3.0, 18.5])
    assert [number_shown(frame) for frame in frames] == [0, 30, 185]
    assert sum(decoded) <= 31 + 6


def test_frame_after_the_end_is_an_error(video_path) -> None:
    with pytest.raises(BrokenDataError, match=r'ends at 20\.00 s, but a frame at 25\.00 s'):
        read_video_frames(video_path, [1.0, 25.0])


def test_truncated_video_is_an_error(tmp_path) -> None:
    path = truncate(write_video(tmp_path / 'a.mp4', frames=30))
    with pytest.raises(BrokenDataError, match=r'a\.mp4: cannot be decoded'):
        read_video_frames(path, [0.0])


def test_audio_without_images_is_an_error(tmp_path) -> None:
    with pytest.raises(BrokenDataError, match='no video stream'):
        read_video_frames(write_audio(tmp_path / 'a.wav', 1), [0.0])


def test_missing_video_is_an_error_with_its_path(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'a\.mp4 does not exist'):
        read_video_frames(tmp_path / 'a.mp4', [0.0])


def test_shrink_is_applied_to_each_decoded_frame(video_path) -> None:
    sizes = []

    def shrink(image):
        sizes.append(image.shape)
        return image[::2, ::2]

    frames = read_video_frames(video_path, [2.0, 1.0], shrink)
    assert frames.shape == (2, 32, 32, 3)
    assert sizes == [(64, 64, 3)] * 2


def test_walk_video_yields_frames_as_they_are_decoded(video_path, decoded) -> None:
    frames = walk_video(video_path, (k / 10 for k in range(200)))
    assert [number_shown(next(frames)) for _ in range(3)] == [0, 1, 2]
    assert sum(decoded) <= 4


def test_walk_video_frees_frames_without_the_garbage_collector(video_path) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in walk_video(video_path, np.arange(50) / 10):
            pass
        kept = [found for found in gc.get_objects() if type(found) is av.VideoFrame]
    finally:
        gc.enable()
    assert len(kept) < 10  # the first one, current ones and their RGB copies


def test_readers_of_a_file_are_freed_without_the_garbage_collector(video_path) -> None:
    gc.collect()
    gc.disable()
    try:
        video_info(video_path)
        next(walk_video(video_path, [0.5]))
        kept = [found for found in gc.get_objects() if type(found).__name__ == '_Cursor']
    finally:
        gc.enable()
    assert kept == []


def test_video_info_of_a_file(video_path) -> None:
    info = video_info(video_path)
    assert (info.height, info.width, info.has_audio) == (64, 64, True)
    assert info.fps == pytest.approx(10)
    assert info.seconds == pytest.approx(20)


class _Pipe:
    """A file that cannot seek: a container written to it cannot state its length afterwards."""

    def __init__(self, path) -> None:
        self.file = path.open('wb')

    def write(self, data) -> int:
        return self.file.write(data)


def test_length_of_stream_without_header_is_found(video_path, tmp_path) -> None:
    pipe = _Pipe(tmp_path / 'a.mkv')
    with av.open(str(video_path)) as source, av.open(pipe, 'w', format='matroska') as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    pipe.file.close()
    with av.open(str(tmp_path / 'a.mkv')) as container:
        assert container.duration is None
    assert video_info(tmp_path / 'a.mkv').seconds == pytest.approx(20)
    (frame,) = read_video_frames(tmp_path / 'a.mkv', [12.3])
    assert number_shown(frame) == 123


def test_audio_file_is_not_a_video(tmp_path) -> None:
    with pytest.raises(BrokenDataError, match='has no video stream'):
        video_info(write_audio(tmp_path / 'a.wav', seconds=1))


@pytest.mark.parametrize(
    'playlist',
    [
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n',
        "ffconcat version 1.0\nfile '{}'\n",
        'v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{}\n',
    ],
)
def test_playlist_named_as_a_video_opens_no_other_file(playlist, video_path, tmp_path) -> None:
    path = tmp_path / 'upload.mp4'
    shutil.copy(video_path, tmp_path / 'private.mp4')
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.setblocking(False)
        address = f'http://127.0.0.1:{server.getsockname()[1]}/a.mp4'
        for named in (address, video_path, 'private.mp4'):
            path.write_text(playlist.format(named))
            with pytest.raises(BrokenDataError, match=r'upload\.mp4: cannot be decoded'):
                video_info(path)
            problems = check_inputs({'upload': VideoInput(path)}).problems
            assert 'cannot be decoded' in problems['upload']
        with pytest.raises(BlockingIOError):
            server.accept()
