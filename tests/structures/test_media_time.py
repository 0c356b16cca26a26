import numpy as np
import pytest

from avis.structures.media_time import (
    ContinuousClock,
    choose_fps,
    frame_interval,
    frame_time,
    num_frames,
    num_samples,
    shows_next,
    video_end,
)


def test_frames_and_samples_of_a_time() -> None:
    np.testing.assert_allclose(frame_time(np.arange(3), 25), [0, 0.04, 0.08])
    assert num_frames(8.0, 25) == 200
    assert num_frames(0.3 * 10, 10) == 30  # not 29, although 0.3 * 10 * 10 is below 30
    assert num_frames(0.01, 1) == 1
    assert num_samples(7, 25, 16000) == 4480


@pytest.mark.parametrize(
    ('time', 'current', 'following', 'interval', 'expected'),
    [
        (1.0, 0.96, 1.0, 0.04, True),
        (0.979, 0.96, 1.0, 0.04, False),
        (0.981, 0.96, 1.0, 0.04, True),
        (2.0, 0.0, 2.1, 0.04, False),  # a slide: 0.1 s would be from the future
        (2.09, 0.0, 2.1, 0.04, True),
        (4.4, 4.0, 5.0, 1.0, False),
        (4.94, 4.0, 5.0, 1.0, False),  # at most 50 ms early at any pace
        (1.006, 1.0, 1.01, 0.04, True),  # a burst is faster than the usual interval
    ],
)
def test_next_frame_is_shown_at_most_half_a_frame_early(
    time, current, following, interval, expected
) -> None:
    assert shows_next(time, current, following, interval) is expected


def test_frame_interval_ignores_implausible_rates() -> None:
    assert frame_interval(25, 25) == 0.04
    assert frame_interval(8.3, 25) == 0.04
    assert frame_interval(30, 90000) == pytest.approx(1 / 30)
    assert frame_interval(0.5, None) == 0.1
    assert frame_interval(None, 1000) == 0.04


PAUSES = [0, 0.04, 0.08, 0.12, 3.0, 3.04, 3.08]


@pytest.mark.parametrize(
    ('times', 'average', 'base', 'expected'),
    [
        (np.arange(50) / 25, 25, 25, 25),
        (np.arange(50) / 25, 1000, 25, 25),
        (np.arange(50) / 25, 90000, 90000, 25),
        (PAUSES, 2.2, 25, 25),
        ([0, 2.1, 5.1, 7.9], 30, 30, 30),
        ([0, 2.1, 5.1, 7.9], 0.5, 10, 10),
        (np.arange(5) * 2.0, 0.5, 0.5, 0.5),
        ([0.0], 25, 25, 25),
        ([0.0], None, None, 25),
    ],
)
def test_frame_rate_is_that_of_most_frames(times, average, base, expected) -> None:
    assert choose_fps(times, average, base) == pytest.approx(expected)


@pytest.mark.parametrize(
    ('times', 'duration', 'audio_end', 'expected'),
    [
        ([0, 0.5, 1.0], 0.5, 0.0, 1.5),
        ([0, 0.5, 1.0], 0.5, 1.6, 1.5),  # the last block of an encoder
        ([0, 0.5, 1.0], 0.5, 4.0, 4.0),
        ([0, 2.1, 5.1, 7.9], 0.033, 8.06, 8.06),
        ([0, 2.1, 5.1], 0.033, 8.0, 8.0),
        ([0.0], 3.0, 2.0, 3.0),
    ],
)
def test_last_frame_is_held_while_the_audio_goes_on(times, duration, audio_end, expected) -> None:
    assert video_end(times, duration, audio_end) == pytest.approx(expected)


def shifts(clock, packets):
    return [clock.shift(stream, time, time, 1.0) for stream, time in packets]


def test_clock_that_restarts_follows_the_piece_before() -> None:
    clock = ContinuousClock()
    assert shifts(clock, [(0, 5), (1, 5), (0, 6), (1, 6)]) == [0, 0, 0, 0]
    # The audio of the first piece comes after the first video packet of the second.
    assert shifts(clock, [(0, 5), (1, 7), (1, 5), (0, 6)]) == [2, 0, 2, 2]
    assert clock.restarts == 1
    assert clock.last_shift == 2


def test_clock_that_jumps_by_hours_follows_on_but_a_pause_is_kept() -> None:
    clock = ContinuousClock()
    assert shifts(clock, [(0, 0), (1, 0), (0, 1), (1, 9), (0, 11)]) == [0] * 5
    assert shifts(clock, [(0, 3600), (1, 3600)]) == [12 - 3600] * 2
    assert clock.restarts == 1
