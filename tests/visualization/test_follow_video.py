"""A camera that follows the speaker: inside, still, and with cuts at changes of speaker."""

from fractions import Fraction

import av
import numpy as np
import pytest

from avis.structures.mask_track import MaskTrack
from avis.structures.masks import encode_mask
from avis.structures.video_result import TrackResult, VideoResult
from avis.utils.mp4 import write_mp4
from avis.visualization.follow_video import follow_file_name, write_follow_video
from avis.visualization.following import choose_targets, parse_aspect, plan_camera, window_size

HEIGHT, WIDTH, FPS = 90, 160, 10.0
SIDE = 20


def person(number, xs, speaks):
    """A face of 20 pixels with its left edge at x per frame, None where it is not visible."""
    rles = []
    for x in xs:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        if x is not None:
            mask[20 : 20 + SIDE, x : x + SIDE] = True
        rles.append(None if x is None else encode_mask(mask))
    return TrackResult(number, f'p{number}', MaskTrack(HEIGHT, WIDTH, rles), np.array(speaks, bool))


def result(*people):
    length = len(people[0].sounding) if people else 30
    return VideoResult('talk', FPS, length, HEIGHT, WIDTH, tracks=list(people))


def inside(camera, xs, frames):
    return all(camera.x[t] <= xs[t] and xs[t] + SIDE <= camera.x[t] + camera.width for t in frames)


def test_aspects_are_checked():
    assert parse_aspect('1:1') == 1
    for wrong in ('9x16', '9:0', 'wide', '1:9', '9:16:1', '-9:16'):
        with pytest.raises(ValueError, match='expected an aspect'):
            parse_aspect(wrong)


@pytest.mark.parametrize('aspect', ['9:16', '1:1', '16:9', '4:5', '21:9'])
@pytest.mark.parametrize('size', [(720, 1280), (1080, 1080), (1280, 720), (9, 7)])
def test_window_has_the_aspect_and_even_sides_inside_the_frame(size, aspect):
    high, wide = window_size(*size, parse_aspect(aspect))
    assert high % 2 == wide % 2 == 0
    assert high <= size[0]
    assert wide <= size[1]
    assert min(size) < 100 or abs(wide / high - parse_aspect(aspect)) < 0.02


def test_camera_cuts_where_another_person_begins_to_speak_and_stays_in_pauses():
    speaks = np.zeros((2, 60), bool)
    speaks[0, 5:20], speaks[1, 30:50] = True, True
    left, right = [10] * 60, [120] * 60
    both = result(person(1, left, speaks[0]), person(2, right, speaks[1]))
    camera = plan_camera(both, Fraction(9, 16))
    assert camera.targets.tolist() == [1] * 30 + [2] * 30
    assert np.flatnonzero(np.diff(camera.x)).tolist() == [29]
    assert inside(camera, left, range(30))
    assert inside(camera, right, range(30, 60))


def test_a_short_turn_does_not_move_the_camera():
    speaks = np.zeros((2, 60), bool)
    speaks[0], speaks[1, 30:36] = True, True
    speaks[0, 30:36] = False
    both = result(person(1, [10] * 60, speaks[0]), person(2, [120] * 60, speaks[1]))
    assert set(choose_targets(both)) == {1}


def test_camera_is_still_although_the_head_trembles():
    rng = np.random.default_rng(0)
    xs = (60 + rng.integers(-3, 4, 50)).tolist()
    camera = plan_camera(result(person(1, xs, [True] * 50)), Fraction(9, 16))
    assert len(set(camera.x)) == 1
    assert inside(camera, xs, range(50))


def test_camera_moves_smoothly_with_a_walking_person():
    xs = np.linspace(0, 140, 80).astype(int).tolist()
    camera = plan_camera(result(person(1, xs, [True] * 80)), Fraction(9, 16))
    assert inside(camera, xs, range(80))
    assert np.abs(np.diff(camera.x)).max() <= 4
    assert np.abs(np.diff(camera.x, 2)).max() <= 2


def test_without_speech_or_people_the_video_is_shown_all_the_same():
    quiet = plan_camera(result(person(1, [120] * 30, [False] * 30)), Fraction(1))
    assert inside(quiet, [120] * 30, range(30))
    empty = plan_camera(result(), Fraction(1))
    assert set(empty.x) == {(WIDTH - HEIGHT) // 2}


def test_a_person_who_leaves_is_remembered():
    xs = [30] * 20 + [None] * 20
    camera = plan_camera(result(person(1, xs, [True] * 20 + [False] * 20)), Fraction(9, 16))
    assert len(set(camera.x)) == 1


def test_video_shows_the_speaker_with_its_audio(tmp_path):
    path, rate = str(tmp_path / 'talk.mp4'), 16000
    speaks = np.zeros((2, 40), bool)
    speaks[0, :20], speaks[1, 20:] = True, True
    both = result(person(1, [10] * 40, speaks[0]), person(2, [120] * 40, speaks[1]))
    frames = np.zeros((40, HEIGHT, WIDTH, 3), np.uint8)
    frames[:, 20:40, 10:30, 0], frames[:, 20:40, 120:140, 2] = 250, 250  # red and blue
    noise = np.random.default_rng(0).integers(-9000, 9000, 4 * rate).astype(np.int16)
    write_mp4(path, frames, fps=FPS, audio=noise, sample_rate=rate)
    record = {'video_name': 'talk', 'frames': path, 'audio': path, 'fps': FPS, 'length': 40}
    out = tmp_path / follow_file_name('9:16')
    write_follow_video(out, record, both, '9:16')
    with av.open(str(out)) as video:
        assert len(video.streams.audio) == 1
        images = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    assert images[0].shape == (90, 50, 3)
    repeat = len(images) // 40
    for t, image in enumerate(images):
        red, blue = image[..., 0].astype(int) > 150, image[..., 2].astype(int) > 150
        expected = (True, False) if t < 20 * repeat else (False, True)
        assert (red.sum() > 300, blue.sum() > 300) == expected
