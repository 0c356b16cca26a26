"""Open networks of transformers: pretrained, by name or folder, or at random from a config."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import nn

from avis.utils.optional import require

INSTALL_ENCODERS = "pip install 'avis[encoders]'"
# Padding has id 0, as in the networks of transformers.
_SPECIAL_TOKENS = {'pad_token': '[PAD]', 'unk_token': '[UNK]', 'cls_token': '[CLS]'}


def open_config(model: str | dict[str, Any], *, by: str, **options: Any) -> Any:
    """Return the config of a network of transformers.

    Args:
        model: Name on the Hugging Face hub, or folder; or a config with its ``model_type``.
        by: Component that needs it.
        options: Replace values of the config.

    Raises:
        ImportError: transformers is not installed.
        ValueError: The config has an unknown type or values; the folder or name cannot be opened.
    """
    transformers = require('transformers', by=by, install=INSTALL_ENCODERS)
    if isinstance(model, str):
        try:
            return transformers.AutoConfig.from_pretrained(model, **options)
        except (OSError, ValueError) as error:
            raise _cannot_open(by, model, error) from error
    values = dict(model.to_dict() if isinstance(model, ConfigDict) else model)
    kind = values.pop('model_type', None)
    known = transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
    if kind not in known:
        raise ValueError(
            f'{by}: expected a model_type that transformers {transformers.__version__} has, such '
            f"as 'wav2vec2' or 'dinov2', got {kind!r}; correct model.model_type"
        )
    return transformers.AutoConfig.for_model(kind, **{**values, **options})


def build_network(mapping: str, model: str | dict[str, Any], config: Any, *, by: str) -> Any:
    """Return a network of transformers, with its pretrained weights if ``model`` names some.

    The class is looked up here: ``AutoBackbone.from_pretrained`` does not open folders.

    Args:
        mapping: Name of transformers' mapping from configs to classes, ``'MODEL_MAPPING'`` for
            example.
        model: As in :func:`open_config`.
        config: Of :func:`open_config`.
        by: Component that needs it.

    Raises:
        ValueError: The weights cannot be opened, or the values of the config do not fit.
    """
    cls = getattr(require('transformers', by=by, install=INSTALL_ENCODERS), mapping)[type(config)]
    try:
        if isinstance(model, str):
            return cls.from_pretrained(model, config=config, dtype=torch.float32)
        return cls(config)
    except (OSError, ValueError) as error:
        raise _cannot_open(by, model, error) from error


def open_tokenizer(model: str, *, by: str) -> Any:
    """Return the tokenizer of pretrained weights.

    Args:
        model: Name on the Hugging Face hub, or folder.
        by: Component that needs it.

    Raises:
        ImportError: transformers is not installed.
        ValueError: The folder or name cannot be opened.
    """
    transformers = require('transformers', by=by, install=INSTALL_ENCODERS)
    try:
        return transformers.AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise _cannot_open(by, model, error) from error


def word_tokenizer(words: Sequence[str], *, by: str) -> Any:
    """Return a tokenizer whose tokens are words, in lower case, after a token that starts a text.

    Args:
        words: All that it knows.
        by: Component that needs it.

    Raises:
        ImportError: transformers is not installed.
        ValueError: A word occurs twice.
    """
    transformers = require('transformers', by=by, install=INSTALL_ENCODERS)
    tokenizers = require('tokenizers', by=by, install=INSTALL_ENCODERS)
    known = [*_SPECIAL_TOKENS.values(), *words]
    if len(set(known)) < len(known):
        twice = sorted({word for word in known if known.count(word) > 1})
        raise ValueError(f'{by}: expected each word of the vocabulary once, got {twice} twice')
    ids = {word: index for index, word in enumerate(known)}
    unknown, start = _SPECIAL_TOKENS['unk_token'], _SPECIAL_TOKENS['cls_token']
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unknown))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f'{start} $A', special_tokens=[(start, ids[start])]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_SPECIAL_TOKENS)


def freeze_modules(network: nn.Module, frozen: set[str] | None = None) -> None:
    """Exclude parameters from training; set modules without others to evaluation mode.

    Args:
        network: Changed in place.
        frozen: Names of parameters; None for all.
    """
    for name, parameter in network.named_parameters():
        if frozen is None or name in frozen:
            parameter.requires_grad_(False)
    set_frozen_to_eval(network)


def set_frozen_to_eval(network: nn.Module) -> None:
    """Set each module whose parameters are all frozen to evaluation mode."""
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def _cannot_open(by: str, model: str | dict[str, Any], error: Exception) -> ValueError:
    reason = str(error).strip().split('\n')[0]
    return ValueError(
        f'{by}: expected the name on the Hugging Face hub, the folder or the config of a network '
        f'of transformers, got {model!r} ({reason}); correct model, or download its files'
    )
