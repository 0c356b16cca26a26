import numpy as np
import pytest

from avis.visualization.captions import BACKGROUND, FOREGROUND
from avis.visualization.strip import (
    MAX_LANES,
    WINDOW_SECONDS,
    Lane,
    Strip,
    column_count,
    format_time,
    select_lanes,
)

RED, BLUE = (200, 0, 0), (0, 0, 200)


def lane(states, color=RED, name='Ann'):
    """A lane from a text: '.' absent, 'v' visible, 'S' sounding."""
    flags = np.array(list(states))
    return Lane(name, color, flags != '.', flags == 'S')


def strip(*lanes, peaks=None, fps=2.0, width=400):
    seconds = len(lanes[0].visible) / fps
    return Strip(lanes, peaks, fps=fps, seconds=seconds, width=width, size=12)


def cursor_column(image):
    columns = np.flatnonzero((image[8:12] == 255).all(-1).all(0))
    assert len(columns)
    return columns[0]


def test_lanes_show_who_is_visible_and_who_sounds():
    one = strip(lane('..vvSSvv'), lane('SSSS....', BLUE, 'Bob'))
    image = one.render(3.9)
    middles = [(top + bottom) // 2 for top, bottom in one.lane_rows]
    at = [one.left + round((k + 0.5) / 8 * one.span) for k in range(8)]
    first, second = (image[row, at] for row in middles)
    assert (first[4:6] == RED).all()
    assert (second[:4] == BLUE).all()
    assert len({tuple(first[k]) for k in (2, 3, 6, 7)}) == 1
    assert BACKGROUND[0] < first[2][0] < RED[0]
    assert (np.concatenate([first[:2], second[4:]]) == first[0]).all()
    assert image.shape == (one.height, 400, 3)


@pytest.mark.parametrize('time', [0.0, 1.0, 2.5, 3.99])
def test_cursor_is_at_the_time(time):
    one = strip(lane('vvvvvvvv'))
    column = cursor_column(one.render(time))
    assert column == pytest.approx(one.left + time / 4 * one.span, abs=1)


def test_time_is_written():
    one = strip(lane('vvvvvvvv'))
    before, after = one.render(1.0), one.render(3.0)
    area = slice(one.axis_top, None), slice(0, one.left - 4)
    assert (before[area] != after[area]).any()
    assert (before[area] == 255).any()


def test_long_video_is_shown_in_a_window_around_the_cursor():
    states = ['v'] * 300
    states[200] = 'S'
    one = strip(lane(states), fps=1.0)
    assert one.columns == column_count(300, one.span) == 5 * one.span
    row = sum(one.lane_rows[0]) // 2
    for time in (10, 150, 290):
        image = one.render(time)
        start = min(max(time - WINDOW_SECONDS / 2, 0), 300 - WINDOW_SECONDS)
        expected = one.left + (time - start) / WINDOW_SECONDS * one.span
        assert cursor_column(image) == pytest.approx(expected, abs=1)
        assert not (image[row] == RED).all(-1).any()
    shown = np.flatnonzero((one.render(195)[row, one.left :] == RED).all(-1))
    assert shown[0] == pytest.approx((200 - 165) / 60 * one.span, abs=1)
    assert len(shown) == pytest.approx(one.span / 60, abs=1)


def test_waveform_is_loud_where_the_audio_is():
    peaks = np.zeros(400, np.float32)
    one = strip(lane('vvvvvvvv'), peaks=peaks)
    peaks = np.zeros(one.columns, np.float32)
    peaks[one.span // 2 :] = 0.5
    one = strip(lane('vvvvvvvv'), peaks=peaks)
    rows = one.render(0.0)[one.pad : one.pad + one.wave_height, one.left :]
    drawn = (rows[:, 2 : one.span] != BACKGROUND).any(-1).sum(0)
    assert (drawn[: one.span // 2 - 4] <= 1).all()
    assert (drawn[one.span // 2 :] == one.wave_height).all()


def test_square_before_the_name_shows_who_sounds_now():
    one = strip(lane('.vS'), fps=1.0)
    row = sum(one.lane_rows[0]) // 2
    colors = [one.render(t)[row, one.pad // 2 + 2].tolist() for t in (0.5, 1.5, 2.5)]
    assert colors[2] == list(RED)
    assert colors[0] != colors[1]
    assert colors[1] != colors[2]


def test_lanes_that_sound_longest_are_shown():
    lanes = [lane('v' * 20 + 'S' * k, name=str(k)) for k in range(15)]
    lanes = [Lane(x.name, x.color, x.visible[-20:], x.sounding[-20:]) for x in lanes]
    shown, hidden = select_lanes(lanes, MAX_LANES)
    assert [one.name for one in shown] == [str(k) for k in range(3, 15)]
    assert hidden == 3
    image = strip(*lanes).render(0)
    assert image.shape[0] > MAX_LANES * 12
    assert select_lanes(lanes[:2], 5) == (lanes[:2], 0)


def test_names_are_cut_and_nothing_is_found_is_possible():
    image = strip(lane('vv', name='a very long name of somebody'), width=240).render(0)
    assert (image == FOREGROUND).all(-1).any()
    empty = Strip([], None, fps=1.0, seconds=2.0, width=240, size=12).render(1.0)
    assert empty.shape[1] == 240


def test_times_have_minutes_and_hours():
    texts = [format_time(*one) for one in ((0, 1), (59.96, 0.1), (60, 0.5), (3600, 60), (7325, 1))]
    assert texts == ['0:00', '0:59.9', '1:00.0', '1:00:00', '2:02:05']
