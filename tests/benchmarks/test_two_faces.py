"""The video of two faces and its report; tracking is tested with the components."""

import numpy as np
import pytest

from avis.avtracker.interfaces import SpeechSegment
from avis.structures.mask_track import MaskTrack


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('two_faces')


def test_each_side_moves_while_its_speaker_speaks(benchmark):
    segments = [SpeechSegment('', (0, 2), 'b'), SpeechSegment('', (1, 4), 'a')]
    moving = benchmark.speech_frames(segments, 1.0, 5)
    assert moving.astype(int).tolist() == [[0, 1, 1, 1, 0], [1, 1, 0, 0, 0]]
    face = [np.full((2, 2, 3), shade, np.uint8) for shade in range(6)]
    shown = np.stack(list(benchmark.side_by_side(face, moving)))
    assert shown.shape == (5, 2, 4, 3)
    assert shown[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 3]
    assert shown[:, 0, 3, 0].tolist() == [3, 4, 4, 4, 4]
    with pytest.raises(SystemExit, match='expected two speakers'):
        benchmark.speech_frames(segments[:1], 1.0, 5)


def test_report_separates_the_speaker_from_the_other_side(benchmark):
    masks = np.zeros((2, 4, 1, 4), bool)
    masks[0, [0, 1], :, :2] = masks[1, [2, 3], :, 2:] = True
    shown = benchmark.outlined([MaskTrack.from_dense(mask) for mask in masks], 4)
    assert shown.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]
    speaks = np.array([[1, 0, 0, 0], [0, 1, 1, 0]], bool)
    assert benchmark.report(speaks, shown) == (
        'speaker  66.7 %, other  33.3 %, both   0.0 %, nobody   0.0 %; false speakers 30.0 s per '
        'minute'
    )


def test_cases_hide_or_mute_the_second_speaker(benchmark):
    segments = [SpeechSegment('', (0, 2), 'a'), SpeechSegment('', (2, 3), 'b')]
    samples = np.arange(1, 3 * 50 + 1).astype(np.int16)
    speech = benchmark.speech_frames(segments, 25, 75)
    found = {name: rest for name, *rest in benchmark.cases(samples, 50, speech)}
    moving, visible, audio = found['off screen']
    assert moving[0].sum() == visible.sum() == 50
    assert not moving[1].any()
    np.testing.assert_array_equal(audio, samples)
    moving, visible, audio = found['dubbed']
    assert moving[1].all()
    assert not visible[1].any()
    assert audio[:100].all()
    assert not audio[100:].any()


def test_exchange_rotates_audio_and_speech_and_swaps_the_sides(benchmark):
    speech = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], bool)
    samples, exchanged = benchmark.exchange(np.arange(8, dtype=np.int16), 50, speech)
    assert samples.tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert exchanged.astype(int).tolist() == [[0, 1, 0, 0], [0, 0, 1, 1]]
