"""Tiny models of transformers with random weights, saved as folders for `from_pretrained`.

Classes, files and calls are the real ones; only the sizes are small and the outputs are noise.
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
    """An x-vector model: WavLM with embeddings (12,)."""
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


def save_sam(folder: Path) -> Path:
    """Segment Anything for images of 64 pixels, which finds some masks in noise."""
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    side, width = 64, 16
    images = {'image_size': side, 'patch_size': 16}
    layers = {'num_hidden_layers': 1, 'num_attention_heads': 2, 'mlp_dim': 16}
    config = SamConfig(
        vision_config={
            **images,
            **layers,
            'hidden_size': width,
            'output_channels': width,
            'window_size': 2,
            'global_attn_indexes': [0],
            'num_pos_feats': width // 2,
        },
        prompt_encoder_config={**images, 'hidden_size': width, 'mask_input_channels': 4},
        mask_decoder_config={**layers, 'hidden_size': width, 'iou_head_hidden_dim': 16},
    )
    torch.manual_seed(0)
    model = SamModel(config)
    decoder = model.mask_decoder
    # All masks are said to be good, and their logits are large, which makes them stable.
    torch.nn.init.constant_(decoder.iou_prediction_head.proj_out.bias, 1.0)
    for layer in decoder.output_hypernetworks_mlps:
        layer.proj_out.weight.data *= 1e9
    model.save_pretrained(folder)
    size = {'height': side, 'width': side}
    processor = SamImageProcessor(size={'longest_edge': side}, pad_size=size)
    SamProcessor(processor).save_pretrained(folder)
    return folder


def save_sam2_video(folder: Path) -> Path:
    """SAM 2 for images of 64 pixels."""
    from transformers import (
        Sam2HieraDetConfig,
        Sam2ImageProcessor,
        Sam2VideoConfig,
        Sam2VideoModel,
        Sam2VideoProcessor,
        Sam2VideoVideoProcessor,
        Sam2VisionConfig,
    )
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    side, width = 64, 128
    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[side, side],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 2],
        global_attention_blocks=[3],
    )
    config = Sam2VideoConfig(
        vision_config=Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
            fpn_hidden_size=width,
        ),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(hidden_size=width, image_size=side),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(
            hidden_size=width, mlp_dim=32, iou_head_hidden_dim=32
        ),
        image_size=side,
        **_tracker_sizes(width),
    )
    torch.manual_seed(2)
    model = Sam2VideoModel(config)
    # Every object is visible, and no mask is empty.
    torch.nn.init.constant_(model.mask_decoder.pred_obj_score_head.proj_out.bias, 9.0)
    model.save_pretrained(folder)
    size, mask_size = {'height': side, 'width': side}, {'height': 16, 'width': 16}
    Sam2VideoProcessor(
        Sam2ImageProcessor(size=size, mask_size=mask_size), Sam2VideoVideoProcessor(size=size)
    ).save_pretrained(folder)
    return folder


def save_sam3_video(folder: Path) -> Path:
    """SAM 3 for images of 56 pixels; the three best of its five queries are objects."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        CLIPTokenizer,
        Sam2VideoVideoProcessor,
        Sam3Config,
        Sam3ImageProcessor,
        Sam3TrackerVideoConfig,
        Sam3VideoConfig,
        Sam3VideoModel,
        Sam3VideoProcessor,
    )

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f'{letter}</w>' for letter in letters)]
    ids = {word: i for i, word in enumerate([*words, '<|startoftext|>', '<|endoftext|>'])}
    side, width = 56, 128
    vision = {
        'model_type': 'sam3_vision_model',
        'fpn_hidden_size': width,
        'backbone_feature_sizes': [[16, 16], [8, 8], [4, 4]],
        'backbone_config': {
            'model_type': 'sam3_vit_model',
            'hidden_size': 16,
            'intermediate_size': 16,
            'num_hidden_layers': 2,
            'num_attention_heads': 2,
            'image_size': side,
            'patch_size': 14,
            'window_size': 2,
            'global_attn_indexes': [1],
            'pretrain_image_size': 28,
        },
    }
    text = {
        'model_type': 'clip_text_model',
        'vocab_size': len(ids),
        'hidden_size': 16,
        'intermediate_size': 16,
        'projection_dim': 16,
        'num_hidden_layers': 1,
        'num_attention_heads': 2,
        'max_position_embeddings': 32,
        'bos_token_id': ids['<|startoftext|>'],
        'eos_token_id': ids['<|endoftext|>'],
    }
    layer = {
        'hidden_size': width,
        'num_layers': 1,
        'num_attention_heads': 2,
        'intermediate_size': 16,
    }
    config = Sam3VideoConfig(
        detector_config=Sam3Config(
            vision_config=vision,
            text_config=text,
            geometry_encoder_config=layer,
            detr_encoder_config=layer,
            detr_decoder_config={**layer, 'num_queries': 5},
            mask_decoder_config={'hidden_size': width, 'num_attention_heads': 2},
        ),
        tracker_config=Sam3TrackerVideoConfig(
            vision_config=vision,
            prompt_encoder_config={'hidden_size': width, 'image_size': side, 'patch_size': 14},
            mask_decoder_config={
                'hidden_size': width,
                'mlp_dim': 16,
                'iou_head_hidden_dim': 16,
                'num_attention_heads': 2,
            },
            image_size=side,
            **_tracker_sizes(width),
        ),
        low_res_mask_size=16,
        score_threshold_detection=0.0,
        new_det_thresh=0.0,
        hotstart_delay=0,
        hotstart_unmatch_thresh=0,
        hotstart_dup_thresh=0,
        max_num_objects=3,
        fill_hole_area=0,
    )
    torch.manual_seed(0)
    Sam3VideoModel(config).save_pretrained(folder)
    size, mask_size = {'height': side, 'width': side}, {'height': 16, 'width': 16}
    Sam3VideoProcessor(
        Sam3ImageProcessor(size=size, mask_size=mask_size),
        Sam2VideoVideoProcessor(size=size),
        CLIPTokenizer(vocab=ids, merges=[]),
    ).save_pretrained(folder)
    return folder


