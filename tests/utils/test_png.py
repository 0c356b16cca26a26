import io
import tracemalloc
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from avis.datasets.readers.images import read_image, read_label_values
from avis.utils.png import Runs, read_png, read_png_mask, read_png_runs

FILTERS = range(5)


def encode(pixels: np.ndarray, filters: list[int]) -> bytes:
    """A PNG whose rows carry the given filters; written from the PNG specification."""
    height, width, channels = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    padded = np.zeros((height + 1, (width + 1) * channels), np.int64)
    padded[1:, channels:] = pixels.reshape(height, -1)
    left, up, corner = padded[1:, :-channels], padded[:-1, channels:], padded[:-1, :-channels]
    guess = left + up - corner
    distances = np.stack([abs(guess - other) for other in (left, up, corner)])
    paeth = np.choose(distances.argmin(axis=0), [left, up, corner])
    guesses = [np.zeros_like(left), left, up, (left + up) // 2, paeth]
    rows = [
        bytes([kind, *((padded[y + 1, channels:] - guesses[kind][y]) % 256).tolist()])
        for y, kind in enumerate(filters)
    ]
    header = width.to_bytes(4, 'big') + height.to_bytes(4, 'big') + bytes([8, color, 0, 0, 0])
    return pack(header, b''.join(rows))


def pack(header: bytes, rows: bytes) -> bytes:
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        len(content).to_bytes(4, 'big')
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, 'big')
        for name, content in (
            (b'IHDR', header),
            (b'IDAT', zlib.compress(rows)),
            (b'IEND', b''),
        )
    )


def with_header(data: bytes, position: int, values: bytes) -> bytes:
    """Other values from a position of the header on, with its right checksum."""
    content = bytearray(data[16:29])
    content[position : position + len(values)] = values
    return data[:16] + content + zlib.crc32(b'IHDR' + content).to_bytes(4, 'big') + data[33:]


def mask(*, height: int = 60, width: int = 80, level: int = 255) -> np.ndarray:
    """A round object that touches the right border, and one pixel in the corner."""
    y, x = np.mgrid[:height, :width]
    pixels = np.where((y - height / 2) ** 2 + (x - width + 9) ** 2 < 200, level, 0)
    pixels[0, 0] = level
    return pixels.astype(np.uint8)


@pytest.fixture
def write(tmp_path: Path):
    def write(data: bytes) -> Path:
        path = tmp_path / 'mask.png'
        path.write_bytes(data)
        return path

    return write


@given(
    filters=st.lists(st.sampled_from(FILTERS), min_size=60, max_size=60),
    channels=st.integers(1, 4),
)
def test_filters_are_undone(tmp_path_factory, filters: list[int], channels: int) -> None:
    path = tmp_path_factory.getbasetemp() / 'filters.png'
    pixels = np.stack([mask(level=level) for level in (255, 255, 255, 7)[:channels]], axis=-1)
    path.write_bytes(encode(pixels, filters))
    with Image.open(path) as image:  # the test's own encoder writes what it should
        np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)
    np.testing.assert_array_equal(read_png(path).reshape(pixels.shape), pixels)
    np.testing.assert_array_equal(read_png_mask(path), pixels[..., 0])
    np.testing.assert_array_equal(read_png_runs(path).to_image(), pixels[..., 0])


@pytest.mark.parametrize('kind', FILTERS)
def test_dense_images_are_read(write, kind: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 1)).astype(np.uint8)
    np.testing.assert_array_equal(read_png(write(encode(pixels, [kind] * 20))), pixels[..., 0])


@pytest.mark.parametrize('level', [1, 85, 255])
@pytest.mark.parametrize('width', [1, 7, 80])
def test_files_of_opencv_and_pillow_are_read(write, level: int, width: int) -> None:
    pixels = mask(width=width, level=level)
    for image in (pixels, cv2.merge([pixels] * 3)):
        path = write(cv2.imencode('.png', image)[1].tobytes())
        np.testing.assert_array_equal(read_png(path), image)
        np.testing.assert_array_equal(read_png_mask(path), pixels)
    for mode in ('L', 'P', '1', 'RGB', 'RGBA', 'LA', 'I;16'):
        image = Image.fromarray(pixels)
        if mode == 'P':
            image.putpalette(bytes(range(255, -1, -1)) * 3)  # an index is not a gray level
        else:
            image = image.convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, 'PNG')
        path = write(buffer.getvalue())
        expected = np.asarray(image)
        np.testing.assert_array_equal(read_png(path), expected)
        first = expected if expected.ndim == 2 else expected[..., 0]
        first = first * np.uint8(255) if mode == '1' else first
        np.testing.assert_array_equal(read_png_mask(path), first)
        np.testing.assert_array_equal(read_png_runs(path).to_image(), first)


def test_mask_of_colors_is_their_maximum(write) -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, 0], pixels[1, 2] = (3, 0, 9, 255), (0, 0, 0, 255)
    assert read_png_mask(write(encode(pixels, [0, 0]))).tolist() == [[9, 0, 0], [0, 0, 0]]


