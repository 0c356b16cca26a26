import numpy as np

from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, Utterance
from avis.visualization.captions import BACKGROUND, Captions

ANN = TrackResult(1, 'Ann', MaskTrack(4, 4, [None]), np.zeros(1, bool))
RED = (230, 10, 10)


def captions(*utterances, width=300):
    return Captions(utterances, [ANN], {1: RED}, width=width, size=14)


def has(image, color):
    return bool((np.abs(image.astype(int) - color).max(-1) < 6).any())


def is_blank(image):
    return bool((image == BACKGROUND).all())


def test_text_is_shown_while_it_is_said_with_the_name_in_its_color():
    band = captions(Utterance(1.0, 2.0, 'hello', 1))
    shown = [not is_blank(band.render(time)) for time in (0.9, 1.0, 1.99, 2.0)]
    assert shown == [False, True, True, False]
    assert has(band.render(1.5), RED)
    assert band.render(1.5).shape == band.render(5).shape == (band.height, 300, 3)


def test_unknown_speaker_has_no_name():
    assert not has(captions(Utterance(0, 1, 'hello')).render(0.5), RED)


def test_long_text_is_shown_page_by_page():
    words = ' '.join(f'word{k}' for k in range(40))
    band = captions(Utterance(0, 10, words, 1))
    pages = {band.render(time).tobytes() for time in np.linspace(0, 9.99, 50)}
    lines = len(band._lines(0)[2])
    assert len(pages) == -(-lines // 2) > 3
    assert not is_blank(band.render(9.99))


def test_two_speakers_share_the_band():
    one, two = Utterance(0, 2, 'first', 1), Utterance(1, 3, 'second', None)
    band = captions(one, two)
    alone, both = (band.render(time).copy() for time in (0.5, 1.5))
    assert (alone != both).any()
    half = band.height // 2
    np.testing.assert_array_equal(alone[:half], both[:half])
    assert is_blank(alone[half + 2 :])


def test_text_stays_in_the_band():
    band = captions(Utterance(0, 2, 'a' * 500, 1), Utterance(0, 2, '', 1), width=80)
    assert band.render(1.0).shape[1] == 80
