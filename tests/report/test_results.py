import json
import shutil
from pathlib import Path

import pytest

from avis.report.results import load_results


def edit(folder: Path, copy: Path, **fields: object) -> Path:
    """A copy of results whose ``metrics.json`` has other fields."""
    shutil.copytree(folder, copy)
    path = copy / 'metrics.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return copy


def test_all_predictions_of_an_evaluation_are_read(results_folder: Path) -> None:
    methods = load_results([results_folder])
    assert [method.name for method in methods] == ['ours', 'baseline']
    assert methods[0].scores['summary']['HOTA'] > methods[1].scores['summary']['HOTA']
    assert methods[0].timelines.keys() == methods[0].scores['per_video'].keys()
    assert methods[0].timelines != methods[1].timelines


def test_metrics_file_is_the_same_as_its_folder(results_folder: Path) -> None:
    folder, file = load_results([results_folder]), load_results([results_folder / 'metrics.json'])
    assert folder == file


def test_shared_names_are_made_unique(results_folder: Path, tmp_path: Path) -> None:
    other = edit(results_folder, tmp_path / 'other', others=[])
    names = [method.name for method in load_results([results_folder, other, other])]
    assert names == ['evaluation/ours', 'baseline', 'other/ours', 'other/ours (2)']


def test_results_without_timelines_are_read(results_folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results_folder, tmp_path / 'copy')
    (copy / 'timelines.json').unlink()
    assert [method.timelines for method in load_results([copy])] == [{}, {}]


def test_missing_results_name_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'metrics\.json does not exist.*--out'):
        load_results([tmp_path])
    with pytest.raises(ValueError, match='at least one result'):
        load_results([])


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'summary': None}, r'summary: expected a dict, got NoneType'),
        ({'name': 3}, 'name: expected a str, got int'),
        ({'others': ['x']}, 'name: expected a str'),
    ],
)
def test_wrong_fields_are_named(
    results_folder: Path, tmp_path: Path, fields: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_results([edit(results_folder, tmp_path / 'wrong', **fields)])


def test_results_of_another_benchmark_or_protocol_are_refused(
    results_folder: Path, tmp_path: Path
) -> None:
    other = edit(results_folder, tmp_path / 'other', protocol='official')
    with pytest.raises(ValueError, match=r'expected protocol corrected.*got official'):
        load_results([results_folder, other])


@pytest.mark.parametrize(
    ('text', 'message'), [('[1]', 'expected an object, got a list'), ('{', 'expected JSON')]
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'metrics.json').write_text(text)
    with pytest.raises(ValueError, match=message):
        load_results([tmp_path])
