import gc
import gzip
import json
import math
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.utils import json_stream
from avis.utils.json_stream import JsonStream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def read(path: Path) -> list[tuple]:
    """Keys and values of all elements; each is read again by its offsets."""
    with JsonStream(path) as stream:
        found = list(stream.elements())
        assert [stream.read(e.start, e.end) for e in found] == [e.value for e in found]
    return [(element.key, element.value) for element in found]


@pytest.fixture
def small_window(monkeypatch) -> None:
    """A window smaller than most values."""
    monkeypatch.setattr(json_stream, '_CHUNK', 3)


@given(
    content=st.lists(VALUES, max_size=5) | st.dictionaries(st.text(), VALUES, max_size=5),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    packed=st.booleans(),
)
def test_elements_equal_those_of_json_load(
    tmp_path_factory, content, ascii_only: bool, indent: int | None, packed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / 'some.json'
    data = json.dumps(content, ensure_ascii=ascii_only, indent=indent).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    lists = [(None, content)] if isinstance(content, list) else content.items()
    expected = []
    for key, value in lists:
        expected += [(key, item) for item in value] if isinstance(value, list) else [(key, value)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, '_CHUNK', 3)
        assert read(path) == expected
    assert read(path) == expected


# A string may look like the text between two objects.
ENTRIES = st.fixed_dictionaries(
    {'id': st.integers() | st.just('}, {"id"'), 'masks': VALUES | st.just([{'id': 1}, {'id': 2}])},
    optional={'\xe9': VALUES},
)


@given(entries=st.lists(ENTRIES, min_size=3, max_size=6), chunk=st.sampled_from([3, 40, 1 << 20]))
def test_fields_can_be_skipped(tmp_path_factory, entries: list, chunk: int) -> None:
    path = tmp_path_factory.getbasetemp() / 'entries.json'
    path.write_text(json.dumps({'videos': [7], 'entries': entries}, ensure_ascii=False))
    with pytest.MonkeyPatch.context() as patch, JsonStream(path) as stream:
        patch.setattr(json_stream, '_CHUNK', chunk)
        found = [element for element in stream.elements(skip={'masks'}) if element.key == 'entries']
        again = [stream.read(element.start, element.end) for element in found]
    assert again == entries
    for element, entry in zip(found, entries, strict=True):
        assert element.value in (entry, {**entry, 'masks': None})
    assert [{**e.value, 'masks': None} for e in found] == [{**e, 'masks': None} for e in entries]


def test_masks_are_skipped_and_nan_is_read(tmp_path: Path) -> None:
    entries = [{'id': k, 'score': 0.5, 'masks': [[k] * 3]} for k in range(6)]
    entries[3]['score'] = math.nan
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(entries))
    with JsonStream(path) as stream:
        found = list(stream.elements(skip={'masks'}))
        assert math.isnan(stream.read(found[3].start, found[3].end)['score'])
    # The standard library does not skip fields: the first, the last, and one with NaN.
    skipped = [element.value['masks'] is None for element in found]
    assert skipped == [False, True, True, False, True, False]
    assert [element.value['id'] for element in found] == list(range(6))


