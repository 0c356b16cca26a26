"""The fuzzer reads damaged files of every kind, repeats them, and sees planted faults."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz, keep
from tests.fuzz.mutation import mutate
from tests.fuzz.readers import SENTINEL, Reader
from tests.fuzz.worker import read_one

READERS = ['png', 'image', 'label map', 'features', 'transcript', 'stage cache', 'csv', 'config']
READERS += ['overrides', 'log-mel', 'checkpoint', 'face rows']


def test_damaged_files_cause_no_fault() -> None:
    tried, read, faults = fuzz(1, inputs=240, seconds=float('inf'), readers=READERS)
    assert faults == []
    assert tried == dict.fromkeys(READERS, 20)
    assert 0 < read.total() < 240


def bad_type(path: Path) -> None:
    raise KeyError('persons')


def bad_name(path: Path) -> None:
    raise ValueError('no file named')


def runs_code(path: Path) -> None:
    (path.parent / SENTINEL).touch()


def library_error(path: Path) -> None:
    raise UnicodeDecodeError('utf-8', b'\xff', 0, 1, str(path))


@pytest.mark.parametrize(
    ('read', 'fault'),
    [
        (bad_type, "KeyError: 'persons'"),
        (bad_name, 'ValueError does not name the file'),
        (runs_code, 'executed'),
        (library_error, 'UnicodeDecodeError'),
        (lambda path: None, ''),
    ],
)
def test_planted_faults_are_seen(read, fault: str, tmp_path: Path) -> None:
    reader = Reader({'a.txt': b'some text'}, read)
    report = read_one(reader, random.Random(0), tmp_path)
    assert fault in report['fault']
    assert bool(report['fault']) == bool(fault)


@pytest.mark.parametrize('suffix', ['.png', '.json', '.vtt', '.mp4'])
def test_inputs_depend_on_the_seed_only(suffix: str) -> None:
    data = b'{"a": [1, {"b": null}]}' * 20
    inputs = [[mutate(data, suffix, random.Random(n)) for n in range(50)] for _ in range(2)]
    assert inputs[0] == inputs[1]
    assert len(set(inputs[0])) > 25


def test_input_is_kept_in_a_folder(tmp_path: Path) -> None:
    paths = [keep(3, 7, ['transcript', 'png'], tmp_path / name) for name in 'ab']
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].name.endswith('.png')


def test_command_prints_the_inputs_of_each_reader() -> None:
    command = [sys.executable, '-m', 'tests.fuzz', '--inputs', '6', '--readers', 'csv', 'config']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '6 inputs, 0 faults, seed 0' in done.stdout
