"""Files and folders are complete or absent, whatever interrupts the writing."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avis.utils.atomic import (
    atomic_folder,
    atomic_path,
    check_writable,
    remove_stale_parts,
    temporary_path,
    write_atomic,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(('content', 'expected'), [(b'\x00\xff', b'\x00\xff'), ('ü', b'\xc3\xbc')])
def test_write_atomic_creates_parents_and_replaces(content, expected, tmp_path) -> None:
    path = tmp_path / 'new' / 'file'
    write_atomic(path, b'something longer')
    write_atomic(path, content)
    assert path.read_bytes() == expected
    assert names(path.parent) == ['file']


def test_lone_surrogates_can_be_escaped(tmp_path) -> None:
    reply = {'text': 'cut \ud83d', 'whole': '🎬 ü'}
    text = json.dumps(reply, ensure_ascii=False)
    write_atomic(tmp_path / 'record.json', text, errors='backslashreplace')
    written = (tmp_path / 'record.json').read_text(encoding='utf-8')
    assert json.loads(written) == reply
    assert '🎬 ü' in written


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_interrupted_file_keeps_the_old_one(error, tmp_path) -> None:
    path = tmp_path / 'file'
    path.write_text('old')

    def write() -> None:
        with atomic_path(path) as part:
            part.write_text('new')
            assert path.read_text() == 'old'
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['file']


@pytest.mark.parametrize('problem', [errno.ENOSPC, errno.EROFS])
def test_full_disk_is_named_with_the_file(problem, tmp_path, monkeypatch) -> None:
    def fail(*_) -> None:
        raise OSError(problem, os.strerror(problem))

    def make_folder() -> None:
        with atomic_folder(path) as part:
            (part / 'file').write_bytes(b'content')

    path = tmp_path / 'page.html'
    for failing, named, call in (
        ('os.fsync', path, lambda: write_atomic(path, 'text')),
        ('pathlib.Path.write_bytes', path, lambda: write_atomic(path, 'text')),
        ('pathlib.Path.write_bytes', path, make_folder),
        ('pathlib.Path.write_bytes', tmp_path, lambda: check_writable(tmp_path)),
    ):
        monkeypatch.setattr(failing, fail)
        with pytest.raises(OSError, match=os.strerror(problem)) as caught:
            call()
        monkeypatch.undo()
        assert (caught.value.errno, caught.value.filename) == (problem, str(named))
        assert names(tmp_path) == []


def test_file_is_synced_before_it_is_renamed(tmp_path, monkeypatch) -> None:
    synced = []
    monkeypatch.setattr('os.fsync', lambda _: synced.append(names(tmp_path)))
    write_atomic(tmp_path / 'file', 'text')
    assert synced == [[f'file.{os.getpid()}.part']]


def test_processes_that_write_the_same_file_do_not_disturb_each_other(tmp_path) -> None:
    path = tmp_path / 'file'
    code = f'from avis.utils.atomic import write_atomic; write_atomic({str(path)!r}, "theirs")'
    with atomic_path(path) as part:
        part.write_text('ours')
        subprocess.run([sys.executable, '-c', code], check=True)
        assert path.read_text() == 'theirs'
    assert path.read_text() == 'ours'
    assert names(tmp_path) == ['file']


def test_folder_appears_when_it_is_complete(tmp_path) -> None:
    target = tmp_path / 'new' / 'set'
    with atomic_folder(target) as part:
        (part / 'file').write_text('content')
        assert not target.exists()
    assert names(target) == ['file']
    assert names(target.parent) == ['set']


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_interrupted_folder_leaves_nothing(error, tmp_path) -> None:
    def write() -> None:
        with atomic_folder(tmp_path / 'set') as part:
            (part / 'file').write_text('content')
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == []


def test_folder_that_another_process_made_meanwhile_is_kept(tmp_path) -> None:
    def write() -> None:
        with atomic_folder(tmp_path / 'set') as part:
            (part / 'file').write_text('ours')
            (tmp_path / 'set').mkdir()
            (tmp_path / 'set' / 'file').write_text('theirs')

    with pytest.raises(FileExistsError, match='set exists and is not empty'):
        write()
    assert (tmp_path / 'set' / 'file').read_text() == 'theirs'
    assert names(tmp_path) == ['set']


def test_only_parts_of_dead_processes_are_removed(tmp_path) -> None:
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    ours = temporary_path(tmp_path / 'file')
    kept = [ours.name, f'file.{os.getppid()}.part', 'file.part', 'other']
    for name in (*kept, f'file.{killed.pid}.part', f'other.{killed.pid}.part'):
        (tmp_path / name).touch()
    remove_stale_parts(tmp_path, 'file')
    assert names(tmp_path) == sorted([*kept, f'other.{killed.pid}.part'])
    remove_stale_parts(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_next_folder_removes_the_parts_of_killed_processes(tmp_path) -> None:
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    part = tmp_path / f'.data[1].{killed.pid}.part'
    running = tmp_path / f'.data[1].{os.getppid()}.part'
    for folder in (part, running):
        folder.mkdir()
        (folder / 'file').touch()
    with atomic_folder(tmp_path / 'data[1]') as folder:
        (folder / 'new').touch()
    assert names(tmp_path) == [running.name, 'data[1]']


def test_next_file_removes_the_parts_of_killed_processes(tmp_path) -> None:
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    others = [f'page.{os.getppid()}.part', f'other.{killed.pid}.part', 'page.part']
    for name in (f'page.{killed.pid}.part', *others):
        (tmp_path / name).touch()
    write_atomic(tmp_path / 'page', 'text')
    assert names(tmp_path) == sorted(['page', *others])


def test_folder_is_checked_before_work(tmp_path) -> None:
    check_writable(tmp_path / 'new' / 'out')
    assert names(tmp_path / 'new' / 'out') == []
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file'):
        check_writable(tmp_path / 'file')
    with pytest.raises(OSError, match='file'):
        check_writable(tmp_path / 'file' / 'out')
