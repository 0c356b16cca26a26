"""Segmentors with a text encoder: the expression counts, its padding does not, errors are clear."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.fusion.text_fusion import TextAudioFusion
from avis.models.segmentors.query_av_segmentor import QueryAVSegmentor
from avis.models.text_encoders.text_encoder import TextEncoder
from tests.helpers.tiny_avism import D, clip, frame_head
from tests.helpers.tiny_encoders import text_config

FUSED = 8  # width of the fused embeddings
WORDS = ['the', 'man', 'on', 'left']
TEXT = {
    'text_encoder': {
        'type': TextEncoder,
        'model': text_config(),
        'vocabulary': WORDS,
        'max_tokens': 8,
        'frozen': False,
    },
    'text_fusion': {
        'type': TextAudioFusion,
        'channels': FUSED,
        'audio_dim': D,
        'text_dim': 16,
        'num_heads': 2,
    },
}


def build(**parts) -> QueryAVSegmentor:
    torch.manual_seed(0)
    head = frame_head(with_audio=True)
    head['audio_fusion']['audio_dim'] = FUSED if parts else D
    return QueryAVSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': FrozenResNet, 'depth': 18},
        audio_encoder={'type': PrecomputedAudio, 'channels': D},
        frame_head=head,
        **parts,
    ).eval()


@pytest.fixture(scope='module')
def model() -> QueryAVSegmentor:
    return build(**TEXT)


def item(length: int = 2, **metainfo) -> dict:
    found = clip(length)
    found['data_samples'].set_metainfo({'video_name': 'a', 'seed': (3,), **metainfo})
    labels = torch.zeros(length, 64, 96, dtype=torch.uint8)
    labels[:, :20] = 1
    found['data_samples'].gt_sem_seg = PixelData(sem_seg=labels)
    return found


@torch.no_grad()
def masks_of(model: QueryAVSegmentor, *items: dict) -> torch.Tensor:
    """Mask logits of the first clip, without its padding frames."""
    data = model.data_preprocessor(pseudo_collate(list(items)))
    return model(data['inputs'])['mask_logits'][0, : len(items[0]['inputs']['frames'])]


def test_expression_changes_the_prediction_and_other_clips_do_not(model) -> None:
    man = masks_of(model, item(expression='The man'))
    assert (man - masks_of(model, item(expression=None))).abs().max() > 1e-3
    other = item(3, expression='The man on the left')
    torch.testing.assert_close(masks_of(model, item(expression='The man'), other), man)


def test_training_reaches_the_text_encoder(model) -> None:
    model.train()
    batch = [item(expression='The man'), item(expression='The left')]
    data = model.data_preprocessor(pseudo_collate(batch), True)
    sum(model(**data, mode='loss').values()).backward()
    model.eval()
    network = model.text_encoder.network
    assert network.embeddings.word_embeddings.weight.grad.abs().max() > 0


def test_clip_without_expression_is_an_error(model) -> None:
    message = 'QueryAVSegmentor: expected an expression for each clip, got none'
    with pytest.raises(ValueError, match=message):
        masks_of(model, item())


def test_text_encoder_needs_a_fusion() -> None:
    with pytest.raises(ValueError, match='expected text_encoder and text_fusion together'):
        build(text_encoder=TEXT['text_encoder'])


def test_model_without_text_has_no_weights_for_it(model) -> None:
    names = {name for name in model.state_dict() if not name.startswith('text_')}
    assert set(build().state_dict()) == names
