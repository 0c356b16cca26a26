"""Any number of formats in one call, those of a project included."""

import pytest

from avis.export import check_formats, export_formats, register_export, write_exports
from avis.export.formats import DEFAULT_FORMATS
from avis.export.registry import WRITERS
from tests.helpers.video_results import make_result


def test_results_are_written_last(tmp_path):
    paths = write_exports(tmp_path / 'new', make_result(), ['results', 'speakers', 'results'])
    assert [*paths] == ['speakers', 'results']
    assert sorted((tmp_path / 'new').iterdir()) == sorted(paths.values())


def test_an_interrupted_export_leaves_no_results(tmp_path, monkeypatch):
    def fail(folder, result):
        raise OSError('disk full')

    monkeypatch.setitem(WRITERS, 'rttm', fail)
    with pytest.raises(OSError, match='disk full'):
        write_exports(tmp_path, make_result())
    assert [path.name for path in tmp_path.iterdir()] == ['speakers.csv']


def test_all_files_have_names_of_their_own(tmp_path):
    paths = write_exports(tmp_path, make_result(name='results'), export_formats())
    assert set(paths) > set(DEFAULT_FORMATS)
    assert len(set(paths.values())) == len(paths)
    assert all(path.exists() for path in paths.values())


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"one of .*\byoutube_vis, .*got 'coco'"):
        write_exports(tmp_path / 'new', make_result(), ['speakers', 'coco'])
    assert not (tmp_path / 'new').exists()
    check_formats(DEFAULT_FORMATS)


def test_a_project_registers_a_format_once(tmp_path):
    def write_names(folder, result):
        path = folder / 'names.txt'
        path.write_text(' '.join(track.name for track in result.tracks))
        return path

    try:
        register_export('names')(write_names)
        assert write_exports(tmp_path, make_result(), ['names'])['names'].read_text() == 'Ann Ben'
        with pytest.raises(KeyError, match="'names' is already registered"):
            register_export('names')(write_names)
    finally:
        WRITERS.pop('names', None)
