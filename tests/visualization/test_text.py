import numpy as np
import pytest

from avis.visualization import text
from avis.visualization.text import (
    draw_text,
    fit_text,
    font_families,
    known_characters,
    line_height,
    text_mask,
    text_width,
    wrap_text,
)


@pytest.fixture
def no_cache():
    cached = (text._runs, text._font_with, text.text_mask, text._new_font_paths)
    cached += (text._warn_of_missing_font,)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def test_height_depends_on_the_size_only():
    assert {len(text_mask(one, 16)) for one in ('a', 'Äg', 'Привет', '')} == {line_height(16)}
    assert line_height(32) > 1.8 * line_height(16)


@pytest.mark.parametrize('word', ['Привет', 'Ελληνικά', 'مرحبا', 'Łódź'])
def test_each_letter_of_other_scripts_has_its_own_glyph(word):
    missing = text_mask('\uffff', 24)
    glyphs = {text_mask(char, 24).tobytes() for char in word}
    assert len(glyphs) == len(set(word))
    assert missing.tobytes() not in glyphs


def test_font_that_contains_a_character_is_used_for_it(monkeypatch, no_cache):
    first = text._font_paths()[0]
    other = next(path for path in text._font_paths() if path != first)
    charmap = text._charmap.__wrapped__
    monkeypatch.setattr(
        text, '_charmap', lambda path: charmap(path) - ({ord('b')} if path == first else set())
    )
    monkeypatch.setattr(text, '_font_paths', lambda: (first, other))
    runs = text._runs('aabc')
    assert runs[:2] in ((('aa', first), ('bc', other)), (('aa', first), ('b', other)))
    assert len(font_families('ab')) == 2


def test_missing_font_is_told_once_with_the_package_to_install(monkeypatch, no_cache):
    told = []
    monkeypatch.setattr(text, 'print_log', lambda message, **_: told.append(message))
    monkeypatch.setattr(text, '_charmap', lambda path: frozenset(map(ord, 'ab')))
    for shown in ('a漢b', '字かな', '한글', 'a\u200d\n', 'Привет'):
        text_width(shown, 16)
    assert [message.rsplit(' ', 1)[-1] for message in told] == [
        "fonts-noto-cjk'",
        "fonts-noto-core'",
    ]


def test_font_that_was_installed_later_is_found(monkeypatch, no_cache):
    first, *others = text._font_paths()
    charmap = text._charmap.__wrapped__
    other = next(path for path in others if ord('Ж') in charmap(path))
    hidden = {first: {ord('Ж')}}
    monkeypatch.setattr(text, '_font_paths', lambda: (first,))
    monkeypatch.setattr(text, '_charmap', lambda path: charmap(path) - hidden.get(path, set()))
    monkeypatch.setattr('matplotlib.font_manager.findSystemFonts', lambda: [__file__, other])
    assert text._font_with('Ж') == other


def test_characters_without_a_font_are_replaced():
    assert known_characters('Łódź \uffff') == 'Łódź \ufffd'


def test_text_is_drawn_in_its_color_and_cut_at_the_border():
    image = np.zeros((30, 60, 3), np.uint8)
    draw_text(image, 'WWWWWWWW', -5, -3, size=20, color=(250, 100, 0))
    assert image[:20].reshape(-1, 3).max(0).tolist() == [250, 100, 0]
    untouched = image.copy()
    draw_text(image, 'W', 80, 0, size=20, color=(250, 100, 0))
    draw_text(image, 'W', 0, -40, size=20, color=(250, 100, 0))
    np.testing.assert_array_equal(image, untouched)


def test_long_text_ends_in_an_ellipsis():
    cut = fit_text('a long name of a person', 16, 80)
    assert cut.endswith('…')
    assert text_width(cut, 16) <= 80
    assert fit_text('short', 16, 80) == 'short'


def test_lines_break_between_words_and_long_words_inside():
    lines = wrap_text('one two  three four five six seven', 16, 100)
    assert ' '.join(lines) == 'one two three four five six seven'
    assert len(lines) > 2
    unbroken = '这是一个没有空格的长句子' * 3
    lines = wrap_text(unbroken, 16, 100)
    assert ''.join(lines) == unbroken
    assert max(text_width(line, 16) for line in lines) <= 100
    assert wrap_text('  ', 16, 100) == []
