import itertools
import sys

import numpy as np
import pytest

from avis.avtracker.asr import webrtc_vad
from avis.avtracker.asr.webrtc_vad import WebRTCVAD
from avis.structures.media import StoredSamples, Waveform
from tests.helpers.people import talk

RATE = 16000


def is_speech(segments, second):
    return any(start <= second < end for start, end in (segment.timestamp for segment in segments))


@pytest.mark.parametrize('number', [0, 1])
def test_detects_speech_and_not_silence(number):
    _, audio, people = talk(number)
    samples = audio.samples.copy()
    samples[8 * RATE : 12 * RATE] = 0
    segments = WebRTCVAD().transcribe(Waveform(samples, RATE))
    speaking = np.any([masks.any(axis=(1, 2)) for masks in people.values()], axis=0)
    seconds = [second for second in range(20) if speaking[second] and not 8 <= second < 12]
    assert np.mean([is_speech(segments, second + 0.5) for second in seconds]) > 0.8
    assert not any(is_speech(segments, second) for second in (9, 10, 11))
    assert all(segment.text == '' for segment in segments)
    starts = [segment.timestamp[0] for segment in segments]
    assert starts == sorted(starts)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(100), np.zeros(RATE)])
def test_silence_has_no_speech(samples):
    assert WebRTCVAD().transcribe(Waveform(samples.astype(np.float32), RATE)) == []


def test_min_silence_min_speech_and_padding():
    _, audio, _ = talk(0)
    spans = [segment.timestamp for segment in WebRTCVAD(padding=0.0).transcribe(audio)]
    pauses = [later[0] - before[1] for before, later in itertools.pairwise(spans)]
    assert min(pauses) >= 0.15
    longer = WebRTCVAD(padding=0.0, min_silence=0.8, min_speech=1.0).transcribe(audio)
    assert 0 < len(longer) < len(spans)
    assert min(end - start for start, end in (segment.timestamp for segment in longer)) >= 1.0
    padded = [segment.timestamp for segment in WebRTCVAD(padding=0.5).transcribe(audio)]
    assert padded == [
        pytest.approx((max(start - 0.5, 0), min(end + 0.5, 20))) for start, end in spans
    ]


def test_segments_of_long_audio_are_those_of_the_whole(monkeypatch):
    _, audio, _ = talk(0)
    expected = WebRTCVAD().transcribe(audio)
    monkeypatch.setattr(webrtc_vad, '_BLOCK_FRAMES', 7)
    assert WebRTCVAD().transcribe(Waveform(StoredSamples([audio.samples]), RATE)) == expected


def test_invalid_mode_rate_or_missing_package_raises_error(monkeypatch):
    with pytest.raises(ValueError, match='mode must be 0, 1, 2 or 3, got 4'):
        WebRTCVAD(mode=4)
    with pytest.raises(ValueError, match='at 8000 Hz'):
        WebRTCVAD().transcribe(Waveform(np.zeros(8000, np.float32), 8000))
    monkeypatch.setitem(sys.modules, 'webrtcvad', None)
    with pytest.raises(ImportError, match=r"pip install 'avis\[offline\]'"):
        WebRTCVAD().transcribe(Waveform(np.zeros(RATE, np.float32), RATE))
