import pytest
import torch

from avis.models.fusion.text_fusion import TextAudioFusion


@pytest.fixture
def fusion() -> TextAudioFusion:
    torch.manual_seed(0)
    return TextAudioFusion(channels=16, audio_dim=6, text_dim=5, num_heads=2)


def test_each_frame_knows_text_and_audio_of_all_frames(fusion: TextAudioFusion) -> None:
    audio = torch.rand(1, 3, 6, requires_grad=True)
    text = torch.rand(1, 4, 5, requires_grad=True)
    fused = fusion(audio, text, torch.ones(1, 4, dtype=torch.bool))
    assert fused.shape == (1, 3, 16)
    fused[0, 0].square().sum().backward()
    assert all(row.abs().max() > 0 for row in (*audio.grad[0], *text.grad[0]))
    assert all(weight.grad is not None for weight in fusion.parameters())


def test_padding_of_text_and_frames_changes_nothing(fusion: TextAudioFusion) -> None:
    audio, text = torch.rand(2, 3, 6), torch.rand(2, 4, 5)
    is_token, valid = torch.arange(4) < 2, torch.arange(3) < 2
    expected = fusion(audio[:, :2], text[:, :2], torch.ones(2, 2, dtype=torch.bool))
    got = fusion(audio, text, is_token.expand(2, -1), valid.expand(2, -1))
    torch.testing.assert_close(got[:, :2], expected)


def test_order_of_the_audio_counts(fusion: TextAudioFusion) -> None:
    audio, text = torch.rand(1, 3, 6), torch.rand(1, 4, 5)
    is_token = torch.ones(1, 4, dtype=torch.bool)
    reversed_order = fusion(audio.flip(1), text, is_token).flip(1)
    assert (fusion(audio, text, is_token) - reversed_order).abs().max() > 1e-3


def test_identity_init_starts_with_the_audio_and_learns_to_read_text() -> None:
    fusion = TextAudioFusion(channels=8, audio_dim=8, text_dim=5, num_heads=2, identity_init=True)
    audio, text = torch.rand(1, 3, 8), torch.rand(1, 4, 5)
    is_token = torch.ones(1, 4, dtype=torch.bool)
    fused = fusion(audio, text, is_token)
    torch.testing.assert_close(fused, audio)
    fused.square().sum().backward()
    assert fusion.out_proj.weight.grad.abs().max() > 0


def test_identity_init_needs_embeddings_of_one_width() -> None:
    with pytest.raises(ValueError, match='got audio_dim=6 and channels=16'):
        TextAudioFusion(channels=16, audio_dim=6, identity_init=True)
