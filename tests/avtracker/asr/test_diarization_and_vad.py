import numpy as np
import pytest
import torch

from avis.avtracker.asr.silero_vad import SileroVAD
from avis.avtracker.asr.speaker_diarization import SpeakerDiarization, cluster_speakers
from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.speaker_encoders.resemblyzer import Resemblyzer
from avis.structures.media import Waveform
from tests.helpers.people import talk

RATE = 16000


def is_speech(segments, second):
    return any(start <= second < end for start, end in (segment.timestamp for segment in segments))


def test_silero_detects_speech_and_not_silence():
    _, audio, people = talk(0)
    samples = audio.samples.copy()
    samples[8 * RATE : 12 * RATE] = 0
    segments = SileroVAD(threshold=0.1).transcribe(Waveform(samples, RATE))
    speaking = np.any([masks.any(axis=(1, 2)) for masks in people.values()], axis=0)
    seconds = [second for second in range(20) if speaking[second] and not 8 <= second < 12]
    found = np.mean([is_speech(segments, second + 0.5) for second in seconds])
    assert found > 0.5
    assert not any(is_speech(segments, second) for second in (9, 10, 11))
    assert all(segment.text == '' for segment in segments)
    starts = [segment.timestamp[0] for segment in segments]
    assert starts == sorted(starts)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(100), np.zeros(RATE), np.ones(RATE)])
def test_silero_detects_no_speech_in_silence_or_constant_audio(samples):
    assert SileroVAD().transcribe(Waveform(samples.astype(np.float32), RATE)) == []


def test_silero_cuts_long_speech():
    _, audio, _ = talk(0)
    segments = SileroVAD(threshold=0.05, max_speech=2.0).transcribe(audio)
    assert max(end - start for start, end in (segment.timestamp for segment in segments)) < 2.5


def test_loading_silero_keeps_the_number_of_torch_threads():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        SileroVAD().transcribe(Waveform(np.zeros(RATE, np.float32), RATE))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_silero_state_is_reset_between_videos():
    _, audio, _ = talk(0)
    _, other, _ = talk(1)
    vad = SileroVAD()
    first = vad.transcribe(audio)
    vad.transcribe(other)
    assert vad.transcribe(audio) == first


class TwoSegments:
    """A VAD that returns two segments."""

    sample_rate = RATE

    def transcribe(self, waveform):
        return [SpeechSegment('', (0.0, 4.0)), SpeechSegment('', (5.0, None))]


class LevelEncoder:
    """An encoder whose embedding is the level of the samples; it rejects silence."""

    sample_rate = RATE

    def embed(self, waveform):
        level = float(np.median(waveform.samples))
        if not level:
            raise ValueError('too little speech')
        return np.array([np.cos(level), np.sin(level)], np.float32)


def tones(*parts):
    pieces = [np.full(round(seconds * RATE), level, np.float32) for seconds, level in parts]
    return Waveform(np.concatenate(pieces), RATE)


def test_diarization_splits_speech_at_speaker_changes():
    diarization = SpeakerDiarization(vad=TwoSegments(), encoder=LevelEncoder(), window=1.6)
    segments = diarization.transcribe(tones((2, 0.1), (3, 1.0), (3, 0.1)))
    assert [segment.speaker for segment in segments] == ['speaker_0', 'speaker_1', 'speaker_0']
    (_, cut), (start, end) = segments[0].timestamp, segments[1].timestamp
    assert cut == start == pytest.approx(2.0, abs=0.4)
    assert end == pytest.approx(4.1)
    assert segments[2].timestamp == pytest.approx((4.9, 8.0))


def test_diarization_merges_short_segments_with_a_neighbor():
    audio = tones((2, 0.1), (0.4, 1.0), (1.6, 0.1), (4, 0.1))
    diarization = SpeakerDiarization(
        vad=TwoSegments(), encoder=LevelEncoder(), window=0.4, step=0.2, min_segment=0.8
    )
    times = [segment.timestamp for segment in diarization.transcribe(audio)]
    assert times == [pytest.approx((0.0, 4.1)), pytest.approx((4.9, 8.0))]


def test_distance_threshold_decides_how_many_speakers_there_are():
    audio = tones((2, 0.1), (6, 1.0))
    for threshold, speakers in ((0.6, 2), (9.0, 1)):
        diarization = SpeakerDiarization(
            vad=TwoSegments(), encoder=LevelEncoder(), distance_threshold=threshold
        )
        assert len({segment.speaker for segment in diarization.transcribe(audio)}) == speakers


def test_segment_without_an_embedding_has_no_speaker():
    segments = SpeakerDiarization(vad=TwoSegments(), encoder=LevelEncoder()).transcribe(
        tones((4.5, 0.0), (3, 1.0))
    )
    assert [segment.speaker for segment in segments] == [None, 'speaker_0']


def test_different_sample_rates_or_invalid_step_are_rejected():
    class Slow(LevelEncoder):
        sample_rate = 8000

    with pytest.raises(ValueError, match='8000 Hz'):
        SpeakerDiarization(vad=TwoSegments(), encoder=Slow())
    with pytest.raises(ValueError, match='step=3'):
        SpeakerDiarization(vad=TwoSegments(), encoder=LevelEncoder(), step=3.0)


def test_cluster_speakers_of_few_embeddings():
    assert cluster_speakers([], 0.65) == []
    assert cluster_speakers([np.array([1.0, 0.0])], 0.65) == [0]


@pytest.mark.parametrize('count', [10, 100, 1000])
def test_two_speakers_are_two_clusters_at_any_length(count):
    rng = np.random.default_rng(count)
    centers = np.zeros((2, 256))
    centers[0, 0] = centers[1, 1] = 0.7  # cosine about 0.66 within, 0.32 more than between
    speakers = rng.integers(0, 2, count)
    embeddings = centers[speakers] + rng.normal(0, 0.5 / 16, (count, 256)) + 0.4 / 16
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    clusters = cluster_speakers(list(embeddings), 0.65)
    assert clusters == [int(speaker != speakers[0]) for speaker in speakers]


def test_resemblyzer_distinguishes_synthetic_people():
    _, audio, people = talk(0)
    encoder = Resemblyzer()
    embeddings = {}
    alone = sum(masks.any(axis=(1, 2)).astype(int) for masks in people.values()) == 1
    for name, masks in people.items():
        speaks = np.flatnonzero(masks.any(axis=(1, 2)) & alone)
        pairs = [second for second in speaks if second + 1 in speaks][:4]
        embeddings[name] = [
            encoder.embed(Waveform(audio.samples[s * RATE : (s + 2) * RATE], RATE)) for s in pairs
        ]
    cosine = lambda a, b: float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))  # noqa: E731
    one, two = embeddings.values()
    same = [cosine(a, b) for each in (one, two) for a in each for b in each if a is not b]
    other = [cosine(a, b) for a in one for b in two]
    assert np.mean(same) > np.mean(other) + 0.1
    assert one[0].shape == (256,)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(RATE), np.full(200, 0.1)])
def test_resemblyzer_rejects_audio_without_speech(samples):
    with pytest.raises(ValueError, match='s of speech, got'):
        Resemblyzer().embed(Waveform(samples.astype(np.float32), RATE))
