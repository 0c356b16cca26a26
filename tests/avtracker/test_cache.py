"""Results of stages on disk: their names, and what an interruption leaves."""

import json
import os
import random
import subprocess
import sys

import pytest

from avis.avtracker import cache as module
from avis.avtracker.cache import (
    Journal,
    StageCache,
    describe,
    digest,
    file_keys,
)
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.vlm.replay import ReplayVLM
from avis.utils.atomic import temporary_path


@pytest.mark.parametrize('name', ['..', 'a/b', '', '.hidden', 'x' * 400, '視' * 84, 'a\udcff'])
def test_any_name_of_a_video_is_a_folder_of_its_own(name, tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path(name, 'speech', digest(1))
    assert path.parent.parent == tmp_path
    assert path != cache.path(name + 'y', 'speech', digest(1))
    list(cache.save(path, [1]))
    assert cache.load(path) == [1]


def test_a_stage_appears_when_it_is_complete(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())

    def rows():
        yield {'frame': 0}
        assert cache.load(path) is None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(cache.save(path, rows()))
    assert list(path.parent.iterdir()) == []
    assert list(cache.save(path, iter([{'a': 1}, None]))) == [{'a': 1}, None]
    assert cache.load(path) == [{'a': 1}, None]


@pytest.mark.parametrize('keep', [0, 1, 10, 25, -1])
def test_a_cut_file_is_no_stage(keep, tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'speech', digest())
    list(cache.save(path, [{'text': 'hello'}] * 3))
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load(path) is None


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    return lines


def test_where_nothing_can_be_written_the_work_goes_on_and_it_is_said_once(tmp_path, log):
    (tmp_path / 'file').write_text('in the way')
    cache = StageCache(tmp_path / 'file')
    for stage in ('speech', 'vision'):
        path = cache.path('v', stage, digest())
        assert list(cache.save(path, iter([1, 2]))) == [1, 2]
        assert cache.load(path) is None
    journal = cache.journal(path)
    journal.add({'a': 1})
    assert journal.rows() == []
    (said,) = log
    assert said.startswith(f'{tmp_path}/file cannot be written (Not a directory): stages are not')


@pytest.mark.parametrize(
    'rows', [[1, 2], [random.Random(n).randbytes(5000).hex() for n in range(9)]]
)
def test_a_disk_that_fills_up_leaves_nothing_unfinished(rows, tmp_path, log):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    path.parent.mkdir()
    temporary_path(path).symlink_to('/dev/full')
    assert list(cache.save(path, rows)) == rows
    assert list(path.parent.iterdir()) == []
    assert len(log) == 1
    assert 'No space left on device' in log[0]


def test_no_row_follows_one_that_could_not_be_written(tmp_path, log):
    journal = Journal(tmp_path / 'v' / 'local.jsonl')
    journal.add(0)
    journal.path.rename(tmp_path / 'kept')
    journal.path.mkdir()
    journal.add(1)
    journal.path.rmdir()
    (tmp_path / 'kept').rename(journal.path)
    journal.add(2)
    assert journal.rows() == [0]
    assert len(log) == 1


def test_what_a_killed_process_left_goes_when_its_stage_is_done(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    path.parent.mkdir()
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    parts = [path.with_name(f'{path.name}.{pid}.part') for pid in (killed.pid, os.getppid())]
    for part in parts:
        part.touch()
    list(cache.save(path, [1]))
    assert sorted(path.parent.iterdir()) == sorted([path, parts[1]])


def test_an_error_of_the_work_itself_is_no_full_disk(tmp_path, log):
    def rows():
        yield 1
        raise FileNotFoundError('frame 7')

    with pytest.raises(FileNotFoundError, match='frame 7'):
        list(StageCache(tmp_path).save(tmp_path / 'v' / 'vision.json.gz', rows()))
    assert log == []


def test_a_stage_without_rows_is_one(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    list(cache.save(path, []))
    assert cache.load(path) == []


@pytest.mark.parametrize('end', ['', '{"a"', '{"a": 2}', '\x00\x00'])
def test_a_journal_goes_on_after_its_last_whole_row(end, tmp_path):
    journal = Journal(tmp_path / 'v' / 'local.jsonl')
    assert journal.rows() == []
    journal.add({'a': 1})
    with journal.path.open('a') as file:
        file.write(end)
    whole = [{'a': 1}, *([{'a': 2}] if end.endswith('}') else [])]
    assert journal.rows() == whole
    journal.add({'b': 3})
    assert journal.rows() == [*whole, {'b': 3}]


class Part:
    not_in_cache_key = ('device',)

    def __init__(self, *, size, device):
        self.size, self.device = size, device
        self._weights = object()

    def content_key(self, name):
        return f'{name}-{self.size}'

    def chat(self, messages):
        raise AssertionError('nothing is asked here')


def test_a_part_is_described_by_what_changes_its_results():
    one, other = (Part(size=3, device=device) for device in ('cpu', 'cuda'))
    assert describe(one) == describe(other)
    assert describe(one) != describe(Part(size=4, device='cpu'))
    configs = [{'type': Part, 'size': 3, 'device': device} for device in ('cpu', 'cuda')]
    assert describe(configs[0]) == describe(configs[1])
    assert describe(configs[0])['size'] == 3
    assert json.dumps(describe({'parts': [configs[0], one], 'type': Part}))


def test_files_of_parts_inside_of_parts_count():
    assert file_keys(Part(size=2, device=''), 'v') == ['v-2']
    grounding = VLMGrounding(model=Part(size=5, device=''))
    assert 'v-5' in file_keys(grounding, 'v')
    plain = VLMGrounding(model=ReplayVLM(replies={}))
    before = file_keys(plain, 'v')
    plain.protocol = 'official'
    assert file_keys(plain, 'v') != before
