"""The audio networks of transformers: their inputs, the times of their tokens, their outputs.

Times follow from the first layers of each network. Sources: the configs and feature extractors of
transformers, and the publications of the networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from avis.models.audio_encoders.token_pooling import TokenTimes

_MEL_HOP = 0.010  # seconds between two frames of a spectrogram
_KALDI_CENTER = 0.0125  # center of the first window of 25 ms, not padded; librosa's is at 0
# Windows of networks that take any length; memory does not grow with the length of a video.
_FREE_SECONDS = 20.0


@dataclass(frozen=True)
class Family:
    """Networks of one kind.

    Attributes:
        times: Times of the tokens, from the config and the feature extractor.
        extractor: Feature extractor for a network from a config; None for a network that reads
            the waveform.
        extractor_options: Its arguments, from the config.
        seconds: Longest input, from the config and the feature extractor.
        part: The audio encoder in the network that ``AutoModel`` builds; '' for all of it.
        tokens: From a hidden state to tokens (N, L, C), with the config.
        width: Name of C in the config.
        layers: Name of the number of layers in the config; None if their states cannot be read.
    """

    times: Callable[[Any, Any], TokenTimes]
    extractor: str | None = 'Wav2Vec2FeatureExtractor'
    extractor_options: Callable[[Any], dict[str, Any]] = lambda config: {}
    seconds: Callable[[Any, Any], float] = lambda config, extractor: _FREE_SECONDS
    part: str = ''
    tokens: Callable[[Any, Tensor], Tensor] = lambda config, state: state
    width: str = 'hidden_size'
    layers: str | None = 'num_hidden_layers'


def _receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Return size and stride, in samples, of the receptive field of convolutions."""
    size, stride = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        size += (kernel - 1) * stride
        stride *= step
    return size, stride


def _convolution_times(kernels: Sequence[int], strides: Sequence[int], rate: int) -> TokenTimes:
    size, stride = _receptive_field(kernels, strides)
    return TokenTimes((size - 1) / 2 / rate, stride / rate)


def _wav2vec_times(config: Any, extractor: Any) -> TokenTimes:
    if getattr(config, 'add_adapter', False):
        raise ValueError(
            f'TransformersAudio: expected {config.model_type} without adapter, which changes the '
            f'number of tokens, got add_adapter=True; set add_adapter=False'
        )
    return _convolution_times(config.conv_kernel, config.conv_stride, extractor.sampling_rate)


def _moonshine_times(config: Any, extractor: Any) -> TokenTimes:
    return _convolution_times((127, 7, 3), (64, 3, 2), extractor.sampling_rate)


def _mel_times(stride: int, first: float = 0.0) -> Callable[[Any, Any], TokenTimes]:
    """Return the times of networks with ``stride`` frames of a spectrogram per token.

    Args:
        stride: Frames per token.
        first: Center of the first token, seconds.
    """
    return lambda config, extractor: TokenTimes(first, stride * _MEL_HOP)


def _ast_times(config: Any, extractor: Any) -> TokenTimes:
    middle = (config.patch_size - 1) / 2 * _MEL_HOP
    return TokenTimes(_KALDI_CENTER + middle, config.time_stride * _MEL_HOP)


def _ast_tokens(config: Any, state: Tensor) -> Tensor:
    """Average the bands of patches (N, 2 + F * L, C), after two tokens of the clip."""
    bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    return state[:, 2:].unflatten(1, (bands, -1)).mean(1)


def _clap_times(config: Any, extractor: Any) -> TokenTimes:
    """The spectrogram is stretched to the width of an image, which is divided into tokens."""
    audio = config.audio_config
    ratio = audio.spec_size // audio.num_mel_bins
    count = audio.spec_size // audio.patch_stride[1] // 2 ** (len(audio.depths) - 1) * ratio
    step = extractor.nb_max_samples / extractor.sampling_rate / count
    return TokenTimes(step / 2, step)


def _codec_times(config: Any, extractor: Any) -> TokenTimes:
    ratios = getattr(config, 'upsampling_ratios', None) or config.downsampling_ratios
    step = int(torch.tensor(ratios).prod()) / config.sampling_rate
    return TokenTimes(step / 2, step)


_WAV2VEC = Family(_wav2vec_times)


_WHISPER = Family(
    _mel_times(2),
    extractor='WhisperFeatureExtractor',
    extractor_options=lambda config: {
        'feature_size': config.num_mel_bins,
        'chunk_length': config.max_source_positions // 50,  # seconds
    },
    seconds=lambda config, extractor: extractor.n_samples / extractor.sampling_rate,
    width='d_model',
)
# A network that reads the waveform.
_CODEC = Family(
    _codec_times,
    extractor=None,
    part='encoder',
    tokens=lambda config, state: state.mT,
    layers=None,
)


FAMILIES: dict[str, Family] = {
    **dict.fromkeys(
        (
            *('wav2vec2', 'wav2vec2-conformer', 'data2vec-audio', 'hubert', 'wavlm'),
            *('unispeech', 'unispeech-sat', 'sew', 'sew-d'),
        ),
        _WAV2VEC,
    ),
    # A spectrogram of Kaldi; two frames are one row.
    'wav2vec2-bert': Family(
        _mel_times(2, _KALDI_CENTER + _MEL_HOP / 2), extractor='SeamlessM4TFeatureExtractor'
    ),
    'moonshine': Family(_moonshine_times, part='encoder'),
    'whisper': replace(_WHISPER, part='encoder'),
    # Whisper whose tokens are averaged in pairs.
    'qwen2_audio_encoder': replace(_WHISPER, times=_mel_times(4, _MEL_HOP)),
    'voxtral_encoder': replace(_WHISPER, width='hidden_size'),
    'speech_to_text': Family(
        _mel_times(4, _KALDI_CENTER),
        extractor='Speech2TextFeatureExtractor',
        extractor_options=lambda config: {'num_mel_bins': config.input_feat_per_channel},
        part='encoder',
        width='d_model',
    ),
    'parakeet_encoder': Family(
        lambda config, extractor: TokenTimes(0.0, config.subsampling_factor * _MEL_HOP),
        extractor='ParakeetFeatureExtractor',
        extractor_options=lambda config: {'feature_size': config.num_mel_bins},
    ),
    'audio-spectrogram-transformer': Family(
        _ast_times,
        extractor='ASTFeatureExtractor',
        extractor_options=lambda config: {
            'num_mel_bins': config.num_mel_bins,
            'max_length': config.max_length,
        },
        seconds=lambda config, extractor: extractor.max_length * _MEL_HOP,
        tokens=_ast_tokens,
    ),
    'clap': Family(
        _clap_times,
        extractor='ClapFeatureExtractor',
        extractor_options=lambda config: {
            'truncation': 'fusion' if config.audio_config.enable_fusion else 'rand_trunc'
        },
        seconds=lambda config, extractor: extractor.nb_max_samples / extractor.sampling_rate,
        part='audio_model',
        tokens=lambda config, state: state.mean(2).mT,  # (N, C, bands, L)
        width='audio_config.hidden_size',
        layers=None,
    ),
    **dict.fromkeys(('encodec', 'dac'), _CODEC),
}
