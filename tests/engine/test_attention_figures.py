from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from avis.engine import attention_figures
from avis.engine.attention_figures import AttentionFigures
from avis.models.fusion.simple import AddFusion
from avis.structures.av_data_sample import AVDataSample


class Model(nn.Module):
    """A fusion block behind an empty backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Identity()
        self.fusion = AddFusion(channels=3, audio_dim=2)

    def forward(self, frames: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        self.backbone(frames.flatten(0, 1))
        return self.fusion(frames, audio)[0]


def clips(count: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, length, 3, 4, 6), torch.rand(count, length, 2)


def test_maps_of_a_batch_belong_to_its_clips() -> None:
    model, (frames, audio) = Model(), clips(2, 3)
    figures = AttentionFigures(model)
    model(frames, audio)
    figures.collect({'data_samples': [AVDataSample()] * 2}, None)
    expected = model.fusion.audio_attention(frames, audio).detach().numpy()
    np.testing.assert_array_equal(figures.maps_of(1, [0, 2])['fusion'], expected[1, [0, 2]])
    sample = AVDataSample(metainfo={'img_shape': (3, 3)})
    assert figures.shown(sample) == (0.75, 0.5)
    figures.close()
    assert not model.fusion._forward_hooks


def test_maps_of_windows_are_kept_for_the_chosen_frames(monkeypatch) -> None:
    monkeypatch.setattr(attention_figures, 'MAX_FRAMES', 3)
    model, (frames, audio) = Model(), clips(1, 7)
    dataset = SimpleNamespace(record=lambda video: {'length': 7})
    figures = AttentionFigures(model)
    for start, stop in ((0, 4), (2, 7)):
        window = SimpleNamespace(start=start, video=0)
        # What a window adds to the frames that the one before it has shown does not count.
        part = (
            frames[:, start:stop]
            + (start > 0) * (torch.arange(start, stop) < 4)[:, None, None, None]
        )
        model(part, audio[:, start:stop])
        figures.collect({'data_samples': [AVDataSample(metainfo={'window': window})]}, dataset)
    chosen = attention_figures.choose_frames(7)
    assert chosen.tolist() == [0, 3, 6]
    expected = model.fusion.audio_attention(frames, audio).detach().numpy()
    np.testing.assert_array_equal(figures.maps_of(0, chosen)['fusion'], expected[0, chosen])
    assert set(figures._maps) == {(0, 0), (0, 3), (0, 6)}
