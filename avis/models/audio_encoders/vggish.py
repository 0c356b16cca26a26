"""VGGish, the audio encoder of the official audio-visual models: 128 channels per 0.96 s.

Source: Hershey et al., *CNN Architectures for Large-Scale Audio Classification*, ICASSP 2017
(arXiv:1609.09430), with the weights of its torch port, harritaylor/torchvggish.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from avis.models.audio_encoders.base import AudioEncoder
from avis.models.audio_encoders.log_mel import SAMPLE_RATE
from avis.models.audio_encoders.vggish_front_end import Framing, VGGishFrontEnd
from avis.models.converters.vggish import convert_vggish
from avis.registry import MODELS
from avis.utils.checkpoint import load_state_dict_strict, state_dict_of
from avis.utils.compat.checkpoint_loading import load_file

_EXAMPLES_PER_CHUNK = 16  # memory does not grow with the length of a video
_REMEDY = (
    'Run: avis download vggish. Or download vggish-10086976.pth from '
    'https://github.com/harritaylor/torchvggish/releases and run: avis convert vggish '
    'vggish-10086976.pth {path}'
)


class VGGishNetwork(nn.Module):
    """Map log-mel examples (N, 96, 64) to non-negative embeddings (N, 128).

    Args:
        postprocess: Project to principal components and quantize to integers from 0 to 255, as in
            the official AudioSet features. Rounding has no gradient.
    """

    def __init__(self, *, postprocess: bool = False) -> None:
        super().__init__()
        self.postprocess = postprocess
        layers: list[nn.Module] = []
        channels = 1
        for width, depth in ((64, 1), (128, 1), (256, 2), (512, 2)):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        # Channels last is the layout of the first linear layer, and 1.4 times faster on a CPU.
        self.features = nn.Sequential(*layers)
        self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        layers = []
        for size, width in pairwise((512 * 6 * 4, 4096, 4096, 128)):
            layers += [nn.Linear(size, width), nn.ReLU(inplace=True)]
        self.embeddings = nn.Sequential(*layers)
        self.pca_eigen_vectors: Tensor
        self.pca_means: Tensor
        if postprocess:
            self.register_buffer('pca_eigen_vectors', torch.eye(128))
            self.register_buffer('pca_means', torch.zeros(128, 1))

    def forward(self, examples: Tensor) -> Tensor:
        """Map examples (N, 96, 64) to embeddings (N, 128)."""
        maps = self.features(examples[:, None])  # (N, 512, 6, 4)
        # Flatten in the order of TensorFlow: height, width, channels.
        embedding = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return self.quantize(self.project(embedding)) if self.postprocess else embedding

    def project(self, embedding: Tensor) -> Tensor:
        """Project embeddings (N, 128) to the principal components, (N, 128)."""
        return (embedding - self.pca_means[:, 0]) @ self.pca_eigen_vectors.T

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Ignore the PCA of a file if it is not used: only some of the official files have it."""
        if not self.postprocess:
            state_dict.pop(f'{prefix}pca_eigen_vectors', None)
            state_dict.pop(f'{prefix}pca_means', None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @staticmethod
    def quantize(projected: Tensor) -> Tensor:
        """Clip (N, 128) to [-2, 2] and quantize to the integers 0 to 255, as floats."""
        return ((projected.clamp(-2, 2) + 2) * (255 / 4)).round()


@MODELS.register_module()
class VGGish(AudioEncoder):
    """VGGish with its front end: maps a waveform or log-mel examples to 128 channels per frame.

    A frozen network is not part of the model's state dict, as in official checkpoints: its 72
    million weights are loaded from their own file when audio is encoded for the first time, and
    never if the data set contains embeddings. It runs in evaluation mode and without gradient, is
    hidden from optimizers and data-parallel wrappers, and is not copied with the model. A trainable
    network is an ordinary module, initialized from ``weights``.

    Args:
        frozen: Never train the network.
        weights: File of the network, converted or in the naming of torchvggish.
        framing: How audio is split into examples, see
            :class:`~avis.models.audio_encoders.vggish_front_end.VGGishFrontEnd`.
        sample_rate: Sample rate of the waveform in Hz.
        postprocess: PCA and quantization, see :class:`VGGishNetwork`.
    """

    out_channels = 128
    accepts = 'a waveform (B, S), log-mel examples (B, N, 96, 64) or embeddings (B, T, 128)'

    def __init__(
        self,
        *,
        frozen: bool = True,
        weights: str | Path | None = None,
        framing: Framing = 'clip_repeat',
        sample_rate: int = SAMPLE_RATE,
        postprocess: bool = False,
    ) -> None:
        super().__init__()
        self.frozen = frozen
        self.weights = weights
        self.postprocess = postprocess
        self.front_end = VGGishFrontEnd(framing=framing, sample_rate=sample_rate)
        self._frozen_instance: VGGishNetwork | None = None
        if not frozen:
            self.network = VGGishNetwork(postprocess=postprocess)

    def init_weights(self) -> None:
        """Load the initial weights of a trainable network; called by mmengine's Runner."""
        if not self.frozen and self.weights is not None:
            _read_weights(self.network, Path(self.weights))

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode a waveform (B, S) or log-mel examples (B, N, 96, 64) to (B, T, 128)."""
        if audio.ndim == 2:
            examples = self.front_end(audio, num_frames, lengths)
        elif audio.ndim == 4 and audio.shape[2:] == (96, 64):
            examples = self.front_end.fill(audio.float(), num_frames, lengths)
        else:
            raise self.shape_error(audio)
        if not self.frozen:
            return _in_chunks(self.network, examples)
        with torch.no_grad():
            return _in_chunks(self._frozen_network(audio.device), examples)

    def _frozen_network(self, device: torch.device) -> VGGishNetwork:
        if self._frozen_instance is None:
            if self.weights is None:
                raise ValueError(
                    'VGGish: expected a file with weights for the frozen network, got '
                    'weights=None. ' + _REMEDY.format(path='FILE') + ', and set '
                    "model.audio_encoder.weights='FILE'. Embeddings (B, T, 128) need no weights."
                )
            with torch.device('meta'):  # does not change the random state of a training
                network = VGGishNetwork(postprocess=self.postprocess)
            _read_weights(network.to_empty(device='cpu'), Path(self.weights))
            # Module.__setattr__ would make it a part of the state dict.
            object.__setattr__(self, '_frozen_instance', network.eval().requires_grad_(False))
        return cast(VGGishNetwork, self._frozen_instance).to(device)

    def __getstate__(self) -> dict[str, Any]:
        """Exclude a frozen network from copies and pickles, which load its file again."""
        return {**self.__dict__, '_frozen_instance': None}

    def extra_repr(self) -> str:
        """Describe a frozen network in the printed model, which does not contain it."""
        return f'frozen={self.frozen}, weights={self.weights!r}, framing={self.front_end.framing!r}'


def _in_chunks(network: nn.Module, examples: Tensor) -> Tensor:
    """Map examples (B, T, 96, 64) to embeddings (B, T, 128)."""
    embeds = [network(chunk) for chunk in examples.flatten(0, 1).split(_EXAMPLES_PER_CHUNK)]
    return torch.cat(embeds).unflatten(0, examples.shape[:2])


def _read_weights(network: VGGishNetwork, path: Path) -> None:
    """Load a file strictly, in the naming of avis or of torchvggish."""
    if not path.is_file():
        raise FileNotFoundError(
            f'VGGish: weights {path} do not exist. ' + _REMEDY.format(path=path) + '.'
        )
    state_dict = state_dict_of(load_file(path, 'cpu'), path)
    try:
        converted, _ = convert_vggish(state_dict)
    except ValueError as error:
        raise ValueError(f'VGGish: {path} is {error}. ' + _REMEDY.format(path=path)) from error
    own = {name.removeprefix('network.'): value for name, value in converted.items()}
    load_state_dict_strict(network, own, path)
