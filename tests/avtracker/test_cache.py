"""Results of stages on disk: their names, and the effects of interruptions and full disks."""

import gzip
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
from avis.avtracker.official.grounding import OfficialVLMGrounding
from avis.avtracker.vlm.replay import ReplayVLM
from avis.utils.atomic import temporary_path


@pytest.mark.parametrize('name', ['..', 'a/b', '', '.hidden', 'x' * 400, '視' * 84, 'a\udcff'])
def test_every_video_name_has_its_own_folder(name, tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path(name, 'speech', digest(1))
    assert path.parent.parent == tmp_path
    assert path != cache.path(name + 'y', 'speech', digest(1))
    list(cache.save(path, ['1']))
    assert cache.load(path) == ['1']


def test_stage_file_appears_when_complete(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())

    def lines():
        yield '{"frame": 0}'
        assert cache.load(path) is None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(cache.save(path, lines()))
    assert list(path.parent.iterdir()) == []
    assert list(cache.save(path, iter(['{"a": 1}', 'null']))) == ['{"a": 1}', 'null']
    assert cache.load(path) == ['{"a": 1}', 'null']


@pytest.mark.parametrize('keep', [0, 1, 10, 25, -1])
def test_truncated_file_is_not_loaded(keep, tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'speech', digest())
    list(cache.save(path, ['{"text": "hello"}'] * 3))
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load(path) is None


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    return lines


def stored(tmp_path, lines=('{"a": 1}', '{"b": 2}')):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    list(cache.save(path, lines))
    return cache, path


@pytest.mark.parametrize(
    'text',
    [
        'null\n{"rows": 1}',
        '{}\n{"rows": 1}',
        '{"rows": 0}',
        '[]',
        '',
        '[' * 100_000,
        '{"a": 1}\n' + '[' * 100_000,
        '\xff',
    ],
)
def test_content_of_another_origin_is_named_and_counts_as_absent(text, tmp_path, log):
    cache, path = stored(tmp_path)
    path.write_bytes(gzip.compress(text.encode('latin-1')))
    assert cache.load(path) is None
    assert log == [f'{path} is truncated, damaged or of another origin: its stage is repeated']
    list(cache.save(path, ['3']))
    assert cache.load(path) == ['3']


def test_content_that_is_much_larger_than_its_file_counts_as_absent(tmp_path, log, monkeypatch):
    cache, path = stored(tmp_path, lines=['a' * 200_000])
    assert cache.load(path) == ['a' * 200_000]
    monkeypatch.setattr(module, '_MIN_LIMIT', 1000)
    assert 100 * path.stat().st_size < 200_000
    assert cache.load(path) is None
    assert log == [f'{path} is truncated, damaged or of another origin: its stage is repeated']


def test_changed_rows_with_a_matching_count_count_as_absent(tmp_path, log):
    cache, path = stored(tmp_path)
    text = gzip.decompress(path.read_bytes()).decode()
    for changed in (
        text.replace('{"b": 2}\n', '').replace('"rows": 2', '"rows": 1'),
        text.replace('"b": 2', '"b": 3'),
    ):
        path.write_bytes(gzip.compress(changed.encode()))
        assert cache.load(path) is None
    path.write_bytes(gzip.compress(text.encode()))
    assert cache.load(path) == ['{"a": 1}', '{"b": 2}']


@pytest.mark.parametrize('line', ['null', '{}', '[]', '5', '[' * 100_000])
def test_journal_ends_before_a_line_of_another_origin(line, tmp_path, log):
    journal = Journal(tmp_path / 'v' / 'local.jsonl', lambda value: 'a' in value)
    journal.add('{"a": 1}')
    with journal.path.open('a') as file:
        file.write(f'{line}\n{{"a": 2}}\n')
    journal = Journal(journal.path, lambda value: isinstance(value, dict) and 'a' in value)
    assert journal.lines() == ['{"a": 1}']
    journal.add('{"a": 3}')
    assert journal.lines() == ['{"a": 1}', '{"a": 3}']


def test_unwritable_folder_is_logged_once_and_the_work_goes_on(tmp_path, log):
    (tmp_path / 'file').write_text('in the way')
    cache = StageCache(tmp_path / 'file')
    for stage in ('speech', 'vision'):
        path = cache.path('v', stage, digest())
        assert list(cache.save(path, iter('12'))) == ['1', '2']
        assert cache.load(path) is None
    journal = cache.journal(path)
    journal.add('{"a": 1}')
    assert journal.lines() == []
    (said,) = log
    assert said.startswith(f'{tmp_path}/file cannot be written (Not a directory): stages are not')


@pytest.mark.parametrize(
    'lines', [['1', '2'], [random.Random(n).randbytes(5000).hex() for n in range(9)]]
)
def test_full_disk_leaves_no_unfinished_file(lines, tmp_path, log):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    path.parent.mkdir()
    temporary_path(path).symlink_to('/dev/full')
    assert list(cache.save(path, lines)) == lines
    assert list(path.parent.iterdir()) == []
    assert len(log) == 1
    assert 'No space left on device' in log[0]


def test_journal_stops_after_a_line_that_could_not_be_written(tmp_path, log):
    journal = Journal(tmp_path / 'v' / 'local.jsonl')
    journal.add('0')
    journal.path.rename(tmp_path / 'kept')
    journal.path.mkdir()
    journal.add('1')
    journal.path.rmdir()
    (tmp_path / 'kept').rename(journal.path)
    journal.add('2')
    assert journal.lines() == ['0']
    assert len(log) == 1


def test_files_of_a_killed_process_are_removed_with_the_finished_stage(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    path.parent.mkdir()
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    parts = [path.with_name(f'{path.name}.{pid}.part') for pid in (killed.pid, os.getppid())]
    for part in parts:
        part.touch()
    list(cache.save(path, ['1']))
    assert sorted(path.parent.iterdir()) == sorted([path, parts[1]])


def test_error_of_the_stage_is_raised(tmp_path, log):
    def lines():
        yield '1'
        raise FileNotFoundError('frame 7')

    with pytest.raises(FileNotFoundError, match='frame 7'):
        list(StageCache(tmp_path).save(tmp_path / 'v' / 'vision.json.gz', lines()))
    assert log == []


def test_stage_without_results_is_loaded(tmp_path):
    cache = StageCache(tmp_path)
    path = cache.path('v', 'vision', digest())
    list(cache.save(path, []))
    assert cache.load(path) == []


@pytest.mark.parametrize('end', ['', '{"a"', '{"a": 2}', '\x00\x00'])
def test_journal_goes_on_after_its_last_complete_line(end, tmp_path):
    journal = Journal(tmp_path / 'v' / 'local.jsonl')
    assert journal.lines() == []
    journal.add('{"a": 1}')
    with journal.path.open('a') as file:
        file.write(end)
    complete = ['{"a": 1}', *(['{"a": 2}'] if end.endswith('}') else [])]
    assert journal.lines() == complete
    journal.add('{"b": 3}')
    assert journal.lines() == [*complete, '{"b": 3}']


def test_second_process_does_not_mix_its_lines_into_a_journal(tmp_path, log):
    path = tmp_path / 'v' / 'local.jsonl'
    first, second = Journal(path), Journal(path)
    assert first.lines() == second.lines() == []
    for line in ('{"a": "ü"}', '{"a": 2}'):
        first.add(line)
        second.add(line)
    assert Journal(path).lines() == ['{"a": "ü"}', '{"a": 2}']
    (said,) = log
    assert 'another process writes local.jsonl' in said


class Part:
    not_in_cache_key = ('device',)

    def __init__(self, *, size, device):
        self.size, self.device = size, device
        self._weights = object()

    def content_key(self, name):
        return f'{name}-{self.size}'

    def chat(self, messages):
        raise AssertionError('not called in this test')


def test_description_contains_what_changes_results():
    one, other = (Part(size=3, device=device) for device in ('cpu', 'cuda'))
    assert describe(one) == describe(other)
    assert describe(one) != describe(Part(size=4, device='cpu'))
    configs = [{'type': Part, 'size': 3, 'device': device} for device in ('cpu', 'cuda')]
    assert describe(configs[0]) == describe(configs[1])
    assert describe(configs[0])['size'] == 3
    assert json.dumps(describe({'parts': [configs[0], one], 'type': Part}))


def test_keys_contain_files_of_nested_components():
    assert file_keys(Part(size=2, device=''), 'v') == ['v-2']
    grounding = VLMGrounding(model=Part(size=5, device=''))
    assert 'v-5' in file_keys(grounding, 'v')
    plain = VLMGrounding(model=ReplayVLM(replies={}))
    official = OfficialVLMGrounding(model=ReplayVLM(replies={}))
    assert file_keys(plain, 'v') != file_keys(official, 'v')
