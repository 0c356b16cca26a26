"""LogMelCNN encodes the audio around each frame, and trains quickly."""

import math

import pytest
import torch

from avis.models.audio_encoders.log_mel_cnn import LogMelCNN


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tone(hz: float, seconds: float, rate: int = 16000) -> torch.Tensor:
    time = torch.arange(round(seconds * rate), dtype=torch.double) / rate
    return (0.3 * torch.sin(2 * math.pi * hz * time)).float()


def test_encoder_has_few_parameters() -> None:
    assert sum(p.numel() for p in LogMelCNN().parameters()) < 60_000


@pytest.mark.parametrize(
    ('seconds', 'frames', 'width'), [(5.0, 5, 128), (2.0, 50, 32), (0.5, 1, 8)]
)
def test_returns_one_embedding_per_frame(seconds, frames, width) -> None:
    rows = LogMelCNN(out_channels=width)(torch.randn(2, round(seconds * 16000)), frames)
    assert rows.shape == (2, frames, width)
    assert torch.isfinite(rows).all()


@pytest.mark.parametrize('seconds_per_frame', [None, 1.0])
def test_frame_depends_on_its_own_second(seconds_per_frame) -> None:
    encoder = LogMelCNN(seconds_per_frame=seconds_per_frame)
    silent, sounding = torch.zeros(1, 5 * 16000), torch.zeros(1, 5 * 16000)
    sounding[0, 3 * 16000 + 400 : 4 * 16000 - 400] = tone(440, 0.95)
    changed = (encoder(sounding, 5) - encoder(silent, 5)).abs().amax(-1)[0] > 1e-4
    assert changed.tolist() == [False, False, False, True, False]


def test_window_may_be_longer_than_frame() -> None:
    encoder = LogMelCNN(seconds_per_frame=0.04, window_seconds=0.4)
    sounding = torch.zeros(1, 16000)
    sounding[0, 8000:8160] = tone(440, 0.01)
    changed = (encoder(sounding, 25) - encoder(torch.zeros(1, 16000), 25)).abs().amax(-1)[0] > 1e-4
    times = changed.nonzero().flatten() * 0.04  # frames around 0.5 s
    assert 0.28 <= times.min() <= 0.34
    assert 0.64 <= times.max() <= 0.70


def test_frames_beyond_audio_equal_silence() -> None:
    encoder = LogMelCNN(seconds_per_frame=1.0)
    rows = encoder(tone(440, 2.0)[None], 5)[0]
    silence = encoder(torch.zeros(1, 16000), 1)[0, 0]
    torch.testing.assert_close(rows[3], silence)
    torch.testing.assert_close(rows[4], silence)
    assert not torch.allclose(rows[1], silence)


@pytest.mark.parametrize('samples', [0, 100])
def test_empty_audio_equals_silence(samples) -> None:
    encoder = LogMelCNN()
    rows = encoder(torch.zeros(1, samples), 3)
    torch.testing.assert_close(rows, encoder(torch.zeros(1, 48000), 3))


@pytest.mark.parametrize('seconds_per_frame', [None, 0.8])
def test_padded_batch_equals_single_clips(seconds_per_frame) -> None:
    encoder = LogMelCNN(seconds_per_frame=seconds_per_frame)
    clips = [torch.randn(1, size) for size in (48000, 31970)]
    batch = torch.zeros(2, 48000)
    for row, clip in zip(batch, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    together = encoder(batch, 3, torch.tensor([48000, 31970]))
    alone = torch.cat([encoder(clip, 3) for clip in clips])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_other_sample_rate_gives_similar_embeddings() -> None:
    encoder, other = LogMelCNN(), LogMelCNN(sample_rate=44100)
    other.load_state_dict(encoder.state_dict())
    rows = other(tone(1000, 3.0, rate=44100)[None], 3)
    torch.testing.assert_close(
        rows[0, 1], encoder(tone(1000, 3.0)[None], 3)[0, 1], rtol=0, atol=1e-2
    )


def test_training_separates_three_sources_in_forty_steps() -> None:
    encoder, classifier = LogMelCNN(), torch.nn.Linear(128, 3)
    optimizer = torch.optim.Adam([*encoder.parameters(), *classifier.parameters()], lr=1e-3)
    target = torch.arange(12) % 3

    def sounds() -> torch.Tensor:
        pitch = torch.tensor([220.0, 440.0, 1500.0])[target] * (1 + 0.1 * torch.rand(12))
        clips = torch.stack([tone(float(hz), 1.0) for hz in pitch])
        return torch.rand(12, 1) * clips + 0.02 * torch.randn(12, 16000)

    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(classifier(encoder(sounds(), 1))[:, 0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = classifier(encoder(sounds(), 1))[:, 0].argmax(-1) == target
    assert right.float().mean() > 0.9


def test_embeddings_pass_and_other_shapes_raise() -> None:
    encoder, rows = LogMelCNN(out_channels=16), torch.randn(1, 3, 16)
    assert encoder(rows, 3) is rows
    with pytest.raises(ValueError, match=r'LogMelCNN: expected .* shape \(1, 3, 128\)'):
        encoder(torch.zeros(1, 3, 128), 3)
