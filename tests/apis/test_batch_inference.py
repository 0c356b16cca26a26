import json
from pathlib import Path

import av
import pytest

from avis.apis import batch_inference, infer
from avis.apis.batch_inference import find_videos
from tests.helpers.painted import CONFIG, SIZE, passing, write_video


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / 'videos'
    folder.mkdir()
    for name, length in (('a', 9), ('-b', 5), ('c', 1)):
        write_video(folder / f'{name}.mp4', passing(length))
    (folder / 'notes.txt').write_text('not a video')
    return folder


@pytest.fixture
def predicted(monkeypatch):
    """Names of the videos that were predicted."""
    names = []
    predict = batch_inference.predict_video

    def remember(model, record, **arguments):
        names.append(record['video_name'])
        return predict(model, record, **arguments)

    monkeypatch.setattr(batch_inference, 'predict_video', remember)
    return names


def run(videos, out, **arguments):
    return infer(CONFIG, None, [videos], out, **{'size': 4, 'overlap': 0, **arguments})


def test_infer_writes_video_and_tracks_of_every_video(videos, tmp_path):
    assert run(videos, tmp_path / 'out') == {}
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['-b', 'a', 'c']
    content = json.loads((tmp_path / 'out' / 'a' / 'results.json').read_text())
    assert (content['video'], content['length'], content['fps']) == ('a', 9, 10)
    assert (content['height'], content['width']) == SIZE
    first, second = content['tracks']
    assert (first['id'], first['label'], first['class']) == (0, 0, 'person')
    assert (second['label'], second['class']) == (1, 'violin')
    assert 0.9 < first['score'] <= 1
    assert all(rle['size'] == list(SIZE) for rle in first['segmentations'])
    assert second['segmentations'][:3] == [None] * 3
    with av.open(str(tmp_path / 'out' / 'a' / 'video.mp4')) as video:
        assert float(video.streams.video[0].average_rate) == 30
        assert len(list(video.decode(video=0))) == 27
        assert video.streams.audio[0].rate == 16000


def test_interrupted_run_resumes(videos, tmp_path, predicted, monkeypatch):
    out, write = tmp_path / 'out', batch_inference.write_track_video

    def break_off(path, record, *arguments, **more):
        if record['video_name'] == 'c':
            raise KeyboardInterrupt
        write(path, record, *arguments, **more)

    monkeypatch.setattr(batch_inference, 'write_track_video', break_off)
    with pytest.raises(KeyboardInterrupt):
        run(videos, out)
    assert not list(out.rglob('*.part'))
    assert not (out / 'c' / 'results.json').exists()
    monkeypatch.setattr(batch_inference, 'write_track_video', write)
    before = (out / 'a' / 'results.json').stat().st_mtime_ns
    predicted.clear()
    assert run(videos, out) == {}
    assert predicted == ['c']
    assert (out / 'a' / 'results.json').stat().st_mtime_ns == before
    predicted.clear()
    assert run(videos, out) == {}
    assert predicted == []


def test_changed_settings_or_file_are_predicted_again(videos, tmp_path, predicted):
    run(videos, tmp_path / 'out', video=False)
    assert not list(tmp_path.rglob('video.mp4'))
    predicted.clear()
    write_video(videos / 'c.mp4', passing(2))
    run(videos, tmp_path / 'out', video=False)
    assert predicted == ['c']
    predicted.clear()
    run(videos, tmp_path / 'out', video=False, overlap=1)
    assert predicted == ['-b', 'a', 'c']
    predicted.clear()
    run(videos, tmp_path / 'out', video=True, overlap=1)
    assert predicted == ['-b', 'a', 'c']


def test_broken_video_does_not_stop_the_others(videos, tmp_path):
    (videos / 'a.mp4').write_bytes((videos / 'a.mp4').read_bytes()[:200])
    failed = run(videos, tmp_path / 'out', video=False)
    assert list(failed) == ['a']
    assert 'a.mp4' in failed['a']
    assert (tmp_path / 'out' / 'c' / 'results.json').is_file()
    assert not (tmp_path / 'out' / 'a').exists()


def test_folders_of_frames_and_of_videos(videos, tmp_path):
    frames = tmp_path / 'frames'
    frames.mkdir()
    (frames / '1.jpg').write_bytes(b'')
    found = dict(find_videos([videos, frames, videos.parent / 'videos' / 'notes.txt']))
    assert {name: path.name for name, path in found.items()} == {
        '-b': '-b.mp4',
        'a': 'a.mp4',
        'c': 'c.mp4',
        'frames': 'frames',
        'notes': 'notes.txt',
    }


@pytest.mark.parametrize('name', ['..mp4', '...mp4'])
def test_results_stay_inside_the_output_folder(name, tmp_path):
    (tmp_path / name).write_bytes(b'')
    ((folder, path),) = find_videos([tmp_path / name])
    assert path == tmp_path / name
    assert folder.startswith('video-')


def test_two_videos_of_the_same_name_are_an_error(videos, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    write_video(other / 'a.mp4', passing(1))
    with pytest.raises(ValueError, match="have the same name 'a'"):
        dict(find_videos([videos, other]))


def test_missing_input_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        dict(find_videos([tmp_path / 'nowhere']))
    with pytest.raises(ValueError, match='contains neither frames'):
        dict(find_videos([tmp_path]))


def test_one_audio_file_for_several_videos_is_an_error(videos, tmp_path):
    with pytest.raises(ValueError, match=r'expected one video with audio=.*, got 3'):
        run(videos, tmp_path / 'out', audio=Path('audio.wav'))
