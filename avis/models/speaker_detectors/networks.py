"""The networks of LR-ASD and Light-ASD: embeddings of faces and audio to features per frame.

Both read tracks of T gray face crops and 4 T rows of MFCCs, and return features of the
audio-visual branch and of the visual branch; see
:class:`~avis.models.speaker_detectors.active_speaker_detector.ActiveSpeakerDetector`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from avis.models.layers.factorized_conv import BATCH_NORM
from avis.registry import MODELS


class _Network(nn.Module):
    """Builds the encoders; ``fuse`` of a network joins their embeddings over time."""

    def __init__(self, visual_encoder: dict[str, Any], audio_encoder: dict[str, Any]) -> None:
        super().__init__()
        self.visual_encoder = MODELS.build(visual_encoder)
        self.audio_encoder = MODELS.build(audio_encoder)
        widths = self.audio_encoder.out_channels, self.visual_encoder.out_channels
        if widths[0] != widths[1]:
            raise ValueError(
                f'{type(self).__name__}: expected encoders with the same channels, got '
                f'{widths[0]} of the audio and {widths[1]} of the faces; change channels'
            )
        self.out_channels: int = widths[0]

    def forward(self, faces: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Encode tracks.

        Args:
            faces: Float (B, T, H, W), 0 to 255.
            audio: MFCCs (B, 4*T, 13).

        Returns:
            Audio-visual features and visual features, each (B, T, C).
        """
        visual = self.visual_encoder(faces)
        return self.fuse(self.audio_encoder(audio, num_frames=faces.shape[1]), visual), visual

    def fuse(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Join embeddings of audio and faces (B, T, C) to features (B, T, C)."""
        raise NotImplementedError


@MODELS.register_module()
class LRASD(_Network):
    """Gated concatenation, then one recurrent network in each direction, side by side.

    Source: Liao et al., *LR-ASD: Lightweight and Robust Network for Active Speaker Detection*,
    IJCV 2025.

    Args:
        visual_encoder: Maps faces to embeddings of C channels.
        audio_encoder: Maps MFCCs to embeddings of C channels.
        dropout: Share of values that are dropped before each recurrent network.
        norm_cfg: Norm of the gates, as in mmcv; None for the published batch norm.
    """

    def __init__(
        self,
        *,
        visual_encoder: dict[str, Any],
        audio_encoder: dict[str, Any],
        dropout: float = 0.5,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(visual_encoder, audio_encoder)
        channels = self.out_channels
        self.dropout = nn.Dropout(dropout)
        self.fusion_gate = Gate(2 * channels, norm_cfg)
        self.gru_forward = nn.GRU(2 * channels, channels // 2, batch_first=True)
        self.gru_backward = nn.GRU(2 * channels, channels // 2, batch_first=True)
        self.output_gate = Gate(channels, norm_cfg)

    def fuse(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Join embeddings of audio and faces (B, T, C) to features (B, T, C)."""
        fused = self.fusion_gate(torch.cat([audio, visual], -1))
        ahead, _ = self.gru_forward(self.dropout(fused))
        back, _ = self.gru_backward(self.dropout(fused.flip(1)))
        features: Tensor = self.output_gate(torch.cat([ahead, back.flip(1)], -1))
        return features


@MODELS.register_module()
class LightASD(_Network):
    """Sum of the embeddings, then two recurrent networks, the second one backward on the first.

    Source: Liao et al., *A Light Weight Model for Active Speaker Detection*, CVPR 2023
    (arXiv:2303.04439).

    Args:
        visual_encoder: Maps faces to embeddings of C channels.
        audio_encoder: Maps MFCCs to embeddings of C channels.
    """

    def __init__(self, *, visual_encoder: dict[str, Any], audio_encoder: dict[str, Any]) -> None:
        super().__init__(visual_encoder, audio_encoder)
        self.gru_forward = nn.GRU(self.out_channels, self.out_channels, batch_first=True)
        self.gru_backward = nn.GRU(self.out_channels, self.out_channels, batch_first=True)

    def fuse(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Join embeddings of audio and faces (B, T, C) to features (B, T, C)."""
        ahead, _ = self.gru_forward(audio + visual)
        back, _ = self.gru_backward(F.gelu(ahead).flip(1))
        return F.gelu(back.flip(1))


class Gate(nn.Module):
    """Multiply each channel with a sigmoid of a linear map of all channels.

    Args:
        channels: Number of channels.
        norm_cfg: Norm before the sigmoid, as in mmcv; None for the published batch norm.
    """

    def __init__(self, channels: int, norm_cfg: dict[str, Any] | None) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels, bias=False)
        cfg = dict(norm_cfg or BATCH_NORM)
        if cfg['type'] == 'BN':
            cfg['type'] = 'BN1d'
        self.norm = build_norm_layer(cfg, channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to the same shape."""
        gate = torch.sigmoid(self.norm(self.linear(x).transpose(1, 2)))
        return x * gate.transpose(1, 2)
