"""Text of any script as images: fonts by the characters they contain, width, wrapping, drawing."""

import contextlib
import functools
import logging
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

# Contains a box for every character, which would hide that a font is missing.
_PLACEHOLDER_FONT = 'Last Resort'
_CJK = ('CJK', 'HIRAGANA', 'KATAKANA', 'HANGUL', 'BOPOMOFO')


def text_width(text: str, size: int) -> int:
    """Width in pixels of one line of text at a font size."""
    return int(np.ceil(sum(_font(path, size).getlength(run) for run, path in _runs(text))))


def line_height(size: int) -> int:
    """Height in pixels of every line of text at a font size."""
    return int(sum(_font(_font_paths()[0], size).getmetrics()))


@functools.lru_cache(maxsize=256)
def text_mask(text: str, size: int) -> NDArray[np.uint8]:
    """Render one line of text: opacity of each pixel, (H, W), where H depends on the size only."""
    ascent = _font(_font_paths()[0], size).getmetrics()[0]
    canvas = PillowImage.new('L', (max(text_width(text, size), 1), line_height(size)))
    draw, left = ImageDraw.Draw(canvas), 0.0
    for run, path in _runs(text):
        font = _font(path, size)
        draw.text((left, ascent), run, fill=255, font=font, anchor='ls')
        left += font.getlength(run)
    return np.asarray(canvas)


def draw_text(
    image: NDArray[np.uint8], text: str, left: int, top: int, *, size: int, color: Sequence[int]
) -> None:
    """Draw one line of text on an RGB image (H, W, 3), in place; what lies outside is cut off."""
    mask = text_mask(text, size)
    rows, columns = (
        slice(max(-at, 0), max(min(length, limit - at), 0))
        for at, length, limit in zip((top, left), mask.shape, image.shape, strict=False)
    )
    opacity = mask[rows, columns, None] / np.float32(255)
    if opacity.size:
        height, width = opacity.shape[:2]
        part = image[max(top, 0) :, max(left, 0) :][:height, :width]
        part[:] = np.rint(part + opacity * (np.asarray(color, np.float32) - part))


def fit_text(text: str, size: int, width: int) -> str:
    """Cut a text that is wider than ``width`` pixels; it then ends in an ellipsis."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f'{text}…', size) > width:
        text = text[:-1]
    return f'{text.rstrip()}…'


def wrap_text(text: str, size: int, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels, between words where possible.

    Scripts without spaces are broken between characters, as are words longer than a line.
    """
    lines = ['']
    for word in re.findall(r'\S+\s*', ' '.join(text.split())):
        if text_width((lines[-1] + word).rstrip(), size) <= width:
            lines[-1] += word
            continue
        if lines[-1] and text_width(word.rstrip(), size) <= width:
            lines.append(word)
            continue
        for char in word:
            if lines[-1] and text_width((lines[-1] + char).rstrip(), size) > width:
                lines.append('')
            lines[-1] += char
    return [line.strip() for line in lines if line.strip()]


def known_characters(text: str) -> str:
    """Replace each character that no installed font contains by a sign that says so, U+FFFD."""
    return ''.join(char if ord(char) in _charmap(_font_with(char)) else '\ufffd' for char in text)


def font_families(text: str) -> list[str]:
    """Names of the fonts that the characters of a text need, for matplotlib."""
    from matplotlib import font_manager

    paths = dict.fromkeys([_font_paths()[0], *(path for _, path in _runs(text))])
    return [font_manager.get_font(path).family_name for path in paths]


@functools.lru_cache(maxsize=1024)
def _runs(text: str) -> tuple[tuple[str, str], ...]:
    """Split a line into runs of characters, each with the path of a font that contains them."""
    runs: list[list[str]] = []
    for char in text:
        stays = bool(runs) and (
            bool(unicodedata.combining(char))
            or char.isspace()
            or ord(char) in _charmap(runs[-1][1])
        )
        path = runs[-1][1] if stays else _font_with(char)
        if runs and runs[-1][1] == path:
            runs[-1][0] += char
        else:
            runs.append([char, path])
    return tuple((run, path) for run, path in runs)


@functools.lru_cache(maxsize=4096)
def _font_with(char: str) -> str:
    """Path of the first font that contains a character; the first of all if none does."""
    for path in (*_font_paths(), *_new_font_paths()):
        if ord(char) in _charmap(path):
            return path
    if unicodedata.category(char).startswith('L'):
        script = unicodedata.name(char, '').partition(' ')[0]
        _warn_of_missing_font('fonts-noto-cjk' if script in _CJK else 'fonts-noto-core')
    return _font_paths()[0]


@functools.cache
def _warn_of_missing_font(package: str) -> None:
    """Warn once per package."""
    print_log(
        f'No installed font contains some letters of names or captions, which are drawn as boxes: '
        f"install Noto fonts, on Debian or Ubuntu with 'apt install {package}'",
        logger='current',
        level=logging.WARNING,
    )


@functools.cache
def _font_paths() -> tuple[str, ...]:
    """DejaVu Sans, which matplotlib contains, then all fonts of the system, plain ones first."""
    from matplotlib import font_manager

    first = font_manager.findfont('DejaVu Sans')
    others = sorted(
        (
            font.style != 'normal',
            font.weight not in (400, 'normal', 'regular'),
            font.name,
            font.fname,
        )
        for font in font_manager.fontManager.ttflist
        if not font.name.startswith(_PLACEHOLDER_FONT)
    )
    return (first, *dict.fromkeys(font[-1] for font in others if font[-1] != first))


@functools.cache
def _new_font_paths() -> tuple[str, ...]:
    """Fonts that were installed after matplotlib made its list of fonts, which it keeps."""
    from matplotlib import font_manager

    paths = []
    for path in sorted(set(font_manager.findSystemFonts()) - set(_font_paths())):
        with contextlib.suppress(OSError, RuntimeError):  # not a readable font
            font_manager.fontManager.addfont(path)
            paths.append(path)
    return tuple(paths)


@functools.cache
def _charmap(path: str) -> frozenset[int]:
    """Code points of the characters in a font."""
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(path).get_charmap())


@functools.lru_cache(maxsize=64)
def _font(path: str, size: int) -> Any:
    return ImageFont.truetype(path, size)
