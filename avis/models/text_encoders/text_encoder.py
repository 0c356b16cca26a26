"""Any text network of transformers as a text encoder: one row per token of a sentence."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.transformers_loading import (
    build_network,
    freeze_modules,
    open_config,
    open_tokenizer,
    set_frozen_to_eval,
    word_tokenizer,
)
from avis.registry import MODELS


@MODELS.register_module()
class TextEncoder(nn.Module):
    """A text network of transformers: RoBERTa, BERT, the text part of CLIP, and others.

    The published baseline of Ref-AVS reads 25 tokens of a frozen DistilRoBERTa: Wang et al.,
    *Ref-AVS: Refer and Segment Objects in Audio-Visual Scenes*, ECCV 2024 (arXiv:2407.10957).

    Args:
        model: Name on the Hugging Face hub, or folder, of pretrained weights with their tokenizer;
            or the config of a network with random weights, with its ``model_type``.
        vocabulary: Words of a network with random weights, each of which is a token; others are
            unknown. None for the tokenizer of pretrained weights.
        max_tokens: Longer sentences are cut.
        frozen: Do not train the network; it runs in evaluation mode.
    """

    def __init__(
        self,
        *,
        model: str | dict[str, Any],
        vocabulary: Sequence[str] | None = None,
        max_tokens: int = 25,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(model, str) != (vocabulary is None):
            raise ValueError(
                f'TextEncoder: expected a vocabulary with the config of a random network, and none '
                f'with pretrained weights, got model={model!r} and vocabulary={vocabulary!r}'
            )
        options: dict[str, Any] = {}
        if isinstance(model, str):
            self.tokenizer = open_tokenizer(model, by='TextEncoder')
        else:
            self.tokenizer = word_tokenizer(vocabulary or (), by='TextEncoder')
            options = {'vocab_size': len(self.tokenizer), 'pad_token_id': 0}
        config = open_config(model, by='TextEncoder', **options)
        network = build_network('MODEL_MAPPING', model, config, by='TextEncoder')
        # Models of images and text have a part that reads text.
        self.network = getattr(network, 'text_model', network)
        config = self.network.config
        if self.network.main_input_name != 'input_ids' or config.is_encoder_decoder:
            raise ValueError(
                f'TextEncoder: expected a text network without decoder, such as BERT, RoBERTa or '
                f'CLIP, got {config.model_type!r}; choose another model'
            )
        if hasattr(self.network, 'pooler'):
            self.network.pooler = None  # its output is not read, so it would not be trained
        longest = getattr(config, 'max_position_embeddings', max_tokens)
        if not 1 <= max_tokens <= longest:
            raise ValueError(
                f'TextEncoder: expected max_tokens from 1 to {longest}, the longest input of '
                f'{config.model_type}, got {max_tokens}'
            )
        self.max_tokens, self.frozen = max_tokens, frozen
        self.out_channels: int = config.hidden_size
        if frozen:
            freeze_modules(self.network)

    def train(self, mode: bool = True) -> 'TextEncoder':
        """Set the mode; a frozen network stays in evaluation mode."""
        super().train(mode)
        set_frozen_to_eval(self.network)
        return self

    def forward(self, expressions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Encode sentences.

        Args:
            expressions: B sentences; None is the empty sentence.

        Returns:
            Tokens (B, L, C), and which of them are no padding, bool (B, L).
        """
        on_cpu = self.tokenizer(
            [expression or '' for expression in expressions],
            max_length=self.max_tokens,
            truncation=True,
            padding=True,
            return_tensors='pt',
            return_token_type_ids=False,
        )
        device = next(self.network.parameters()).device
        tokens = {name: value.to(device, non_blocking=True) for name, value in on_cpu.items()}
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            rows: Tensor = self.network(**tokens).last_hidden_state
        return rows.float(), tokens['attention_mask'].bool()
