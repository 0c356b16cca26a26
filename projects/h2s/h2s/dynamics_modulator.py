"""Asynchronous dynamics modulator: a state space model over frames and queries, paced by audio."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear
from h2s.selective_scan import selective_scan

_DIRECTIONS = 4
_STATES = 16


def four_orders(plane: Tensor) -> Tensor:
    """Return the tokens of a plane (T, Q, ...) in the four orders of the scan, (4, T * Q, ...).

    Frame by frame, query by query, and both reversed.
    """
    by_frame, by_query = plane.flatten(0, 1), plane.transpose(0, 1).flatten(0, 1)
    return torch.stack([by_frame, by_query, by_frame.flip(0), by_query.flip(0)])


def sum_orders(tokens: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring tokens (4, T * Q, ...) of :func:`four_orders` back to the plane (T, Q, ...), summed."""
    by_frame = (tokens[0] + tokens[2].flip(0)).unflatten(0, shape)
    by_query = (tokens[1] + tokens[3].flip(0)).unflatten(0, shape[::-1])
    return by_frame + by_query.transpose(0, 1)


class _AudioPace(nn.Module):
    """What audio adds to the step sizes: a temporal convolution times a gate of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width, groups = _DIRECTIONS * channels, _DIRECTIONS
        self.temporal_conv = nn.Conv1d(width, width, 3, padding=1, groups=width)
        self.audio_transform = nn.Conv1d(width, channels, 1, groups=groups)
        self.gate_fusion = nn.Sequential(
            nn.Conv1d(channels, channels, 1, groups=groups),
            nn.ReLU(),
            nn.Conv1d(channels, width, 1, groups=groups),
        )

    def forward(self, sequences: Tensor) -> Tensor:
        """Map sequences (B, 4 * channels, L) to the same shape."""
        convolved = self.temporal_conv(sequences)
        gate = self.gate_fusion(self.audio_transform(convolved)).sigmoid()
        out: Tensor = gate * convolved
        return out


class AudioPacedScan(nn.Module):
    """Selective scan of the plane of frames and queries in four directions.

    The audio of a clip is the same for all kept decoder layers; its part is computed once.

    Args:
        channels: C, width of the tokens.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, self.rank = 2 * channels, math.ceil(channels / 16)
        self.in_proj = TokenLinear(channels, 2 * inner, bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.audio_proj_1 = TokenLinear(channels, inner)
        self.audio_gate = _AudioPace(inner)
        self.x_proj_weight = nn.Parameter(
            torch.stack([nn.Linear(inner, self.rank + 2 * _STATES).weight for _ in range(4)])
        )
        self.dt_projs_weight = nn.Parameter(torch.empty(_DIRECTIONS, inner, self.rank))
        self.dt_projs_bias = nn.Parameter(torch.empty(_DIRECTIONS, inner))
        states = torch.arange(1, _STATES + 1, dtype=torch.float32)
        self.A_logs = nn.Parameter(states.log().repeat(_DIRECTIONS * inner, 1))
        self.Ds = nn.Parameter(torch.ones(_DIRECTIONS * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = TokenLinear(inner, channels, bias=False)
        self._init_steps()

    def _init_steps(self) -> None:
        """Initialize step sizes log-uniformly between 0.001 and 0.1, as Mamba does."""
        nn.init.uniform_(self.dt_projs_weight, -(self.rank**-0.5), self.rank**-0.5)
        low, high = math.log(0.001), math.log(0.1)
        steps = torch.empty_like(self.dt_projs_bias).uniform_(low, high).exp().clamp(min=1e-4)
        self.dt_projs_bias.data = steps + (-(-steps).expm1()).log()  # inverse of softplus

    def forward(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Map tokens (L * B, T, Q, C) and audio tokens (B, T, Q, C) to (L * B, T, Q, C)."""
        x, gate = self.in_proj(tokens).chunk(2, -1)
        x = F.silu(self.conv2d(x.permute(0, 3, 1, 2)))  # (N, inner, T, Q)
        sequences = four_orders(x.permute(2, 3, 0, 1)).permute(1, 2, 0, 3)  # (T * Q, N, 4, inner)
        y = self._scan(sequences.contiguous(), self._pace(audio))
        y = sum_orders(y.permute(2, 0, 1, 3), (tokens.shape[1], tokens.shape[2]))
        y = self.out_norm(y.permute(2, 0, 1, 3).to(tokens.dtype))  # (N, T, Q, inner)
        out: Tensor = self.out_proj(y * F.silu(gate))
        return out

    def _pace(self, audio: Tensor) -> Tensor:
        """Return what audio tokens (B, T, Q, C) add to the step sizes, (T * Q, B, 4, inner)."""
        plane = self.audio_proj_1(audio).permute(1, 2, 0, 3)  # (T, Q, B, inner)
        sequences = four_orders(plane).permute(2, 0, 3, 1).flatten(1, 2)  # (B, 4 * inner, T * Q)
        pace: Tensor = self.audio_gate(sequences)
        return pace.unflatten(1, (_DIRECTIONS, -1)).permute(3, 0, 1, 2)

    def _scan(self, x: Tensor, pace: Tensor) -> Tensor:
        """Scan sequences (L, N, 4, inner)."""
        projected = torch.einsum('lngd,ged->lnge', x, self.x_proj_weight)
        steps, b, c = projected.split([self.rank, _STATES, _STATES], -1)
        delta = torch.einsum('lngr,gdr->lngd', steps, self.dt_projs_weight)
        layers = x.shape[1] // pace.shape[1]
        delta = delta.float() + pace.float().repeat(1, layers, 1, 1)
        a = -self.A_logs.float().exp().unflatten(0, (_DIRECTIONS, -1))
        y = selective_scan(x, F.softplus(delta + self.dt_projs_bias), a, b, c)
        return y + self.Ds.unflatten(0, (_DIRECTIONS, -1)) * x


class DynamicsModulatorBlock(nn.Module):
    """Scan and MLP, each with residual and LayerNorm.

    Args:
        channels: C, width of the tokens.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.scan = AudioPacedScan(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.fc1 = TokenLinear(channels, 4 * channels)
        self.fc2 = TokenLinear(4 * channels, channels)

    def forward(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Map tokens (L * B, T, Q, C) and audio tokens (B, T, Q, C) to (L * B, T, Q, C)."""
        tokens = self.norm1(tokens + self.scan(tokens, audio))
        out: Tensor = self.norm2(tokens + self.fc2(F.gelu(self.fc1(tokens))))
        return out
