"""Bad uploads are refused in one sentence; files are deleted when no page needs them."""

import av
import numpy as np
import pytest
import soundfile

from avis.app.uploads import SessionFiles, UploadError, UploadLimits, check_upload
from tests.helpers.painted import paint, passing, write_video

LIMITS = UploadLimits(megabytes=1, seconds=3)


def test_a_video_is_accepted_with_and_without_audio(clip, tmp_path):
    assert check_upload(clip, LIMITS) == 'Ready to predict: 0.9 s, 64 x 32 pixels.'
    mute = write_video(tmp_path / 'mute.mp4', passing(2), audio=False)
    assert 'no audio: silence is used' in check_upload(mute, LIMITS)


class Stream:
    """A file that cannot be read or rewound, as the recorder of a browser writes."""

    def __init__(self, path):
        self.file = path.open('wb', buffering=0)

    def write(self, data):
        return self.file.write(data)


def test_recordings_without_a_length_in_their_header_have_one(tmp_path):
    path = tmp_path / 'recording.webm'
    with av.open(Stream(path), 'w', format='webm') as container:
        stream = container.add_stream('libvpx', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, 'yuv420p'
        for image in paint(passing(8)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert container.duration is None
    assert check_upload(path, LIMITS).startswith('Ready to predict: 0.8 s, 64 x 32 pixels')


def test_bad_uploads_are_refused_in_one_sentence(clip, tmp_path):
    text, voice, broken = (tmp_path / name for name in ('a.mp4', 'voice.wav', 'broken.mp4'))
    text.write_text('no video')
    soundfile.write(voice, np.zeros(1600, np.float32), 16000)
    content = clip.read_bytes()
    broken.write_bytes(content.replace(content[content.index(b'mdat') + 4 :][:4000], b'\0' * 4000))
    for path, limits, problem in (
        (text, LIMITS, 'is not a video that can be read'),
        (voice, LIMITS, 'contains audio, but no video'),
        (broken, LIMITS, 'is damaged'),
        (clip, UploadLimits(megabytes=1, seconds=0.5), 'lasts 0.9 s: at most 0.5 s'),
        (clip, UploadLimits(megabytes=0.001, seconds=3), 'at most 0.001 MB'),
        (tmp_path / 'gone.mp4', LIMITS, 'no longer here'),
    ):
        with pytest.raises(UploadError, match=problem) as refused:
            check_upload(path, limits)
        assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    'playlist',
    [
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n',
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_playlists_cannot_show_files_of_the_server(playlist, clip, tmp_path):
    secret = tmp_path / 'secret.mp4'
    secret.write_bytes(clip.read_bytes())
    for name in ('upload.mp4', 'upload.m3u8', 'upload.ffconcat'):
        upload = tmp_path / name
        upload.write_text(playlist.format(secret))
        with pytest.raises(UploadError, match='is not a video that can be read'):
            check_upload(upload, LIMITS)


def test_files_are_deleted_when_the_last_page_needs_them_no_more(tmp_path):
    files = SessionFiles()
    upload, results = tmp_path / 'upload.mp4', tmp_path / 'results'
    upload.touch()
    results.mkdir()
    files.replace('a', 'upload', upload)
    files.replace('b', 'upload', upload)
    files.replace('a', 'results', results)
    files.replace('a', 'results', None)
    assert not results.exists()
    files.close('a')
    assert upload.exists()
    files.close('b')
    assert not upload.exists()