def test_small_bit_depths_are_read(write) -> None:
    image = Image.fromarray(mask() // 255 * 2).convert('P')
    buffer = io.BytesIO()
    image.save(buffer, 'PNG', bits=2)
    path = write(buffer.getvalue())
    np.testing.assert_array_equal(read_png(path), np.asarray(image))
    np.testing.assert_array_equal(read_png_mask(path), np.asarray(image))  # indices stay


def test_gray_levels_of_few_bits_are_scaled_to_255(write) -> None:
    header = (4).to_bytes(4, 'big') + (1).to_bytes(4, 'big') + bytes([2, 0, 0, 0, 0])
    path = write(pack(header, bytes([0, 0b00011011])))
    assert read_png_mask(path).tolist() == [[0, 85, 170, 255]]


@pytest.mark.parametrize(
    ('damage', 'problem'),
    [
        (lambda data: b'', 'it is empty'),
        (lambda data: b'GIF89a' + data[6:], 'it does not begin like a PNG'),
        (lambda data: data[:40], 'before the image'),
        (lambda data: data[:-30], 'truncated'),
        (lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:], 'broken data stream'),
        (lambda data: with_header(data, 0, b'\x00\x0f'), 'cannot contain'),
        (lambda data: with_header(data, 0, b'\x00\xff\xff\xff'), 'at most 89478485 pixels'),
        (lambda data: with_header(data, 0, bytes(4)), 'expected at least one pixel'),
        (lambda data: with_header(data, 4, bytes(4)), 'expected at least one pixel'),
        (lambda data: with_header(data, 7, b'\x3b'), 'bytes of pixels, got more'),
        (lambda data: with_header(data, 7, b'\x3d'), 'bytes of pixels, got 4860'),
        (lambda data: with_header(data, 8, b'\x05'), 'cannot identify image'),
        (lambda data: data[:24] + b'\x04' + data[25:], 'header IHDR is damaged, checksum'),
    ],
)
def test_errors_name_damaged_files(write, damage, problem: str) -> None:
    path = write(damage(encode(mask()[..., None], [1] * 60)))
    with pytest.raises(ValueError, match=problem) as error:
        read_png(path)
    assert str(error.value).startswith(f'{path} is not a readable PNG')


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'nothing\.png'):
        read_png_mask(tmp_path / 'nothing.png')


@given(pixels=arrays(np.uint8, (3, 4), elements=st.integers(0, 2)))
def test_runs_convert_back_to_the_image(pixels: np.ndarray) -> None:
    runs = Runs.of(pixels)
    np.testing.assert_array_equal(runs.to_image(), pixels)
    np.testing.assert_array_equal(runs.only(2).to_image(), pixels * (pixels == 2))
    assert (runs.ends > runs.starts).all()
    filled = np.ones((3, 4), np.uint16)
    runs.fill(filled, 700)
    np.testing.assert_array_equal(filled, np.where(pixels > 0, 700, 1))


def test_runs_end_at_the_end_of_a_row(write) -> None:
    pixels = np.full((3, 100, 1), 9, np.uint8)
    runs = read_png_runs(write(encode(pixels, [1, 1, 1])))
    assert runs.starts.tolist() == [0, 100, 200]
    assert runs.ends.tolist() == [100, 200, 300]


def test_blank_rows_with_every_filter_are_read(write) -> None:
    blank = np.zeros((6, 20, 1), np.uint8)
    blank[2, 5:9] = 3
    for kind in FILTERS:
        np.testing.assert_array_equal(read_png(write(encode(blank, [kind] * 6))), blank[..., 0])


def test_memory_follows_the_header_and_not_the_stream(write) -> None:
    header = (8).to_bytes(4, 'big') * 2 + bytes([8, 0, 0, 0, 0])
    path = write(pack(header, bytes(100_000_000)))
    tracemalloc.start()
    for read in (read_png, read_png_runs, read_label_values, read_image):
        with pytest.raises(ValueError, match=r'mask\.png.*(more|pixels)'):
            read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def pillow(data: bytes) -> np.ndarray | None:
    """The values that Pillow reads; None if it refuses the file."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=['PNG']) as image:
            values = np.asarray(image)
    except Exception:
        return None
    return values.astype(np.uint8) if values.dtype == bool else values


def seeds() -> list[bytes]:
    """Small files of several writers, depths, color types and filters."""
    gray = mask(height=12, width=17, level=3)
    images = [Image.fromarray(gray).convert(mode) for mode in ('L', '1', 'P', 'RGB', 'RGBA', 'LA')]
    buffers = [io.BytesIO() for _ in images]
    for image, buffer in zip(images, buffers, strict=True):
        image.save(buffer, 'PNG')
    filters = [encode(gray[..., None], [kind] * 12) for kind in FILTERS]
    return [*(buffer.getvalue() for buffer in buffers), *filters]


@pytest.mark.parametrize('seed', seeds())
def test_damaged_files_are_read_or_refused_as_by_pillow(write, seed: bytes) -> None:
    random = np.random.default_rng(len(seed))
    read = refused = 0
    for _ in range(150):
        data = bytearray(seed)
        for position in random.integers(8, len(data), random.integers(1, 3)):
            data[position] ^= 1 << int(random.integers(8))
        expected = pillow(bytes(data))
        if expected is None:
            refused += 1
            with pytest.raises(ValueError, match='is not a readable PNG'):
                read_png(write(bytes(data)))
        else:
            read += 1
            np.testing.assert_array_equal(read_png(write(bytes(data))), expected)
    assert read > 0
    assert refused > 50
