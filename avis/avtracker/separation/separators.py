"""Speech separation: split a mixture of speakers into one waveform per speaker.

Each separator returns a fixed number of sources, as long as the mixture and in arbitrary order.
Sources are not scaled to the mixture: the loudness depends on the network.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device, same_gpu
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require

_MIN_SAMPLES = 160  # fewer are shorter than the analysis windows of the networks


def _sources(rows: NDArray[Any], mixture: Waveform) -> list[Waveform]:
    """Convert rows (N, S) to waveforms exactly as long as the mixture."""
    length = len(mixture.samples)
    padded = np.zeros((len(rows), length), np.float32)
    padded[:, : rows.shape[1]] = np.nan_to_num(rows[:, :length])
    return [Waveform(row, mixture.sample_rate, mixture.name, mixture.start) for row in padded]


def _is_empty(samples: NDArray[np.float32]) -> bool:
    """Whether there is nothing to separate: silence, or too few samples for the networks."""
    return len(samples) < _MIN_SAMPLES or not samples.any()


@MODELS.register_module()
class MossFormer2:
    """MossFormer2 of ModelScope for two speakers, the separator of AVTracker.

    The pipeline scales each source to a peak of 0.5, so that a silent source becomes loud noise.

    Args:
        model: Folder, or name on ModelScope.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
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
        """See :class:`~avis.avtracker.interfaces.Separator`."""
        samples = mono(waveform, self.sample_rate, by='MossFormer2')
        if _is_empty(samples):
            return _sources(np.zeros((2, 0)), waveform)
        with same_gpu():
            sources = self._pipeline(samples.tobytes())['output_pcm_list']
        rows = [np.frombuffer(source, np.int16) / 32768 for source in sources]
        return _sources(np.stack(rows), waveform)

    @cached_property
    def _pipeline(self) -> Any:
        """The pipeline of ModelScope, which calls a GPU ``gpu:0``."""
        pipelines = require(
            'modelscope.pipelines', by='MossFormer2', install="pip install 'avis[modelscope]'"
        )
        device = pick_device(self.device).replace('cuda', 'gpu')
        with loading_weights(self.model, by='MossFormer2'):
            return pipelines.pipeline('speech-separation', model=self.model, device=device)


@MODELS.register_module()
class SepFormer:
    """SepFormer of SpeechBrain for two or three speakers, depending on the model.

    Args:
        model: Folder, or name on the Hugging Face hub.
        sample_rate: Sample rate on which the model was trained.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
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
        """See :class:`~avis.avtracker.interfaces.Separator`."""
        import torch

        samples = mono(waveform, self.sample_rate, by='SepFormer')
        if _is_empty(samples):
            return _sources(np.zeros((self._network.hparams.num_spks, 0)), waveform)
        with torch.inference_mode():
            sources = self._network.separate_batch(torch.from_numpy(samples)[None])  # (1, S, N)
        return _sources(sources[0].T.float().cpu().numpy(), waveform)

    @cached_property
    def _network(self) -> Any:
        """The separator of SpeechBrain, which takes the device when it is loaded."""
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
    """Conv-TasNet of torchaudio, for two speakers by default.

    Args:
        weights: Checkpoint of ``torchaudio.models.ConvTasNet``; None uses the weights of
            torchaudio, trained on Libri2Mix (downloaded on first use).
        network: Arguments of the network in ``weights``.
        sample_rate: Sample rate on which the model was trained.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
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
        """See :class:`~avis.avtracker.interfaces.Separator`."""
        import torch

        samples = mono(waveform, self.sample_rate, by='ConvTasNet')
        if _is_empty(samples):
            return _sources(np.zeros((self._network.num_sources, 0)), waveform)
        network = self._network
        with torch.inference_mode():
            mixture = torch.from_numpy(samples).to(next(network.parameters()).device)
            sources = network(mixture[None, None])  # (1, N, S)
        return _sources(sources[0].float().cpu().numpy(), waveform)

    @cached_property
    def _network(self) -> Any:
        """The network in eval mode."""
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
