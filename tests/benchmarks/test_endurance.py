"""The benchmark of long runs, with short ones."""

import argparse
import os
import sys
import threading

import pytest


@pytest.fixture
def endurance(import_benchmark):
    return import_benchmark('endurance')


def test_usage_counts_memory_files_and_threads_of_a_process(endurance, tmp_path) -> None:
    before = endurance.Usage.read(os.getpid())
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    with (tmp_path / 'file').open('w'):
        block = bytearray(os.urandom(32 << 20))
        during = endurance.Usage.read(os.getpid())
    ended.set()
    thread.join()
    assert during.files == before.files + 1
    assert during.threads == before.threads + 1
    assert during.unique - before.unique > 0.9 * len(block) / 1e6
    assert during.resident >= during.unique
    assert during.cpu >= before.cpu


def test_table_has_the_beginning_the_middle_and_the_end_without_the_startup(endurance) -> None:
    usages = [endurance.Usage(cpu, 100.0 + cpu, 200.0, 5, 2) for cpu in range(31)]
    rows = endurance.table(usages, startup=10.0).splitlines()[2:]
    assert [row.split()[1] for row in rows] == ['12', '21', '30']
    assert rows[-1] == '| 30 | 130.0 | 200.0 | 5 | 2 |'


def test_videos_are_links_to_a_few_different_ones(endurance, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(endurance, 'DIFFERENT', 2)
    command = endurance.infer(tmp_path, argparse.Namespace(videos=5))
    files = sorted((tmp_path / 'videos').iterdir())
    assert [file.name for file in files] == [f'{number:05d}.mp4' for number in range(5)]
    assert len({file.stat().st_ino for file in files}) == 2
    assert str(tmp_path / 'videos') in command


def test_evaluation_is_watched(endurance, monkeypatch, capsys) -> None:
    words = '--parts evaluate --videos 30 --startup 0 --interval 0.02'
    monkeypatch.setattr(sys, 'argv', ['endurance.py', *words.split()])
    endurance.main()
    name, head, _, *rows = capsys.readouterr().out.splitlines()
    assert name == 'evaluate'
    assert head.split('|')[1:3] == [' CPU s ', ' unique MB ']
    assert len(rows) == 3
    assert all(float(row.split('|')[2]) > 10 for row in rows)


def test_failed_run_shows_its_errors(endurance) -> None:
    with pytest.raises(SystemExit, match='no such video'):
        endurance.watch([sys.executable, '-c', 'raise SystemExit("no such video")'], 0.01)
