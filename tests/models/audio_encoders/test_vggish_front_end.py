"""The three framings: the audio of each frame, and the values for missing audio."""

import math

import pytest
import torch

from avis.models.audio_encoders.vggish_front_end import VGGishFrontEnd
from avis.synthetic.log_mel import log_mel_examples

SILENCE = math.log(0.01)


def noise(seconds: float, batch: int = 1, rate: int = 16000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(round(seconds * 100))
    return 0.1 * torch.randn(batch, round(seconds * rate), generator=generator)


def test_examples_equal_those_of_synthetic_data(waves) -> None:
    pcm = (waves['mono16k'].samples[0] * 32768).round().short()  # as the wave was generated
    examples = VGGishFrontEnd(framing='clip_repeat')(waves['mono16k'].samples, 5)
    written = torch.from_numpy(log_mel_examples(pcm.numpy(), 5))
    torch.testing.assert_close(examples[0, :, None], written, rtol=0, atol=1e-4)


def test_clip_repeat_repeats_last_example() -> None:
    examples = VGGishFrontEnd(framing='clip_repeat')(noise(2.0), 4)[0]
    assert not torch.equal(examples[0], examples[1])
    assert torch.equal(examples[2], examples[1])
    assert torch.equal(examples[3], examples[1])


def test_clip_zeros_pads_with_zeros() -> None:
    examples = VGGishFrontEnd(framing='clip_zeros')(noise(2.0), 4)[0]
    assert examples[:2].any(-1).all()
    assert not examples[2:].any()


@pytest.mark.parametrize('framing', ['clip_repeat', 'clip_zeros', 'per_second'])
def test_audio_beyond_last_frame_is_dropped(framing) -> None:
    front_end, audio = VGGishFrontEnd(framing=framing), noise(6.0)
    assert torch.equal(front_end(audio, 2), front_end(audio[:, :32000], 2))


def test_per_second_examples_depend_on_their_second_only() -> None:
    front_end, audio = VGGishFrontEnd(framing='per_second'), noise(3.0)
    changed = audio.clone()
    changed[:, 16000:] = 0
    before, after = front_end(audio, 3)[0], front_end(changed, 3)[0]
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
    torch.testing.assert_close(
        after[2], torch.full((96, 64), SILENCE)
    )  # silence differs from missing audio


@pytest.mark.parametrize(('samples', 'embedded'), [(15599, False), (15600, True), (0, False)])
def test_seconds_shorter_than_975_ms_become_zeros(samples, embedded) -> None:
    audio = noise(1.0)[:, :samples]
    assert bool(VGGishFrontEnd(framing='per_second')(audio, 1).any()) is embedded


@pytest.mark.parametrize('rate', [16000, 22050])
@pytest.mark.parametrize('framing', ['clip_repeat', 'clip_zeros', 'per_second'])
def test_padded_batch_equals_single_clips(framing, rate) -> None:
    front_end = VGGishFrontEnd(framing=framing, sample_rate=rate)
    clips = [noise(seconds, rate=rate) for seconds in (4.0, 1.98, 3.99)]
    lengths = torch.tensor([clip.shape[1] for clip in clips])
    batch = torch.zeros(3, int(lengths.max()))
    for row, clip in zip(batch, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    together = front_end(batch, 4, lengths)
    for row, clip in zip(together, clips, strict=True):
        torch.testing.assert_close(row, front_end(clip, 4)[0], rtol=0, atol=1e-5)


def test_clip_repeat_of_too_short_clip_raises() -> None:
    front_end = VGGishFrontEnd(framing='clip_repeat')
    with pytest.raises(ValueError, match=r"clip 1 of the batch\. Use framing='clip_zeros'"):
        front_end(noise(2.0, batch=2), 2, torch.tensor([32000, 15599]))


@pytest.mark.parametrize('seconds', [0.0, 0.01, 0.5])
def test_clip_zeros_of_too_short_clip_returns_zeros(seconds) -> None:
    examples = VGGishFrontEnd(framing='clip_zeros')(noise(seconds), 3)
    assert examples.shape == (1, 3, 96, 64)
    assert not examples.any()


def test_unknown_framing_raises() -> None:
    with pytest.raises(ValueError, match=r"'clip_repeat', .* got 'clip'"):
        VGGishFrontEnd(framing='clip')
