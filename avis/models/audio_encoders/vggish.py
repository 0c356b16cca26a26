"""VGGish, the sound network of the published audio-visual models: 128 numbers per 0.96 s.

Hershey et al., *CNN Architectures for Large-Scale Audio Classification* (arXiv:1609.09430), with
the weights of its public torch port, harritaylor/torchvggish.
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

CHUNK = 16  # examples at once: memory does not grow with the length of a video
_WAY_OUT = (
    'Download vggish-10086976.pth from https://github.com/harritaylor/torchvggish/releases, then '
    'run: python tools/model_converters/convert_checkpoint.py vggish vggish-10086976.pth {path}'
)


class VGGishNetwork(nn.Module):
    """Log-mel examples (N, 96, 64) to embeddings (N, 128), which are never negative.

    Args:
        postprocess: Project on the principal components and quantize to whole numbers from 0 to
            255, as the released AudioSet features are. Rounding has no gradient.
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
        # Channels last, as the first linear layer wants it; on a CPU 1.4 times faster, too.
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
        """See the class."""
        maps = self.features(examples[:, None])  # (N, 512, 6, 4)
        # The order of TensorFlow: height, width, channels.
        embedding = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return self.quantize(self.project(embedding)) if self.postprocess else embedding

    def project(self, embedding: Tensor) -> Tensor:
        """Embeddings (N, 128) in the basis of the principal components, (N, 128)."""
        return (embedding - self.pca_means[:, 0]) @ self.pca_eigen_vectors.T

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Let a file with the PCA fit a network without: public files have it or not."""
        if not self.postprocess:
            state_dict.pop(f'{prefix}pca_eigen_vectors', None)
            state_dict.pop(f'{prefix}pca_means', None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @staticmethod
    def quantize(projected: Tensor) -> Tensor:
        """Clip to [-2, 2] and map to the whole numbers 0 to 255, as floats."""
        return ((projected.clamp(-2, 2) + 2) * (255 / 4)).round()


@MODELS.register_module()
class VGGish(AudioEncoder):
    """VGGish with its front end: a waveform, or log-mel examples, to 128 numbers per frame.

    Frozen, the network is no part of the model's state dict, as in published checkpoints: 72
    million weights are read from their own file when the first sound has to be encoded, never if
    the data set delivers embeddings. It runs in evaluation mode and without gradient, is not seen
    by optimizers and data-parallel wrappers, and is not copied with the model. Trainable, it is an
    ordinary module, and ``weights`` are what it starts from.

    Args:
        frozen: Never train the network.
        weights: File of the network, converted or as published.
        framing: How the sound is cut; see
            :class:`~avis.models.audio_encoders.vggish_front_end.VGGishFrontEnd`.
        sample_rate: Of the waveform.
        postprocess: PCA and quantisation; see :class:`VGGishNetwork`.
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
        self._hidden: VGGishNetwork | None = None
        if not frozen:
            self.network = VGGishNetwork(postprocess=postprocess)

    def init_weights(self) -> None:
        """Read the file that a trainable network starts from; called by mmengine's Runner."""
        if not self.frozen and self.weights is not None:
            _read_weights(self.network, Path(self.weights))

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode a waveform (B, S) or log-mel examples (B, N, 96, 64)."""
        if audio.ndim == 2:
            examples = self.front_end(audio, num_frames, lengths)
        elif audio.ndim == 4 and audio.shape[2:] == (96, 64):
            examples = self.front_end.fill(audio.float(), num_frames, lengths)
        else:
            raise self.wrong_shape(audio)
        if not self.frozen:
            return _in_chunks(self.network, examples)
        with torch.no_grad():
            return _in_chunks(self._frozen_network(audio.device), examples)

    def _frozen_network(self, device: torch.device) -> VGGishNetwork:
        if self._hidden is None:
            if self.weights is None:
                raise ValueError(
                    'VGGish is frozen and there is sound to encode, but no file with its weights '
                    'is given. ' + _WAY_OUT.format(path='FILE') + ', and set '
                    "model.audio_encoder.weights='FILE'. Embeddings (B, T, 128) need no weights."
                )
            with torch.device('meta'):  # draws no random numbers in the middle of a training
                network = VGGishNetwork(postprocess=self.postprocess)
            _read_weights(network.to_empty(device='cpu'), Path(self.weights))
            # Past Module.__setattr__: it would become a part of the state dict.
            object.__setattr__(self, '_hidden', network.eval().requires_grad_(False))
        return cast(VGGishNetwork, self._hidden).to(device)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles read the file of a frozen network again."""
        return {**self.__dict__, '_hidden': None}

    def extra_repr(self) -> str:
        """What the printed model tells of a network that is no part of it."""
        return f'frozen={self.frozen}, weights={self.weights!r}, framing={self.front_end.framing!r}'


def _in_chunks(network: nn.Module, examples: Tensor) -> Tensor:
    """Map examples (B, T, 96, 64) to embeddings (B, T, 128)."""
    rows = [network(chunk) for chunk in examples.flatten(0, 1).split(CHUNK)]
    return torch.cat(rows).unflatten(0, examples.shape[:2])


def _read_weights(network: VGGishNetwork, path: Path) -> None:
    """Load a file strictly, under our names or the published ones."""
    if not path.is_file():
        raise FileNotFoundError(
            f'VGGish: the weights {path} do not exist. ' + _WAY_OUT.format(path=path) + '.'
        )
    state_dict = state_dict_of(load_file(path, 'cpu'), path)
    try:
        converted, _ = convert_vggish(state_dict)
    except ValueError as error:
        raise ValueError(f'VGGish: {path} is {error}. ' + _WAY_OUT.format(path=path)) from error
    own = {name.removeprefix('network.'): value for name, value in converted.items()}
    load_state_dict_strict(network, own, path)
