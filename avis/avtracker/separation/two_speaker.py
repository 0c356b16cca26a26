"""Separators: take voices that overlap apart.

Each gives as many sources as its network knows, as long as the mixture, in no particular order.
Sources are not scaled to the mixture: every network has a loudness of its own.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device, require, same_gpu
from avis.registry import MODELS
from avis.structures.media import Waveform

_SHORTEST = 160  # samples


def _sources(rows: NDArray[Any], mixture: Waveform) -> list[Waveform]:
    """Rows (N, S) as waveforms exactly as long as the mixture."""
    length = len(mixture.samples)
    padded = np.zeros((len(rows), length), np.float32)
    padded[:, : rows.shape[1]] = np.nan_to_num(rows[:, :length])
    return [Waveform(row, mixture.sample_rate, mixture.name, mixture.start) for row in padded]


def _nothing_in(samples: NDArray[np.float32]) -> bool:
    """Whether there is nothing to separate: silence, or less than the windows of the networks."""
    return len(samples) < _SHORTEST or not samples.any()


@MODELS.register_module()
class MossFormer2:
    """MossFormer2 of ModelScope, two voices: AVTracker's separator.

    The pipeline scales each source to a peak of 0.5 by itself, so a silent one becomes loud noise.

    Args:
        model: Folder, or name on ModelScope.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    sample_rate = 8000
    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'iic/speech_mossformer2_separation_temporal_8k',
        device: str | None = None,
    ) -> None:
        self.model, self.device = model, device

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """Two sources."""
        samples = mono(waveform, self.sample_rate, by='MossFormer2')
        if _nothing_in(samples):
            return _sources(np.zeros((2, 0)), waveform)
        with same_gpu():
            pieces = self._pipeline(samples.tobytes())['output_pcm_list']
        rows = [np.frombuffer(piece, np.int16) / 32768 for piece in pieces]
        return _sources(np.stack(rows), waveform)

    @cached_property
    def _pipeline(self) -> Any:
        """The pipeline of ModelScope; it names the GPU its own way."""
        pipelines = require(
            'modelscope.pipelines', by='MossFormer2', install="pip install 'avis[modelscope]'"
        )
        device = pick_device(self.device).replace('cuda', 'gpu')
        with loading_weights(self.model, by='MossFormer2'):
            return pipelines.pipeline('speech-separation', model=self.model, device=device)


@MODELS.register_module()
class SepFormer:
    """SepFormer of SpeechBrain; two or three voices, by the model.

    Args:
        model: Folder, or name on the hub.
        sample_rate: What the model was trained at.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'speechbrain/sepformer-wsj02mix',
        sample_rate: int = 8000,
        device: str | None = None,
    ) -> None:
        self.model, self.sample_rate, self.device = model, sample_rate, device

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """The sources of the model."""
        import torch

        samples = mono(waveform, self.sample_rate, by='SepFormer')
        if _nothing_in(samples):
            return _sources(np.zeros((self._network.hparams.num_spks, 0)), waveform)
        with torch.inference_mode():
            sources = self._network.separate_batch(torch.from_numpy(samples)[None])  # (1, S, N)
        return _sources(sources[0].T.float().cpu().numpy(), waveform)

    @cached_property
    def _network(self) -> Any:
        """The separator of SpeechBrain; it needs the device when it is loaded."""
        separation = require(
            'speechbrain.inference.separation',
            by='SepFormer',
            install="pip install 'avis[speechbrain]'",
        )
        with loading_weights(self.model, by='SepFormer'):
            return separation.SepformerSeparation.from_hparams(
                source=self.model, run_opts={'device': pick_device(self.device)}
            )


@MODELS.register_module()
class ConvTasNet:
    """Conv-TasNet of torchaudio, two voices by default.

    Args:
        weights: File with the state of ``torchaudio.models.ConvTasNet``; None takes torchaudio's
            own, trained on Libri2Mix (fetched on first use).
        network: Arguments of the network in ``weights``.
        sample_rate: What the model was trained at.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        weights: str | None = None,
        network: dict[str, Any] | None = None,
        sample_rate: int = 8000,
        device: str | None = None,
    ) -> None:
        self.weights, self.network = weights, network or {}
        self.sample_rate, self.device = sample_rate, device

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """The sources of the model."""
        import torch

        samples = mono(waveform, self.sample_rate, by='ConvTasNet')
        if _nothing_in(samples):
            return _sources(np.zeros((self._network.num_sources, 0)), waveform)
        network = self._network
        with torch.inference_mode():
            mixture = torch.from_numpy(samples).to(next(network.parameters()).device)
            sources = network(mixture[None, None])  # (1, N, S)
        return _sources(sources[0].float().cpu().numpy(), waveform)

    @cached_property
    def _network(self) -> Any:
        """The network, ready."""
        import torchaudio
        from mmengine.runner.checkpoint import CheckpointLoader

        with loading_weights(self.weights or "torchaudio's weights", by='ConvTasNet'):
            if self.weights is None:
                network = torchaudio.pipelines.CONVTASNET_BASE_LIBRI2MIX.get_model()
            else:
                network = torchaudio.models.ConvTasNet(**self.network)
                state = CheckpointLoader.load_checkpoint(self.weights, map_location='cpu')
                network.load_state_dict(state.get('state_dict', state))
            return network.eval().to(pick_device(self.device))
