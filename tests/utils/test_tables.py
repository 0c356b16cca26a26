import pytest

from avis.utils.tables import read_table

COLUMNS = ('name', 'split')


def test_columns_are_found_by_name_or_position(tmp_path) -> None:
    path = tmp_path / 'meta.csv'
    path.write_text('split,name\n\ntest,a\n')
    assert read_table(path, COLUMNS, by_name=True) == [{'name': 'a', 'split': 'test'}]
    assert read_table(path, COLUMNS, by_name=False) == [{'name': 'test', 'split': 'a'}]


@pytest.mark.parametrize(
    ('data', 'problem'),
    [
        (b'', 'expected a csv, got an empty file'),
        (b'version https://git-lfs.github.com/spec/v1\n', 'got a pointer of Git LFS'),
        (b'<html></html>', 'got a web page'),
        (b'name,split\n\xff,a\n', 'expected a csv, got .*utf-8'),
        (b'name,split\na\n', 'line 2 ends early'),
        (b'name\na\n', 'expected the columns'),
        (b'name,split\n"a,b\n', 'expected a csv, got'),
    ],
)
def test_other_files_are_errors(tmp_path, data: bytes, problem: str) -> None:
    path = tmp_path / 'meta.csv'
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf'meta\.csv: .*{problem}'):
        read_table(path, COLUMNS, by_name=True)