@pytest.mark.usefixtures('small_window')
def test_numbers_are_not_cut_at_the_edge_of_the_window(tmp_path: Path) -> None:
    path = tmp_path / 'numbers.json'
    path.write_text('[123456789, 0.125e3,\n 7]')
    assert read(path) == [(None, 123456789), (None, 125.0), (None, 7)]


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', 'expected a list or an object at byte 0'),
        ('7', 'expected a list or an object at byte 0'),
        ('[1, 2', "expected ',' at byte 5"),
        ('[1 2]', "expected ',' at byte 3"),
        ('{"a" [1]}', "expected ':' at byte 5"),
        ('[1] 2', 'expected the end of the file at byte 4'),
        ('[1, "ab', 'Unterminated string starting at at byte 4'),
    ],
)
def test_errors_name_file_and_byte(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / 'broken.json'
    path.write_text(text)
    with JsonStream(path) as stream, pytest.raises(ValueError, match=problem) as error:
        list(stream.elements())
    assert str(path) in str(error.value)


def test_unpacked_copy_is_deleted_on_close(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream.tempfile, 'tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    path = tmp_path / 'some.json.gz'
    path.write_bytes(gzip.compress(b'[{"a": 1}]'))
    with JsonStream(path) as stream:
        with pickle.loads(pickle.dumps(stream)) as other:
            assert other.read(1, 9) == {'a': 1}
        assert len(list((tmp_path / 'temp').iterdir())) == 1
    assert not list((tmp_path / 'temp').iterdir())


def test_unpacked_copy_is_deleted_without_close(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream.tempfile, 'tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    path = tmp_path / 'some.json.gz'
    path.write_bytes(gzip.compress(b'[{"a": 1}]'))
    stream = JsonStream(path)
    assert len(list((tmp_path / 'temp').iterdir())) == 1
    del stream
    gc.collect()
    assert not list((tmp_path / 'temp').iterdir())


def test_damaged_archive_is_reported_and_cleaned_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream.tempfile, 'tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    path = tmp_path / 'some.json.gz'
    path.write_bytes(gzip.compress(b'[1, 2, 3]')[:-9])
    with pytest.raises(ValueError, match=r'some\.json\.gz is not a readable gzip file'):
        JsonStream(path)
    assert not list((tmp_path / 'temp').iterdir())


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'nothing\.json'):
        JsonStream(tmp_path / 'nothing.json')


@pytest.mark.parametrize(
    ('text', 'location'),
    [
        ('{"a": [1], "b": [2], "a": [3]}', 'a'),
        ('[{"id": 1, "id": 2}]', r'\[0\]'),
        ('[{"id": 1}, {"id": 2}, {"id": 3, "k": 0, "id": 4}, {"id": 5}]', r'\[2\]'),
        ('[{"id":1},{"id":2},{"id":3,"id":4},{"id":5}]', r'\[2\]'),
        ('[{"id": 1}, {"id": 2}, {"id" : 3,\n "id": 4}, {"id": 5}]', r'\[2\]'),
        ('{"a": [{"id": 1}, {"id": {"x": [{"y": 1, "y": 1}]}}, {"id": 1}]}', r'a\[1\]'),
        ('{"a": {"x": 1, "x": 2}}', ''),
    ],
)
def test_key_that_is_there_twice_is_an_error(tmp_path: Path, text: str, location: str) -> None:
    path = tmp_path / 'twice.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf'twice\.json: {location}.*expected every key once'):
        read(path)


@pytest.mark.parametrize('separators', [(', ', ': '), (',', ':'), (' ,\n', ' :\t')])
def test_key_that_is_there_twice_in_a_skipped_field_is_an_error_later(
    tmp_path: Path, separators: tuple[str, str]
) -> None:
    path = tmp_path / 'twice.json'
    entries = [{'id': k, 'masks': [{'size': k, 'counts': 'x":'}] * 2} for k in range(4)]
    text = json.dumps(entries, separators=separators)
    at = text.index('"size"', text.index('"id"' + separators[1] + '2'))
    path.write_text(f'{text[:at]}"size"{separators[1]}7{separators[0]}{text[at:]}')
    with JsonStream(path) as stream:
        found = list(stream.elements(skip={'masks'}))
        assert [element.location for element in found] == ['[0]', '[1]', '[2]', '[3]']
        assert stream.lists == {None: 4}
        assert stream.read(found[1].start, found[1].end) == entries[1]
        with pytest.raises(ValueError, match="expected every key once in an object, got 'size'"):
            stream.read(found[2].start, found[2].end)


@pytest.mark.parametrize(
    ('data', 'kind'),
    [
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n', 'Git LFS'),
        (b'<!DOCTYPE html>\n<html><body>Sign in</body></html>', 'a web page'),
        (b'', 'an empty file'),
        (b'\x89PNG\r\n', 'a PNG image'),
    ],
)
def test_other_files_are_recognized(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / 'other.json'
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf'other\.json is not valid JSON: .*{kind}'):
        read(path)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('[' * 100_000, 'nested too deeply'),
        ('[{"a": ' + '9' * 5000 + '}]', r'\[0\]: Exceeds the limit'),
        ('{1: 2}', 'expected a key as text'),
        ('[1, "\xe9"]', 'expected text in UTF-8'),
        ('[{"a": 1}, {"a": 1}, {"a": \xe9}]', 'at byte'),
    ],
)
def test_hostile_files_are_errors(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / 'hostile.json'
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(ValueError, match=rf'hostile\.json.*{problem}'):
        read(path)
