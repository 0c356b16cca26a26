import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from avis.apis import batch_inference, infer, video_records
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
    video = content['video']
    assert (video['name'], video['length'], video['fps']) == ('a', 9, 10)
    assert (video['height'], video['width']) == SIZE
    first, second = content['tracks']
    assert (first['id'], first['label'], first['class']) == (1, 0, 'person')
    assert (second['label'], second['class']) == (1, 'violin')
    assert 0.9 < first['score'] <= 1
    assert all(rle['size'] == list(SIZE) for rle in first['segmentations'])
    assert second['segmentations'][:3] == [None] * 3
    with av.open(str(tmp_path / 'out' / 'a' / 'video.mp4')) as video:
        assert float(video.streams.video[0].average_rate) == 30
        assert len(list(video.decode(video=0))) == 27
        assert video.streams.audio[0].rate == 16000


def test_interrupted_run_resumes(videos, tmp_path, predicted, monkeypatch):
    out, write = tmp_path / 'out', batch_inference.write_annotated_video

    def break_off(path, record, *arguments, **more):
        if record['video_name'] == 'c':
            raise KeyboardInterrupt
        write(path, record, *arguments, **more)

    monkeypatch.setattr(batch_inference, 'write_annotated_video', break_off)
    with pytest.raises(KeyboardInterrupt):
        run(videos, out)
    assert not list(out.rglob('*.part'))
    assert not (out / 'c' / 'results.json').exists()
    monkeypatch.setattr(batch_inference, 'write_annotated_video', write)
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
    predicted.clear()
    run(videos, tmp_path / 'out', video=True, overlap=1, amp=True)
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


def test_unexpected_error_of_a_video_does_not_stop_the_others(videos, tmp_path, monkeypatch):
    read, log = batch_inference.video_record, []

    def fail(path, *arguments, **more):
        if path.stem == 'a':
            raise ZeroDivisionError('a defect')
        return read(path, *arguments, **more)

    monkeypatch.setattr(batch_inference, 'video_record', fail)
    monkeypatch.setattr(batch_inference, 'print_log', lambda line, *_: log.append(line))
    (videos / 'gone.mp4').symlink_to(tmp_path / 'nowhere.mp4')
    failed = run(videos, tmp_path / 'out', video=False)
    assert failed.keys() == {'a', 'gone'}
    assert failed['a'] == 'ZeroDivisionError: a defect'
    assert 'gone.mp4' in failed['gone']
    assert (tmp_path / 'out' / 'c' / 'results.json').is_file()
    (told,) = (line for line in log if line.startswith('a: '))
    assert 'Traceback' in told
    assert 'in fail' in told
    assert not any('Traceback' in line for line in log if line.startswith('gone: '))