def _tracker_sizes(width: int) -> dict:
    """The memory settings of the trackers of SAM."""
    return {
        'memory_attention_hidden_size': width,
        'memory_attention_num_layers': 1,
        'memory_attention_feed_forward_hidden_size': 16,
        'memory_attention_rope_feat_sizes': [4, 4],
        'memory_encoder_hidden_size': width,
        'memory_encoder_output_channels': 64,  # fixed in the code
        'mask_downsampler_embed_dim': width,
        'memory_fuser_embed_dim': width,
        'memory_fuser_intermediate_dim': 16,
        'memory_fuser_num_layers': 1,
    }


CHAT_TEMPLATE = (
    '{% for message in messages %}<|im_start|>{{ message.role }}\n'
    '{% for part in message.content %}{% if part.type == "image" %}'
    '<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}'
    '<|im_end|>\n{% endfor %}'
    '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}'
)


def save_qwen3_vl(folder: Path) -> Path:
    """Qwen3-VL with a byte tokenizer and patches of 4 pixels."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        Qwen2Tokenizer,
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    special = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|vision_start|>', '<|vision_end|>']
    special += ['<|image_pad|>', '<|video_pad|>']
    words = sorted(ByteLevel.alphabet())
    ids = {word: i for i, word in enumerate([*words, *special])}
    tokenizer = Qwen2Tokenizer(
        vocab=ids, merges=[], additional_special_tokens=special, pad_token='<|endoftext|>'
    )
    config = Qwen3VLConfig(
        text_config={
            'initializer_range': 0.3,
            'vocab_size': len(ids),
            'hidden_size': 32,
            'intermediate_size': 32,
            'num_hidden_layers': 2,
            'num_attention_heads': 2,
            'num_key_value_heads': 1,
            'head_dim': 16,
            'max_position_embeddings': 4096,
            'rope_parameters': {
                'rope_type': 'default',
                'rope_theta': 1e4,
                'mrope_section': [4, 2, 2],
                'mrope_interleaved': True,
            },
        },
        vision_config={
            'initializer_range': 0.3,
            'depth': 2,
            'hidden_size': 16,
            'intermediate_size': 16,
            'num_heads': 2,
            'patch_size': 4,
            'out_hidden_size': 32,
            'num_position_embeddings': 16,
            'deepstack_visual_indexes': [0],
        },
        image_token_id=ids['<|image_pad|>'],
        video_token_id=ids['<|video_pad|>'],
        vision_start_token_id=ids['<|vision_start|>'],
        vision_end_token_id=ids['<|vision_end|>'],
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.5,
        eos_token_id=ids['<|im_end|>'],
        pad_token_id=ids['<|endoftext|>'],
    )
    model.save_pretrained(folder)
    sizes = {'shortest_edge': 64, 'longest_edge': 4096}
    Qwen3VLProcessor(
        Qwen2VLImageProcessor(patch_size=4, size=sizes),
        tokenizer,
        Qwen3VLVideoProcessor(patch_size=4, size=sizes),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return folder
