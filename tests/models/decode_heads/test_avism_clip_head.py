"""AVISM's clip module: any length, any batch, and projected mask embeddings."""

import pytest
import torch

from avis.models.decode_heads.avism_clip_head import AVISMClipHead

SIZES = {
    'num_classes': 5,
    'channels': 16,
    'audio_dim': 8,
    'num_queries': 7,
    'num_frame_queries': 4,
    'num_heads': 4,
    'hidden_channels': 8,
}


@pytest.fixture
def head() -> AVISMClipHead:
    torch.manual_seed(0)
    return AVISMClipHead(**SIZES).eval()


def inputs(batch: int, length: int, layers: int = 1):
    torch.manual_seed(1)
    return torch.randn(layers, batch, length, 4, 16), torch.rand(batch, length, 8)


@pytest.mark.parametrize('length', [1, 2, 5, 6, 13])
@pytest.mark.parametrize('training', [False, True])
def test_clip_does_not_depend_on_batch(head, length, training) -> None:
    head.train(training)
    queries, audio = inputs(3, length, layers=2)
    together = head(queries, audio)
    assert len(together.layers) == (3 if training else 1)
    assert together.memory.shape == (2, 3, length, 4, 16)
    for clip in range(3):
        alone = head(queries[:, clip : clip + 1], audio[clip : clip + 1])
        for ours, theirs in zip(together.layers, alone.layers, strict=True):
            assert ours.class_logits.shape == (2, 3, 7, 6)
            for a, b in zip(ours, theirs, strict=True):
                torch.testing.assert_close(a[:, clip], b[:, 0], rtol=0, atol=2e-6)


def test_mask_features_are_initialized_as_in_the_official_code(head) -> None:
    weight, bound = head.mask_features.weight, (3 / 16) ** 0.5  # uniform, Kaiming with a = 1
    assert 0.95 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(16**-0.5, rel=0.1)
    assert not head.mask_features.bias.any()


def test_encoder_windows_shift_in_evaluation_only(head) -> None:
    queries, audio = inputs(1, 7)

    def last(*, training: bool, shift_in_training: bool = False) -> torch.Tensor:
        head.train(training)
        head.shift_in_training = shift_in_training
        return head(queries, audio).layers[-1].class_logits

    assert not torch.equal(last(training=True), last(training=False))
    torch.testing.assert_close(last(training=True, shift_in_training=True), last(training=False))


def test_masks_of_projected_embeds_equal_masks_of_projected_features(head) -> None:
    predictions = head(*inputs(2, 3))
    features, embeds = torch.randn(2, 3, 16, 4, 6), predictions.layers[0].mask_embeds[0]
    projected = head.mask_features(features.flatten(0, 1)).unflatten(0, (2, 3))
    expected = torch.einsum('bqc,btchw->bqthw', embeds, projected)
    torch.testing.assert_close(
        predictions.mask_logits(features, embeds), expected, rtol=0, atol=1e-5
    )


def test_audio_changes_queries_unless_audio_dim_is_none(head) -> None:
    queries, audio = inputs(1, 3)
    assert not torch.equal(head(queries, audio).memory, head(queries, audio * 0).memory)
    torch.manual_seed(0)
    without_audio = AVISMClipHead(**{**SIZES, 'audio_dim': None}).eval()
    assert torch.equal(
        without_audio(queries, audio).memory, without_audio(queries, audio * 0).memory
    )
    assert not any('fusion' in name or 'audio' in name for name in without_audio.state_dict())


def test_invalid_inputs_raise(head) -> None:
    queries, audio = inputs(1, 3)
    with pytest.raises(ValueError, match=r'\(L, B, T, 4, C\), got \(1, 1, 3, 2, 16\)'):
        head(queries[:, :, :, :2], audio)
    with pytest.raises(ValueError, match=r'\(1, 3, 8\), got \(1, 2, 8\)'):
        head(queries, audio[:, :2])