def test_error_that_concerns_all_videos_ends_the_run(videos, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ModuleNotFoundError('no package')

    monkeypatch.setattr(batch_inference, 'predict_video', fail)
    with pytest.raises(ImportError, match='no package'):
        run(videos, tmp_path / 'out')


@pytest.mark.parametrize(
    'content', [b'', b'[]', b'{"settings": 1}', b'\xff\xfe', b'[' * 100_000, b'{"a": 1']
)
def test_unreadable_results_are_made_again(content, videos, tmp_path, predicted):
    path = tmp_path / 'out' / 'c' / 'results.json'
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert infer(CONFIG, None, [videos / 'c.mp4'], tmp_path / 'out', video=False) == {}
    assert predicted == ['c']
    assert json.loads(path.read_text())['video']['length'] == 1


def test_files_of_a_killed_run_are_removed(videos, tmp_path):
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    part = tmp_path / 'out' / 'c' / f'video.mp4.{killed.pid}.part'
    part.parent.mkdir(parents=True)
    part.touch()
    assert infer(CONFIG, None, [videos / 'c.mp4'], tmp_path / 'out', video=False) == {}
    names = {path.name for path in part.parent.iterdir()}
    assert names >= {'results.json', 'speakers.csv', 'boxes.csv'}
    assert not any(name.endswith('.part') for name in names)


def test_lock_that_a_killed_run_left_beside_complete_results_is_removed(
    videos, tmp_path, predicted
):
    lock = tmp_path / 'c' / '.lock'
    for _ in range(2):
        assert infer(CONFIG, None, [videos / 'c.mp4'], tmp_path, video=False) == {}
        assert not lock.exists()
        lock.touch()
    assert predicted == ['c']


def test_video_of_another_running_process_is_refused(videos, tmp_path):
    out = tmp_path / 'out'
    code = (
        f'import sys; from avis.utils.folder_lock import folder_lock\nwith folder_lock("{out}/a"):'
    )
    holder = subprocess.Popen(
        [sys.executable, '-c', f'{code} print(flush=True); sys.stdin.read()'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        holder.stdout.readline()
        failed = run(videos, out, video=False)
        holder.stdin.close()
    assert list(failed) == ['a']
    assert f'is in use by process {holder.pid} on ' in failed['a']
    assert not (out / 'a').exists()
    assert (out / 'c' / 'results.json').is_file()


@pytest.mark.parametrize(
    ('arguments', 'problem'),
    [
        ({'fps': 0}, 'expected fps > 0'),
        ({'fps': float('nan')}, 'expected fps > 0'),
        ({'fps': float('inf')}, 'expected fps > 0'),
        ({'size': -1}, 'windows of at least one frame, got -1'),
        ({'overlap': 4}, 'overlap from 0 to below 4 frames, got 4'),
        ({'overlap': -1}, 'got -1'),
        ({'num_workers': -1}, '0 worker processes, got -1'),
    ],
)
def test_numbers_are_checked_before_the_model_is_loaded(
    arguments, problem, videos, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_inference, 'init_model', None)
    with pytest.raises(ValueError, match=problem):
        run(videos, tmp_path / 'out', **arguments)


def test_output_folder_is_checked_before_the_model_is_loaded(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_inference, 'init_model', None)
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file'):
        run(videos, tmp_path / 'file')


def test_every_kind_of_video_is_found_and_the_rest_is_named(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(video_records, 'print_log', lambda line, **_: lines.append(line))
    names = ['10.3gp', '2.WMV', 'a.flv', 'b.mts', 'c.ogv', 'd.m2ts']
    for name in [*names, '._a.flv', 'thumb.jpg', 'Thumbs.db', 'notes.txt']:
        (tmp_path / name).touch()
    (tmp_path / 'more').mkdir()
    assert [path.name for _, path in find_videos([tmp_path])] == ['2.WMV', *names[:1], *names[2:]]
    assert lines == [
        f'{tmp_path}: passed over 5 entries: ._a.flv, Thumbs.db, more, notes.txt, thumb.jpg'
    ]


def test_further_formats_of_complete_videos_are_written(videos, tmp_path, predicted):
    out = tmp_path / 'out'
    run(videos / 'c.mp4', out, video=False)
    before = {path.name for path in (out / 'c').iterdir()}
    predicted.clear()
    assert run(videos / 'c.mp4', out, video=False, export=['youtube_vis']) == {}
    assert predicted == []
    assert {path.name for path in (out / 'c').iterdir()} > before


def test_inputs_that_cannot_be_predicted_fail_before_the_model_is_loaded(
    videos, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_inference, 'init_model', None)
    assert run(videos / 'notes.txt', tmp_path / 'out')['notes'].endswith(
        '(Invalid data found when processing input).'
    )


def test_missing_input_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        dict(find_videos([tmp_path / 'nowhere']))
    with pytest.raises(ValueError, match='contains neither frames'):
        dict(find_videos([tmp_path]))


def test_one_audio_file_for_several_videos_is_an_error(videos, tmp_path):
    with pytest.raises(ValueError, match=r'expected one video with audio=.*, got 3'):
        run(videos, tmp_path / 'out', audio=Path('audio.wav'))
