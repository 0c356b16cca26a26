import numpy as np
import pytest

from avis.utils.ava_csv import read_face_rows, write_face_rows

ROW = 'abc,900.1,0.1,0.2,0.3,0.4,SPEAKING_AUDIBLE,abc_0900_0960:1'
HEADER = (
    'label,video_id,frame_timestamp,entity_box_x1,entity_box_y1,entity_box_x2,entity_box_y2,'
    'label_id,entity_id,instance_id'
)


def write(path, *lines):
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_file_without_header(tmp_path):
    rows = read_face_rows(
        write(
            tmp_path / 'a.csv',
            ROW,
            '',
            ROW.replace('SPEAKING', 'NOT_SPEAKING', 1).replace('_AUDIBLE', ''),
        )
    )
    assert (rows.videos, rows.entities) == (['abc'] * 2, ['abc_0900_0960:1'] * 2)
    assert rows.lines == [1, 3]
    np.testing.assert_array_equal(rows.times, [900.1, 900.1])
    np.testing.assert_array_equal(rows.boxes[0], [0.1, 0.2, 0.3, 0.4])
    assert rows.labels.tolist() == [1, 0]
    assert rows.last == ['', '']


def test_columns_of_a_file_with_header_are_found_by_name(tmp_path):
    line = 'SPEAKING_NOT_AUDIBLE,abc,900.10,0.1,0.2,0.3,0.4,2,abc_0900_0960:1,7'
    rows = read_face_rows(write(tmp_path / 'a.csv', HEADER, line))
    assert rows.labels.tolist() == [2]
    assert rows.entities == ['abc_0900_0960:1']
    np.testing.assert_array_equal(rows.boxes, [[0.1, 0.2, 0.3, 0.4]])


@pytest.mark.parametrize('header', [False, True])
def test_ninth_column(tmp_path, header):
    lines = [HEADER.replace('instance_id', 'score'), 'NOT_SPEAKING,v,1,0,0,1,1,0,v:1,0.25']
    path = write(tmp_path / 'a.csv', *(lines if header else [f'{ROW},0.25']))
    assert read_face_rows(path, extra='score').last == ['0.25']


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        (ROW.replace(',0.4', ''), r'line 2: expected the columns .*, got 7 values'),
        (f'{ROW},0.5,7', r'line 2: expected the columns .*, got 10 values'),
        (ROW.replace('900.1', 'soon'), r"line 2: frame_timestamp: expected a finite .* 'soon'"),
        (ROW.replace('0.3', 'nan'), r"line 2: entity_box_x2: expected a finite number, got 'nan'"),
        (ROW.replace('_AUDIBLE', ''), r"line 2: label: expected one of .*, got 'SPEAKING'"),
    ],
)
def test_wrong_values_name_line_and_column(tmp_path, line, problem):
    with pytest.raises(ValueError, match=rf'a\.csv: {problem}'):
        read_face_rows(write(tmp_path / 'a.csv', ROW, line))


def test_missing_column_of_a_header(tmp_path):
    with pytest.raises(ValueError, match=r'a\.csv: expected the columns .*entity_id'):
        read_face_rows(write(tmp_path / 'a.csv', HEADER.replace('entity_id', 'person')))


def test_written_rows_are_read_back_exactly(tmp_path):
    row = ['-v', 901.07, 0.1, 1 / 3, 0.9, 1.0, 'NOT_SPEAKING', '-v_0900_0960:2', 1e-7]
    write_face_rows(tmp_path / 'a.csv', [row])
    rows = read_face_rows(tmp_path / 'a.csv')
    assert rows.boxes[0].tolist() == [0.1, 1 / 3, 0.9, 1.0]
    assert rows.times.tolist() == [901.07]
    assert rows.last == ['1e-07']
