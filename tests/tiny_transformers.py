"""Tiny models of transformers with random weights, saved as folders that `from_pretrained` reads.

The classes, files and calls are the real ones; only sizes are small and replies are noise.
"""

from pathlib import Path

import torch
from transformers.utils import logging

logging.disable_progress_bar()


def save_whisper(folder: Path) -> Path:
    """A multilingual Whisper with a byte tokenizer; 30 s windows, times of 0.02 s."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    words = sorted(ByteLevel.alphabet())
    special = ['<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|de|>', '<|translate|>']
    special += ['<|transcribe|>', '<|startofprev|>', '<|nospeech|>', '<|notimestamps|>']
    times = [f'<|{i * 0.02:.2f}|>' for i in range(1501)]
    ids = {word: i for i, word in enumerate([*words, *special, *times])}
    tokenizer = WhisperTokenizer(
        vocab={word: ids[word] for word in words} | {'<|endoftext|>': ids['<|endoftext|>']},
        merges=[],
        pad_token='<|endoftext|>',
        additional_special_tokens=special[1:],
    )
    tokenizer.add_tokens(times)
    config = WhisperConfig(
        vocab_size=len(ids),
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_source_positions=1500,
        max_target_positions=64,
        num_mel_bins=80,
        pad_token_id=ids['<|endoftext|>'],
        bos_token_id=ids['<|endoftext|>'],
        eos_token_id=ids['<|endoftext|>'],
        decoder_start_token_id=ids['<|startoftranscript|>'],
        suppress_tokens=None,
        begin_suppress_tokens=None,
        init_std=0.5,
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=48,
        pad_token_id=ids['<|endoftext|>'],
        eos_token_id=ids['<|endoftext|>'],
        decoder_start_token_id=ids['<|startoftranscript|>'],
        no_timestamps_token_id=ids['<|notimestamps|>'],
        prev_sot_token_id=ids['<|startofprev|>'],
        is_multilingual=True,
        lang_to_id={'<|en|>': ids['<|en|>'], '<|de|>': ids['<|de|>']},
        task_to_id={'translate': ids['<|translate|>'], 'transcribe': ids['<|transcribe|>']},
        return_timestamps=False,
        max_initial_timestamp_index=50,
    )
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)
    return folder


def save_wavlm(folder: Path) -> Path:
    """An x-vector model: WavLM with 12 numbers per voice."""
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    config = WavLMConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8, 8, 8, 8, 8, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        tdnn_dim=(16, 16, 16, 16, 32),
        xvector_output_dim=12,
    )
    torch.manual_seed(0)
    WavLMForXVector(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder
