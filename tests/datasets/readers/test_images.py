import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.images import read_image, read_label_colors, read_label_values
from tests.helpers.tiny_sets import frame_image, truncate, write_image

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_image_is_rgb(tmp_path) -> None:
    image = frame_image((8, 12), 1)
    got = read_image(write_image(tmp_path / 'a.png', image))
    np.testing.assert_array_equal(got, image)


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('keep', [0.3, 0.9, 0.999])
def test_truncated_image_is_an_error(tmp_path, suffix, keep) -> None:
    path = truncate(write_image(tmp_path / f'a.{suffix}', NOISE), keep)
    with pytest.raises(BrokenDataError, match=rf'a\.{suffix}: is a truncated .*skip_broken'):
        read_image(path)


def test_truncated_jpeg_with_preview_is_an_error(tmp_path) -> None:
    path = write_image(tmp_path / 'a.jpg', NOISE)
    data = path.read_bytes()
    preview = cv2.imencode('.jpg', NOISE[:8, :8])[1].tobytes()  # a whole JPEG in a comment segment
    comment = b'\xff\xfe' + (len(preview) + 2).to_bytes(2, 'big') + preview
    path.write_bytes(data[:2] + comment + data[2:])
    assert read_image(path).shape == (64, 64, 3)
    with pytest.raises(BrokenDataError, match='truncated JPEG'):
        read_image(truncate(path, 0.9))


def test_flipped_byte_in_png_is_an_error(tmp_path) -> None:
    path = write_image(tmp_path / 'a.png', NOISE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(BrokenDataError, match='corrupt PNG'):
        read_image(path)


@pytest.mark.parametrize('read', [read_image, read_label_values, read_label_colors])
@pytest.mark.parametrize(('content', 'problem'), [(b'', 'empty'), (b'hello', 'not a readable')])
def test_file_that_is_not_an_image_is_an_error(tmp_path, read, content, problem) -> None:
    path = tmp_path / 'a.png'
    path.write_bytes(content)
    with pytest.raises(BrokenDataError, match=rf'a\.png: is {"an " if not content else ""}'):
        read(path)
    with pytest.raises(BrokenDataError, match=problem):
        read(path)


@pytest.mark.parametrize('read', [read_image, read_label_values])
def test_missing_image_is_an_error_with_its_path(tmp_path, read) -> None:
    with pytest.raises(FileNotFoundError, match=r'b\.png does not exist.*check_dataset'):
        read(tmp_path / 'b.png')


def test_palette_image_is_read_as_indices_or_colors(tmp_path) -> None:
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    image = Image.fromarray(indices, mode='P')
    image.putpalette([0, 0, 0, 9, 8, 7, 6, 5, 4])
    image.save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_label_values(tmp_path / 'a.png'), indices)
    assert read_label_colors(tmp_path / 'a.png')[0, 1].tolist() == [9, 8, 7]


@pytest.mark.parametrize(('mode', 'shape'), [('RGBA', (2, 3, 3)), ('LA', (2, 3)), ('1', (2, 3))])
def test_alpha_channel_is_ignored_in_labels(tmp_path, mode, shape) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / 'a.png')
    values = read_label_values(tmp_path / 'a.png')
    assert values.shape == shape
    assert not values.any()


def test_pixels_are_written_to_out_if_they_fit(tmp_path) -> None:
    path = write_image(tmp_path / 'a.png', frame_image((8, 12), 1))
    clip = np.zeros((2, 8, 12, 3), np.uint8)
    image = read_image(path, clip[1])
    np.testing.assert_array_equal(clip[1], frame_image((8, 12), 1))
    assert np.shares_memory(image, clip)
    other = np.zeros((9, 12, 3), np.uint8)
    np.testing.assert_array_equal(read_image(path, other), clip[1])
    assert not other.any()


@pytest.mark.parametrize('read', [read_image, read_label_values, read_label_colors])
def test_image_of_more_pixels_than_any_is_refused(tmp_path, read) -> None:
    path = tmp_path / 'bomb.png'
    Image.new('1', (8, 8)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack('>II', 50_000, 50_000)
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(BrokenDataError, match=r'bomb\.png: .*50000 x 50000'):
        read(path)
