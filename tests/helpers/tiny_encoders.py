"""Configs of tiny networks of transformers and timm, with random weights."""

_CONV = {'conv_dim': (8,) * 7}  # the published kernels and strides
_LAYERS = {
    'hidden_size': 16,
    'num_hidden_layers': 2,
    'num_attention_heads': 2,
    'intermediate_size': 16,
}
_WAV2VEC = {
    **_LAYERS,
    **_CONV,
    'num_conv_pos_embeddings': 8,
    'num_conv_pos_embedding_groups': 2,
}
_SEW = {
    **_LAYERS,
    'conv_dim': (8,) * 13,
    'squeeze_factor': 2,
    'num_conv_pos_embeddings': 8,
    'num_conv_pos_embedding_groups': 2,
}
_DECODER = {
    'd_model': 16,
    'encoder_layers': 2,
    'decoder_layers': 1,
    'encoder_attention_heads': 2,
    'decoder_attention_heads': 2,
    'encoder_ffn_dim': 16,
    'decoder_ffn_dim': 16,
}

# Configs by model_type.
AUDIO: dict[str, dict] = {
    'wav2vec2': _WAV2VEC,
    'wav2vec2-conformer': _WAV2VEC,
    'data2vec-audio': {**_WAV2VEC, 'conv_pos_kernel_size': 5, 'num_conv_pos_embeddings': 2},
    'hubert': _WAV2VEC,
    'wavlm': _WAV2VEC,
    'unispeech': _WAV2VEC,
    'unispeech-sat': _WAV2VEC,
    'sew': _SEW,
    'sew-d': {**_SEW, 'position_buckets': 16, 'max_position_embeddings': 32},
    'wav2vec2-bert': {**_LAYERS, 'conv_depthwise_kernel_size': 7},
    'moonshine': {
        'hidden_size': 16,
        'intermediate_size': 16,
        'encoder_num_hidden_layers': 2,
        'decoder_num_hidden_layers': 1,
        'encoder_num_attention_heads': 2,
        'decoder_num_attention_heads': 2,
        'vocab_size': 32,
    },
    'whisper': {
        **_DECODER,
        'vocab_size': 64,
        'max_source_positions': 500,
        'pad_token_id': 0,
        'bos_token_id': 0,
        'eos_token_id': 0,
        'decoder_start_token_id': 0,
        'suppress_tokens': None,
        'begin_suppress_tokens': None,
    },
    'qwen2_audio_encoder': {
        'd_model': 16,
        'encoder_layers': 2,
        'encoder_attention_heads': 2,
        'encoder_ffn_dim': 16,
        'max_source_positions': 500,
    },
    'voxtral_encoder': {**_LAYERS, 'max_source_positions': 500, 'num_mel_bins': 80},
    'speech_to_text': {**_DECODER, 'vocab_size': 64, 'conv_channels': 16},
    'parakeet_encoder': {
        **_LAYERS,
        'subsampling_conv_channels': 8,
        'conv_kernel_size': 5,
        'num_mel_bins': 32,
    },
    'audio-spectrogram-transformer': {**_LAYERS, 'max_length': 512, 'num_mel_bins': 32},
    'clap': {
        'text_config': {**_LAYERS, 'vocab_size': 32},
        'audio_config': {
            'depths': [1, 1],
            'num_attention_heads': [2, 2],
            'hidden_size': 32,
            'patch_embeds_hidden_size': 16,
            'window_size': 8,
            'spec_size': 256,
            'num_mel_bins': 64,
        },
    },
    'encodec': {'hidden_size': 16, 'num_filters': 4, 'codebook_dim': 16, 'codebook_size': 8},
    'dac': {'encoder_hidden_size': 4, 'decoder_hidden_size': 32, 'codebook_size': 8},
}


def audio_config(kind: str) -> dict:
    """Return the config of a tiny audio network, for ``TransformersAudio.model``."""
    return {'model_type': kind, **AUDIO[kind]}


_VIT = {**_LAYERS, 'num_hidden_layers': 4, 'image_size': 64, 'patch_size': 16}
_SWIN = {'embed_dim': 8, 'depths': [1, 1, 1, 1], 'num_heads': [1, 1, 2, 2], 'window_size': 4}
_STAGES = {'depths': [1, 1, 1, 1], 'hidden_sizes': [8, 16, 24, 32]}

# Configs of images by model_type.
IMAGES: dict[str, dict] = {
    'resnet': {**_STAGES, 'embedding_size': 8, 'layer_type': 'basic'},
    'convnext': _STAGES,
    'convnextv2': _STAGES,
    'dinov3_convnext': _STAGES,
    'swin': {**_SWIN, 'image_size': 64},
    'swinv2': {**_SWIN, 'image_size': 64},
    'maskformer-swin': {**_SWIN, 'image_size': 64},
    'pvt_v2': {**_STAGES, 'num_attention_heads': [1, 2, 2, 4], 'mlp_ratios': [2] * 4},
    'bit': {**_STAGES, 'embedding_size': 8, 'num_groups': 4},
    'dinov2': {**_VIT, 'patch_size': 14, 'image_size': 56},
    'dinov2_with_registers': {**_VIT, 'patch_size': 14, 'image_size': 56},
    'dinov3_vit': _VIT,
    'vitdet': _VIT,
    'beit': {**_VIT, 'use_relative_position_bias': True},
}


def image_config(kind: str) -> dict:
    """Return the config of a tiny image network, for ``TransformersBackbone.model``."""
    return {'model_type': kind, **IMAGES[kind]}


def text_config(kind: str = 'bert') -> dict:
    """Return the config of a tiny text network, for ``TextEncoder.model``."""
    return {'model_type': kind, **_LAYERS, 'max_position_embeddings': 16}
