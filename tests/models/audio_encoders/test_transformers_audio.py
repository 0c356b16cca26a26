"""Audio networks of transformers: rows at the right times, windows, layers, frozen or trained."""

import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from avis.models.audio_encoders.token_pooling import FrameAverage, TokenTimes
from avis.models.audio_encoders.transformers_audio import TransformersAudio
from tests.helpers.tiny_encoders import AUDIO, audio_config

RATE = 16000
# One network per front end in each run; the others belong to the same families.
QUICK = (
    *('wav2vec2', 'wav2vec2-bert', 'moonshine', 'whisper', 'speech_to_text'),
    *('audio-spectrogram-transformer', 'clap', 'dac'),
)
EACH_NETWORK = pytest.mark.parametrize(
    'kind', [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in AUDIO]
)


def build(kind: str, **options) -> TransformersAudio:
    torch.manual_seed(0)
    return TransformersAudio(model=audio_config(kind), **options).train()


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(1, round(seconds * RATE), generator=generator)


@EACH_NETWORK
def test_change_in_second_t_changes_row_t_most(kind) -> None:
    encoder = build(kind)
    audio = noise(3).expand(4, -1).clone()
    for second in range(3):
        start = round((second + 0.45) * RATE)
        audio[second + 1, start : start + RATE // 10] = noise(0.1, seed=1)[0]
    first, *changed = encoder(audio, 3)
    rows = [int((row - first).norm(dim=-1).argmax()) for row in changed]
    assert rows == [0, 1, 2]


@EACH_NETWORK
def test_frozen_network_has_no_gradient_and_trained_one_has(kind) -> None:
    audio = noise(1)
    frozen = build(kind, out_channels=5)
    rows = frozen(audio, 2)
    assert rows.shape == (1, 2, 5)
    rows.sum().backward()
    assert all(p.grad is None for p in frozen.network.parameters())
    assert not any(module.training for module in frozen.network.modules())
    assert frozen.project.weight.grad.abs().sum() > 0
    trained = build(kind, frozen=False)
    trained(audio, 2).square().sum().backward()
    gradients = [p.grad for p in trained.network.parameters() if p.grad is not None]
    assert sum(float(grad.abs().sum()) for grad in gradients) > 0


def test_tokens_are_averaged_by_the_time_they_share_with_a_frame() -> None:
    mean = FrameAverage(2, 1.0)
    # Tokens from 0 to 0.75, to 1.25 and to 2 seconds.
    mean.add(torch.tensor([[1.0], [2.0], [4.0]]), TokenTimes(0.5, 0.5).edges(3, 2.0), 0.0)
    torch.testing.assert_close(mean.rows(), torch.tensor([[1.25], [3.5]]))


def test_frame_shorter_than_a_token_has_the_value_of_its_token() -> None:
    mean = FrameAverage(25, 0.04)
    mean.add(torch.arange(10.0)[:, None], TokenTimes(0.05, 0.1).edges(10, 1.0), 0.0)
    values = mean.rows()[:, 0]
    assert values[[0, 2, 24]].tolist() == pytest.approx([0, 0.5, 9])  # frame 2: 0.08 to 0.12 s
    assert (values.diff() >= 0).all()


def test_padding_after_the_end_does_not_count() -> None:
    edges = TokenTimes(0.05, 0.1).edges(300, 1.0)  # of a network that pads to 30 s
    assert edges[10] == edges[300] == 1.0


def test_windows_change_only_what_the_network_sees() -> None:
    encoder = build('dac', window_seconds=1.6)  # 50 tokens; convolutions see 0.2 s
    whole = build('dac')
    audio = noise(4)
    with_windows, without = encoder(audio, 20), whole(audio, 20)
    middles = torch.arange(20) * 0.2 + 0.1
    near_cut = ((middles - 1.6).abs() < 0.4) | ((middles - 3.2).abs() < 0.4)
    same = (with_windows - without).abs().amax(-1)[0] < 1e-4
    assert same[~near_cut].all()


def test_clips_of_a_padded_batch_equal_single_clips() -> None:
    encoder = build('wav2vec2')
    clips = [noise(3), noise(1.3, seed=2)]
    batch = torch.zeros(2, 3 * RATE)
    for row, clip in zip(batch, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    together = encoder(batch, 3, torch.tensor([3 * RATE, round(1.3 * RATE)]))
    torch.testing.assert_close(together, torch.cat([encoder(clip, 3) for clip in clips]))


@pytest.mark.parametrize(('samples', 'seconds_per_frame'), [(0, None), (0, 1.0), (100, 1.0)])
def test_clip_shorter_than_its_frames_is_continued_by_silence(samples, seconds_per_frame) -> None:
    encoder = build('wav2vec2', seconds_per_frame=seconds_per_frame)
    rows = encoder(torch.zeros(1, samples), 3)
    torch.testing.assert_close(rows, encoder(torch.zeros(1, 3 * RATE), 3))


def test_other_sample_rate_is_resampled() -> None:
    time = torch.arange(3 * 48000) / 48000
    tone = 0.3 * torch.sin(2 * torch.pi * 440 * time)[None]
    rows = build('whisper')(tone[:, ::3], 3)
    other = build('whisper', sample_rate=48000)(tone, 3)
    torch.testing.assert_close(other, rows, rtol=0, atol=1e-4)
    assert (rows - build('whisper')(torch.zeros(1, 3 * RATE), 3)).abs().max() > 1e-2


def test_layers_are_chosen_by_number() -> None:
    audio = noise(1)
    rows = [build('wavlm', layer=layer)(audio, 2) for layer in (0, 1, None)]
    assert not torch.allclose(rows[0], rows[1])
    assert not torch.allclose(rows[1], rows[2])
    with pytest.raises(ValueError, match=r'expected layer from 0 to 2 for wavlm, got 3'):
        build('wavlm', layer=3)
    with pytest.raises(ValueError, match=r'expected layer=None for dac, got 0'):
        build('dac', layer=0)


def test_folder_of_weights_equals_the_network_that_was_saved(tmp_path) -> None:
    torch.manual_seed(1)
    network = Wav2Vec2Model(Wav2Vec2Config(**AUDIO['wav2vec2'])).eval()
    network.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    audio = noise(1)
    encoder = TransformersAudio(model=str(tmp_path), seconds_per_frame=0.02)
    with torch.no_grad():
        tokens = network(audio).last_hidden_state[0]
    # The receptive field of 400 samples of token j starts at sample 320 j: its center is 39.5
    # samples after the middle of frame j, and the first 39.5 samples belong to token j - 1.
    before = 39.5 / 320
    expected = tokens[1:48] * (1 - before) + tokens[0:47] * before
    torch.testing.assert_close(encoder(audio, 50)[0, 1:48], expected)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'model': {'model_type': 'wav2vec3'}}, r"model_type that transformers .*'wav2vec3'"),
        ({'model': {'model_type': 'bert'}}, r"expected an audio network, one of .*'bert'"),
        ({'model': '/no/such/folder'}, r"the config of a network of transformers, got '/no/such"),
        (
            {'model': audio_config('whisper'), 'window_seconds': 60},
            r'window_seconds from 0.5 to 10, the longest input of whisper, got 60',
        ),
        (
            {'model': {**audio_config('wav2vec2'), 'add_adapter': True}},
            r'expected wav2vec2 without adapter',
        ),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        TransformersAudio(**options)
