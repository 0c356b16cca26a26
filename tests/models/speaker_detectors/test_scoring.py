"""Scores of a face track: whole tracks and the protocol of the demo. The weights are random."""

import numpy as np
import pytest
import torch
from torch import Tensor

from avis.models.audio_encoders.mfcc import align_rows, mfcc
from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.models.speaker_detectors.scoring import demo_scores, score_track, smooth_demo_scores
from avis.structures.media import Waveform
from tests.helpers.tiny_asd import tiny_detector

FPS, RATE = 25, 16000
LENGTH = 60  # three chunks


@pytest.fixture(scope='module')
def model() -> ActiveSpeakerDetector:
    return tiny_detector('lr_asd')


@pytest.fixture(scope='module')
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (LENGTH, 16, 16)).astype(np.uint8)


@pytest.fixture(scope='module')
def samples() -> np.ndarray:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, LENGTH * RATE // FPS + RATE)
    return noise.astype(np.float32)


def logits(model: ActiveSpeakerDetector, faces: np.ndarray, rows: Tensor) -> Tensor:
    inputs = {'faces': torch.from_numpy(faces).float()[None], 'audio': rows[None]}
    with torch.no_grad():
        return model.compute_outputs(inputs)['logits'][0]


@pytest.mark.parametrize('name', ['lr_asd', 'light_asd'])
@pytest.mark.parametrize('sizes', [[60], [25, 25, 10], [1, 2, 3, 1, 53], [59, 1]])
def test_parts_do_not_change_the_embeddings_of_a_track(name, sizes, faces) -> None:
    encoder = tiny_detector(name).network.visual_encoder
    track = torch.from_numpy(faces).float()
    with torch.no_grad():
        whole, streamed = encoder(track[None]), encoder.stream(track.split(sizes))
        torch.testing.assert_close(streamed, whole, rtol=0, atol=1e-5)
        short = encoder.stream([track[:1]])
        torch.testing.assert_close(short, encoder(track[None, :1]), rtol=0, atol=1e-5)


def test_parts_do_not_change_the_score_of_a_track(model, faces, samples) -> None:
    scores = score_track(model, faces, Waveform(samples, RATE), fps=FPS)
    rows = align_rows(mfcc(torch.from_numpy(samples)), LENGTH)
    whole = logits(model, faces, rows)
    np.testing.assert_allclose(scores, whole[:, 1] - whole[:, 0], atol=1e-5)


def test_audio_after_the_track_does_not_count_and_missing_audio_is_silence(
    model, faces, samples
) -> None:
    half = samples[: len(samples) // 2]
    padded = np.pad(half, (0, len(samples)))
    scores = [score_track(model, faces, Waveform(x, RATE), fps=FPS) for x in (half, padded)]
    np.testing.assert_array_equal(*scores)
    other = score_track(model, faces, Waveform(samples, RATE), fps=FPS)
    assert np.abs(scores[0] - other).max() > 1e-7  # the weights are random, the audio counts little
    assert len(score_track(model, faces[:1], Waveform(samples[:0], RATE), fps=FPS)) == 1


def test_wrong_inputs_are_named(model, faces, samples) -> None:
    with pytest.raises(ValueError, match=r'uint8 \(T, H, W\), got float64 \(60, 16, 16\)'):
        score_track(model, faces / 255, Waveform(samples, RATE), fps=FPS)
    with pytest.raises(ValueError, match='expected audio at 16000 Hz, got 8000 Hz'):
        score_track(model, faces, Waveform(samples, 8000), fps=FPS)
    rows = mfcc(torch.from_numpy(samples))
    with pytest.raises(ValueError, match='at most 240 rows of audio for 60 frames'):
        demo_scores(model, torch.from_numpy(faces).float(), rows)


def test_demo_scores_chunks_alone_and_averages(model, faces, samples) -> None:
    rows = mfcc(torch.from_numpy(samples))[:239]  # 59 frames
    scores = demo_scores(model, torch.from_numpy(faces).float(), rows)
    assert scores.per_duration.shape == (6, 59)
    expected = torch.cat(
        [
            logits(model, faces[a:b], rows[4 * a : 4 * b])[:, 1]
            for a, b in ((0, 25), (25, 50), (50, 59))
        ]
    )
    np.testing.assert_allclose(scores.per_duration[0], expected, atol=1e-6)
    np.testing.assert_array_equal(scores.mean, scores.per_duration.mean(0))
    np.testing.assert_allclose(scores.rounded, scores.mean, atol=0.0501)


def test_smoothing_never_uses_the_last_score() -> None:
    smoothed = smooth_demo_scores(np.array([1.0, 2.0, 3.0, 100.0]), 7)
    np.testing.assert_allclose(smoothed, [2, 2, 2, 2.5, 3, np.nan, np.nan])
